"""A login before MLflow's host name: oauth2-proxy, which asks an OpenID Connect issuer who a browser's user is.

It only answers whether a person may come in: to MLflow, a request that comes this way is anonymous and shows no token
(`NO_TOKENS`). External: the issuer, the client registered there with the redirect https://<host>/oauth2/callback, and
the Secret.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import pulumi
import pulumi_kubernetes as k8s
from pulumi import Output, ResourceOptions

from components.kit.custom import object_name
from components.kit.labels import labels, selector
from components.kit.network import ANYWHERE, Allowance, Peers, allow
from components.kit.options import depending_on
from components.kit.pod import Container, Mount, pod, resources, restricted_container
from contract.page import PAGE_PATH
from settings.tracking import Oidc

APP: Final = "oauth2-proxy"
PORT: Final = 4180
CLIENT_SECRET: Final = "client-secret"  # noqa: S105  a name, not a secret
COOKIE_SECRET: Final = "cookie-secret"  # noqa: S105  a name, not a secret
SECRETS: Final[Mount] = {"name": "secrets", "mount_path": "/etc/oauth2-proxy", "read_only": True}
NO_TOKENS: Final = {"type": "RequestHeaderModifier", "requestHeaderModifier": {"remove": ["Authorization"]}}
"""A route's filter: the proxy hands on headers that it does not set, and MLflow would believe an account's token."""
SESSION: Final = "8h0m0s"
"""How long a login lasts. Nothing ends it earlier: a person who has left a group keeps reading that long."""


@dataclass(frozen=True, kw_only=True)
class OAuth2ProxyArgs:
    """Who may come in, and where that leads."""

    namespace: pulumi.Input[str]
    image: str
    oidc: Oidc
    host: str
    """Public host name; browsers reach it over TLS only."""
    upstream: pulumi.Input[str]
    """URL that requests go on to."""
    upstream_egress: Sequence[Allowance]
    """What it takes to reach `upstream`."""
    peers: Peers
    """Where requests come from: the gateway's proxies."""
    paths: Sequence[pulumi.Input[str]] = ()
    """URLs of other servers, each with the path below which requests go on to it, such as http://page:8000/loop/."""


class OAuth2Proxy(pulumi.ComponentResource):
    """Creates two servers behind a Service, with a disruption budget and their NetworkPolicy.

    Sessions are in encrypted cookies: the servers share the key and nothing else.
    """

    service: Output[str]
    """The Service's name, for a route. Its port is `PORT`."""

    def __init__(self, name: str, args: OAuth2ProxyArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("ml-loop:tracking:OAuth2Proxy", name, None, opts)
        child = ResourceOptions(parent=self)
        servers = selector(APP, name)
        metadata: k8s.meta.v1.ObjectMetaArgsDict = {
            "name": name,
            "namespace": args.namespace,
            "labels": labels(APP, name),
        }
        issuer = urlsplit(args.oidc.issuer_url).port or 443
        policy = allow(
            f"{name}-servers",
            namespace=args.namespace,
            selector=servers,
            ingress=[Allowance(ports=(PORT,), peers=args.peers)],
            # The address behind the issuer's name changes: no policy can name it.
            egress=[*args.upstream_egress, Allowance(ports=(issuer,), peers=ANYWHERE)],
            opts=child,
        )
        deployment = k8s.apps.v1.Deployment(
            f"{name}-deployment",
            metadata=metadata,
            spec={
                "replicas": 2,
                "selector": {"match_labels": servers},
                "template": {
                    "metadata": {"labels": labels(APP, name)},
                    "spec": pod(
                        _container(args),
                        volumes=[{"name": SECRETS["name"], "secret": {"secret_name": args.oidc.client_secret_name}}],
                    ),
                },
            },
            # A server does not start without its issuer's answer.
            opts=depending_on(child, policy),
        )
        k8s.policy.v1.PodDisruptionBudget(
            f"{name}-disruption",
            metadata=metadata,
            spec={"max_unavailable": 1, "selector": {"match_labels": servers}},
            opts=child,
        )
        service = k8s.core.v1.Service(
            f"{name}-service",
            metadata=metadata,
            spec={"selector": servers, "ports": [{"name": "http", "port": PORT, "target_port": "http"}]},
            opts=depending_on(child, deployment),
        )
        self.service = object_name(service)
        self.register_outputs({"service": self.service})


def _container(args: OAuth2ProxyArgs) -> Container:
    def probe(path: str) -> Any:
        return {"http_get": {"path": path, "port": "http"}, "period_seconds": 5, "timeout_seconds": 5}

    return {
        **restricted_container(APP, args.image, resources(cpu="20m", memory="64Mi", memory_limit="256Mi"), [SECRETS]),
        "args": [
            f"--http-address=0.0.0.0:{PORT}",
            Output.concat("--upstream=", args.upstream, "/"),
            *(Output.concat("--upstream=", each) for each in args.paths),
            *_issuer(args.oidc),
            *_sessions(args.host),
            # Scripts of the page learn that the session has ended, instead of being led to a login they cannot show.
            f"--api-route=^/(api|ajax-api|graphql|{PAGE_PATH.strip('/')}/live)",
            "--skip-provider-button=true",
            "--silence-ping-logging=true",
        ],
        "ports": [{"name": "http", "container_port": PORT}],
        "readiness_probe": probe("/ready"),
        "liveness_probe": probe("/ping"),
    }


def _issuer(oidc: Oidc) -> list[str]:
    return [
        "--provider=oidc",
        f"--oidc-issuer-url={oidc.issuer_url}",
        f"--client-id={oidc.client_id}",
        f"--client-secret-file={SECRETS['mount_path']}/{CLIENT_SECRET}",
        "--code-challenge-method=S256",
        # Everyone whom the issuer lets use this client; the flag must be there, and groups narrow it.
        "--email-domain=*",
        *(f"--allowed-group={group}" for group in oidc.allowed_groups),
    ]


def _sessions(host: str) -> list[str]:
    return [
        f"--redirect-url=https://{host}/oauth2/callback",
        f"--cookie-secret-file={SECRETS['mount_path']}/{COOKIE_SECRET}",
        # Browsers take a cookie of that prefix from this host over TLS alone, and from no other host of the domain.
        "--cookie-name=__Host-mlflow",
        "--cookie-secure=true",
        # Another site's page cannot post with the session.
        "--cookie-samesite=lax",
        f"--cookie-expire={SESSION}",
        # MLflow gets none of the issuer's tokens, so none needs to be in a cookie.
        "--session-cookie-minimal=true",
    ]
