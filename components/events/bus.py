"""The event bus of Argo Events: what an event source has read stays here until the sensor has acted on it.

There are two kinds, and who chose the controller decides between them. With our chart, JetStream as the operator runs
it: three servers. With a controller that the cluster brings, whose list of JetStream images is not ours to know: one
nats-server of our own. Kafka keeps every event until the bus has taken it, so a bus that is away delays events and
loses none.
"""

from dataclasses import dataclass
from typing import Any, Final

import pulumi
from pulumi import Output, ResourceOptions

import versions
from components.events.nats import PORT, NatsServer, NatsServerArgs, exotic
from components.kit.access import Access
from components.kit.custom import custom_resource, object_name
from components.kit.images import image
from components.kit.labels import labels, selector
from components.kit.network import Allowance, allow, pods
from components.kit.options import depending_on
from components.kit.pod import resources, spread
from components.kit.restricted import container_security_context, pod_security_context
from components.platform.operators import Operators
from settings import ImageName, Settings

APP: Final = "event-bus"
API_VERSION: Final = "argoproj.io/v1alpha1"
BUS_NAME: Final = "default"
"""The bus that event sources and sensors use when they name none; there is one per namespace."""
CLUSTER_PORT: Final = 6222
REPLICAS: Final = 3
"""The fewest servers that keep a majority when one is away."""


@dataclass(frozen=True, kw_only=True)
class JetStreamArgs:
    """Servers that the operator runs."""

    namespace: pulumi.Input[str]
    version: str
    """An entry of the controller's list of versions, which says what images it stands for."""
    storage: str = "1Gi"
    """Size of each server's volume."""


@dataclass(frozen=True, kw_only=True)
class EventBusArgs:
    """Who runs the bus."""

    servers: JetStreamArgs | NatsServerArgs


class EventBus(pulumi.ComponentResource):
    """Creates an EventBus; for the operator's servers a NetworkPolicy, else a `NatsServer`.

    External: the controller of Argo Events. Clients of both kinds speak TLS and log in with a password that is made in
    the cluster. They verify our server's certificate; the operator gives them no authority to verify its own with.
    """

    name: Output[str]
    """The bus's name, known once event sources and sensors can be deployed on it."""
    access: Access
    """What a client uses."""

    def __init__(self, name: str, args: EventBusArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("ml-loop:events:EventBus", name, None, opts)
        child = ResourceOptions(parent=self)
        match args.servers:
            case JetStreamArgs():
                clients = {f"ml-loop.dev/client-of-{name}": "true"}
                servers = Allowance(ports=(PORT,), peers=(pods(selector(APP, name, "server")),))
                self.access = Access(labels=clients, egress=[servers])
                _allow(name, args.servers.namespace, clients, child)
                spec = {"jetstream": _jetstream(name, args.servers)}
            case NatsServerArgs():
                server = NatsServer(f"{name}-nats", args.servers, child)
                self.access = server.access
                spec = {"jetstreamExotic": exotic(server, _stream_config(replicas=1))}
        bus = custom_resource(
            f"{name}-bus",
            API_VERSION,
            "EventBus",
            {"name": BUS_NAME, "namespace": args.servers.namespace, "labels": labels(APP, name)},
            spec,
            wait_for="condition=Deployed",
            opts=child,
        )
        self.name = object_name(bus)
        self.register_outputs({"name": self.name})


def event_bus(
    stack: Settings, namespace: pulumi.Input[str], operators: Operators, opts: ResourceOptions
) -> EventBus | None:
    """The bus between drift and training, of all models; None where drift starts no training."""
    if not any(model.retraining for model in stack.models.values()):
        return None
    return EventBus(
        "event-bus", EventBusArgs(servers=_servers(stack, namespace)), depending_on(opts, operators.argo_events)
    )


def _servers(stack: Settings, namespace: pulumi.Input[str]) -> JetStreamArgs | NatsServerArgs:
    """The operator's own servers where our chart says which versions it knows, else one server of ours."""
    if stack.platform.argo_events.install:
        return JetStreamArgs(namespace=namespace, version=versions.NATS.tag)
    return NatsServerArgs(
        namespace=namespace, image=image(stack, ImageName.NATS), loop_image=image(stack, ImageName.LOOP)
    )


def _allow(name: str, namespace: pulumi.Input[str], clients: dict[str, str], child: ResourceOptions) -> None:
    server = selector(APP, name, "server")
    others = Allowance(ports=(CLUSTER_PORT,), peers=(pods(server),))
    allow(
        f"{name}-servers",
        namespace=namespace,
        selector=server,
        ingress=[others, Allowance(ports=(PORT,), peers=(pods(clients),))],
        egress=[others],
        opts=child,
    )


def _jetstream(name: str, args: JetStreamArgs) -> dict[str, Any]:
    secured = {"securityContext": container_security_context(), "imagePullPolicy": "IfNotPresent"}
    return {
        "version": args.version,
        "replicas": REPLICAS,
        "metadata": {"labels": labels(APP, name, "server")},
        "persistence": {"accessMode": "ReadWriteOnce", "volumeSize": args.storage},
        "affinity": spread(selector(APP, name, "server")),
        "securityContext": pod_security_context(),
        "containerTemplate": {
            **secured,
            "resources": resources(cpu="50m", memory="128Mi", memory_limit="512Mi"),
        },
        "reloaderContainerTemplate": secured,
        "metricsContainerTemplate": secured,
        "streamConfig": _stream_config(replicas=REPLICAS),
    }


def _stream_config(*, replicas: int) -> str:
    """Read once, when the stream is made. What the servers' volumes must hold stays far below their size."""
    return f"""\
replicas: {replicas}
maxAge: 72h
maxMsgs: 50000
maxBytes: 268435456
duplicates: 300s
"""
