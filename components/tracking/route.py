"""MLflow's host name at the gateway: one address for browsers and for clients outside the cluster."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi import ResourceOptions

from components.kit.custom import custom_resource
from components.kit.labels import labels
from components.kit.options import depending_on
from components.serving.gateway import API_VERSION, Gateway
from components.tracking.mlflow import APP, PORT


@dataclass(frozen=True, kw_only=True)
class MlflowRouteArgs:
    """The host, and where it leads."""

    gateway: Gateway
    namespace: pulumi.Input[str]
    """The gateway's namespace, as it admits routes of no other."""
    host: str
    service: pulumi.Input[str]
    """The Service that the host leads to: MLflow's, or that of a login before it."""
    tracking_namespace: pulumi.Input[str]
    """The Service's namespace."""
    port: int = PORT
    filters: Sequence[Mapping[str, Any]] = ()
    """What the route does to its requests."""


class MlflowRoute(pulumi.ComponentResource):
    """Creates an HTTPRoute for the host, and in MLflow's namespace the ReferenceGrant that lets it lead there.

    External: the host's DNS record, and who may come in: a login (`components.tracking.login`) decides, or the gateway
    itself.
    """

    url: str
    """Where clients outside the cluster reach MLflow."""

    def __init__(self, name: str, args: MlflowRouteArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("ml-loop:tracking:MlflowRoute", name, None, opts)
        child = ResourceOptions(parent=self)
        grant = custom_resource(
            f"{name}-grant",
            "gateway.networking.k8s.io/v1beta1",
            "ReferenceGrant",
            {"name": name, "namespace": args.tracking_namespace, "labels": labels(APP, name)},
            {
                "from": [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "namespace": args.namespace}],
                "to": [{"group": "", "kind": "Service", "name": args.service}],
            },
            opts=child,
        )
        backend = {"name": args.service, "namespace": args.tracking_namespace, "port": args.port}
        rule = {"backendRefs": [backend]} | ({"filters": args.filters} if args.filters else {})
        custom_resource(
            f"{name}-route",
            API_VERSION,
            "HTTPRoute",
            {"name": name, "namespace": args.namespace, "labels": labels(APP, name)},
            {
                "parentRefs": [{"name": args.gateway.name}],
                "hostnames": [args.host],
                "rules": [rule],
            },
            opts=depending_on(child, grant),
        )
        self.url = f"{args.gateway.scheme}://{args.host}"
        self.register_outputs({"url": self.url})
