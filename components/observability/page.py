"""The page of the loop: one small server that shows people what happens with each model, and what waits for them.

External: the command (`python3 -m loop page`), and who may come: at MLflow's host the login before it decides,
elsewhere anyone who reaches the port comes in. It only reads: no right of its account changes anything.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi
import pulumi_kubernetes as k8s
from pulumi import Output, ResourceOptions

from components.kit.connections import Tracking
from components.kit.custom import custom_resource, object_name
from components.kit.identities import RoleRule, account_with
from components.kit.labels import labels, selector
from components.kit.network import API_SERVER, Allowance, Peers, allow, pods
from components.kit.options import depending_on
from components.kit.pod import Container, Mount, PodSpec, arguments, pod, resources, restricted_container
from components.serving.gateway import API_VERSION, Gateway
from contract.commands import Command, Page
from contract.names import METRICS_PORT, SERVER_PORT
from contract.page import PAGE_PATH, PAGE_PORT, PAGE_SERVICE

APP: Final = PAGE_SERVICE
FILE: Final = "content.json"
SOURCES: Final = (API_SERVER, Allowance(ports=(SERVER_PORT, METRICS_PORT), peers=(pods({}),)))
"""Where it reads, besides MLflow: Kubernetes' objects, and what the loop's pods export."""
CONTENT: Final[Mount] = {"name": "content", "mount_path": "/etc/loop-page", "read_only": True}
CONTENT_FILE: Final = f"{CONTENT['mount_path']}/{FILE}"
READS: Final[tuple[RoleRule, ...]] = (
    {"api_groups": ["argoproj.io"], "resources": ["workflows"], "verbs": ["list"]},
    {"api_groups": ["gateway.networking.k8s.io"], "resources": ["httproutes"], "verbs": ["list"]},
    {"api_groups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["list"]},
    {"api_groups": [""], "resources": ["pods"], "verbs": ["list"]},
)
"""What the page may read in the loop's namespace: no Secret, no log; it may change nothing."""


@dataclass(frozen=True, kw_only=True)
class LoopPageArgs:
    """What the page shows, and how people reach it."""

    namespace: pulumi.Input[str]
    image: str
    content: pulumi.Input[str]
    """A `contract.page.PageContent` as JSON."""
    tracking: Tracking
    peers: Peers
    """Where requests come from; ANYWHERE: not known."""
    node_port: int | None = None
    """Port on every node, without TLS, where one is wanted."""
    gateway: Gateway | None = None
    host: str | None = None
    """The gateway's host that leads to the page below `PAGE_PATH`; None: no route of its own, as a login leads to it.
    """


class LoopPage(pulumi.ComponentResource):
    """Creates a Deployment of one, its Service, ConfigMap, ServiceAccount, Role and NetworkPolicy; with a host, a
    route.

    There is one pod, as nothing depends on it: while it restarts, people wait some seconds.
    """

    service: Output[str]
    """The Service's name. Its port is `PAGE_PORT`."""

    def __init__(self, name: str, args: LoopPageArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("ml-loop:observability:LoopPage", name, None, opts)
        child = ResourceOptions(parent=self)
        own, found = labels(APP, name), selector(APP, name)
        metadata: k8s.meta.v1.ObjectMetaArgsDict = {"name": PAGE_SERVICE, "namespace": args.namespace, "labels": own}
        account = account_with(name, PAGE_SERVICE, READS, namespace=args.namespace, labels=own, opts=child)
        # Its name is fixed: the page reads it again when it changes, so that no number in the settings restarts the
        # page.
        content = k8s.core.v1.ConfigMap(
            f"{name}-content", metadata=metadata, data={FILE: Output.from_input(args.content)}, opts=child
        )
        policy = allow(
            f"{name}-pods",
            namespace=args.namespace,
            selector=found,
            ingress=[Allowance(ports=(PAGE_PORT,), peers=args.peers)],
            egress=[*args.tracking.egress, *SOURCES],
            opts=child,
        )
        deployment = k8s.apps.v1.Deployment(
            f"{name}-deployment",
            metadata=metadata,
            spec={
                "replicas": 1,
                "selector": {"match_labels": found},
                "template": {"metadata": {"labels": own}, "spec": _pod(args, account, object_name(content))},
            },
            opts=depending_on(child, policy),
        )
        port: k8s.core.v1.ServicePortArgsDict = {"name": "http", "port": PAGE_PORT, "target_port": "http"}
        if args.node_port is not None:
            port["node_port"] = args.node_port
        service = k8s.core.v1.Service(
            f"{name}-service",
            metadata=metadata,
            spec={"type": "ClusterIP" if args.node_port is None else "NodePort", "selector": found, "ports": [port]},
            opts=depending_on(child, deployment),
        )
        self.service = object_name(service)
        _route(name, args, self.service, child)
        self.register_outputs({"service": self.service})


def _pod(args: LoopPageArgs, account: Output[str], content: Output[str]) -> PodSpec:
    command = Page(content=CONTENT_FILE, port=PAGE_PORT)
    return reading_pod("page", args.image, args.tracking, command, account=account, content=content)


def reading_pod(
    name: str,
    image: str,
    tracking: Tracking,
    command: Command,
    *,
    account: Output[str],
    content: Output[str],
    ready: str = "/healthz",
    mounts: Sequence[Mount] = (),
    volumes: Sequence[Any] = (),
) -> PodSpec:
    """A pod of the page's image that reads the loop. `content` is the ConfigMap with what the stack tells it."""
    container: Container = {
        **restricted_container(
            name, image, resources(cpu="10m", memory="64Mi", memory_limit="192Mi"), [CONTENT, *mounts]
        ),
        "command": command.entry(),
        "args": arguments(command),
        "env": tracking.reading.env,
        "ports": [{"name": "http", "container_port": PAGE_PORT}],
        "startup_probe": _probe("/healthz", period=1, failures=60),
        "readiness_probe": _probe(ready, period=10, failures=3),
        "liveness_probe": _probe("/healthz", period=20, failures=3),
    }
    known: Any = {"name": CONTENT["name"], "config_map": {"name": content}}
    made = pod(container, volumes=[known, *volumes], service_account=account)
    return {**made, "automount_service_account_token": True}


def _probe(path: str, *, period: int, failures: int) -> k8s.core.v1.ProbeArgsDict:
    """Probes by a host name that the page answers to: it answers no request to the pod's address."""
    asked: k8s.core.v1.HTTPGetActionArgsDict = {
        "path": path,
        "port": "http",
        "http_headers": [{"name": "Host", "value": "localhost"}],
    }
    return {"http_get": asked, "period_seconds": period, "failure_threshold": failures, "timeout_seconds": 5}


def _route(name: str, args: LoopPageArgs, service: Output[str], child: ResourceOptions) -> None:
    """The longer path wins over that of MLflow, which has the rest of the host."""
    if args.gateway is None or args.host is None:
        return
    rule: Mapping[str, Any] = {
        "matches": [{"path": {"type": "PathPrefix", "value": PAGE_PATH}}],
        "backendRefs": [{"name": service, "port": PAGE_PORT}],
    }
    custom_resource(
        f"{name}-route",
        API_VERSION,
        "HTTPRoute",
        {"name": PAGE_SERVICE, "namespace": args.namespace, "labels": labels(APP, name)},
        {"parentRefs": [{"name": args.gateway.name}], "hostnames": [args.host], "rules": [rule]},
        opts=child,
    )
