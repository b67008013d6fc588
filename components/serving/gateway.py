"""The address at which models are reached from outside: a Gateway of a class that the cluster offers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

import pulumi
from pulumi import Output, ResourceOptions

from components.kit.labels import labels
from components.kit.network import ANYWHERE, Peers, namespaced
from contract.names import TENANT_HEADER, USER_HEADER
from settings import Settings

API_VERSION: Final = "gateway.networking.k8s.io/v1"
CALLER: Final = (TENANT_HEADER, USER_HEADER)
"""Headers that say whose a prediction is. The model servers believe them."""
STRIP_CALLER: Final = {"type": "RequestHeaderModifier", "requestHeaderModifier": {"remove": list(CALLER)}}


@dataclass(frozen=True, kw_only=True)
class GatewayArgs:
    """Which controller serves the Gateway, and for whom."""

    namespace: pulumi.Input[str]
    """Where it is. Routes of this namespace may use it, and no others."""
    class_name: str
    """GatewayClass. Its controller is not part of the stack."""
    proxies: str | None = None
    """Namespace of the pods that carry its traffic; None: unknown, or not in the cluster."""
    tls_secret: str | None = None
    """Secret with its certificate. None: plain HTTP."""
    authenticates: bool = False
    """Whether it sets the headers `CALLER` itself, from whom it has authenticated."""


class Gateway(pulumi.ComponentResource):
    """Creates a Gateway with one listener, and waits until its controller has given it an address.

    External: the GatewayClass, its controller, and the certificate where there is one.
    """

    name: Output[str]
    """The Gateway's name, for routes. Known once it has an address."""
    url: Output[str]
    """Where clients reach it: scheme, host and port, no trailing slash."""
    scheme: str
    filters: Sequence[Mapping[str, Any]]
    """What every rule of a route to a model does to its requests."""
    peers: Peers
    """Where its requests come from, for the policies of what it leads to."""

    def __init__(self, name: str, args: GatewayArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("ml-loop:serving:Gateway", name, None, opts)
        # Not the generic CustomResource: of an object's outputs that one keeps only what went in, and no status.
        gateway = pulumi.CustomResource(
            f"kubernetes:{API_VERSION}:Gateway",
            f"{name}-gateway",
            {
                "apiVersion": API_VERSION,
                "kind": "Gateway",
                "metadata": {
                    "name": name,
                    "namespace": args.namespace,
                    "labels": labels("gateway", name),
                    "annotations": {"pulumi.com/waitFor": "condition=Programmed"},
                },
                "spec": {"gatewayClassName": args.class_name, "listeners": [_listener(args.tls_secret)]},
                "status": None,
            },
            ResourceOptions(parent=self),
        )
        status = cast("Output[dict[str, Any]]", getattr(gateway, "status"))  # noqa: B009  it is known at run time only
        self.name = status.apply(lambda _: name)
        self.scheme = "https" if args.tls_secret else "http"
        self.url = status.apply(lambda known: f"{self.scheme}://{_host(known)}")
        self.filters = [] if args.authenticates else [STRIP_CALLER]
        self.peers = ANYWHERE if args.proxies is None else (namespaced(args.proxies),)
        self.register_outputs({"name": self.name, "url": self.url})


def gateway(stack: Settings, namespace: pulumi.Input[str], opts: ResourceOptions) -> Gateway | None:
    """One address for all models and for MLflow; None where the settings have no gateway."""
    if stack.gateway is None:
        return None
    args = GatewayArgs(
        namespace=namespace,
        class_name=stack.gateway.class_name,
        proxies=stack.gateway.namespace,
        tls_secret=stack.gateway.tls_secret,
        authenticates=stack.gateway.authenticates,
    )
    return Gateway("models", args, opts)


def _listener(tls_secret: str | None) -> dict[str, Any]:
    routes = {"allowedRoutes": {"namespaces": {"from": "Same"}}}
    if tls_secret is None:
        return {"name": "http", "port": 80, "protocol": "HTTP", **routes}
    tls = {"mode": "Terminate", "certificateRefs": [{"name": tls_secret}]}
    return {"name": "https", "port": 443, "protocol": "HTTPS", "tls": tls, **routes}


def _host(status: Mapping[str, Any]) -> str:
    host = status["addresses"][0]["value"]
    return f"[{host}]" if ":" in host else host
