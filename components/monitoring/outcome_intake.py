"""Where clients say what became of predictions: `POST /v1/models/<model>:outcome` at the models' one address.

It has pods of its own: model servers run the image that their version was trained in, may sleep, and stand behind a
router that knows one path. What comes from outside can only be written to one topic from here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi
import pulumi_kubernetes as k8s
from pulumi import Output, ResourceOptions

from components.kit import metrics
from components.kit.access import Access
from components.kit.custom import custom_resource, object_name
from components.kit.identities import account_with
from components.kit.labels import labels, selector
from components.kit.network import Allowance, allow
from components.kit.options import depending_on
from components.kit.pod import Container, arguments, pod, resources, restricted_container, spread
from components.kit.probes import probes
from components.serving.gateway import API_VERSION, Gateway
from contract.names import METRICS_PORT, SERVER_PORT
from contract.outcome_commands import TakeOutcomes

APP: Final = "outcome-intake"
REPLICAS: Final = 2
"""Two, so that a client whose pod ends need not wait for the next one when it tries again."""


@dataclass(frozen=True, kw_only=True)
class OutcomeIntakeArgs:
    """The models, and the way to Kafka."""

    namespace: pulumi.Input[str]
    models: Sequence[str]
    """Those whose outcomes are taken, at least one."""
    loop_image: str
    kafka: Access
    gateway: Gateway


class OutcomeIntake(pulumi.ComponentResource):
    """Creates one Deployment for all models, its Service, ServiceAccount and NetworkPolicy, and a route for each model.

    The gateway treats these requests as it treats those for predictions.
    """

    def __init__(self, name: str, args: OutcomeIntakeArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("ml-loop:monitoring:OutcomeIntake", name, None, opts)
        child = ResourceOptions(parent=self)
        metadata: k8s.meta.v1.ObjectMetaArgsDict = {
            "name": name,
            "namespace": args.namespace,
            "labels": labels(APP, name),
        }
        account = account_with(name, name, [], namespace=args.namespace, labels=labels(APP, name), opts=child)
        policy = allow(
            f"{name}-pods",
            namespace=args.namespace,
            selector=selector(APP, name),
            ingress=[metrics.ingress(METRICS_PORT), Allowance(ports=(SERVER_PORT,), peers=args.gateway.peers)],
            egress=args.kafka.egress,
            opts=child,
        )
        deployment = k8s.apps.v1.Deployment(
            f"{name}-pods",
            metadata=metadata,
            spec={
                "replicas": REPLICAS,
                "selector": {"match_labels": selector(APP, name)},
                "template": {
                    "metadata": {
                        "labels": {**labels(APP, name), **args.kafka.labels},
                        "annotations": metrics.annotations(METRICS_PORT),
                    },
                    "spec": {
                        **pod(_server(args), volumes=args.kafka.volumes, service_account=account),
                        "affinity": spread(selector(APP, name)),
                    },
                },
            },
            opts=depending_on(child, policy),
        )
        service = k8s.core.v1.Service(
            f"{name}-service",
            metadata=metadata,
            spec={
                "selector": selector(APP, name),
                "ports": [{"name": "http", "port": SERVER_PORT, "target_port": "http"}],
            },
            opts=depending_on(child, deployment),
        )
        for model in args.models:
            _route(f"{name}-{model}", model, args, object_name(service), child)
        self.register_outputs({"service": object_name(service)})


def _server(args: OutcomeIntakeArgs) -> Container:
    return {
        **restricted_container(
            "intake", args.loop_image, resources(cpu="20m", memory="96Mi", memory_limit="256Mi"), args.kafka.mounts
        ),
        "command": TakeOutcomes.entry(),
        "args": arguments(TakeOutcomes(models=tuple(args.models))),
        "env": list(args.kafka.env),
        "ports": [
            {"name": "http", "container_port": SERVER_PORT},
            {"name": "metrics", "container_port": METRICS_PORT},
        ],
        **probes(starting_seconds=1),
    }


def _route(name: str, model: str, args: OutcomeIntakeArgs, service: Output[str], child: ResourceOptions) -> None:
    path: dict[str, Any] = {"type": "Exact", "value": f"/v1/models/{model}:outcome"}
    rule: dict[str, Any] = {
        "matches": [{"path": path, "method": "POST"}],
        "backendRefs": [{"name": service, "port": SERVER_PORT}],
        "filters": list(args.gateway.filters),
    }
    custom_resource(
        f"{name}-route",
        API_VERSION,
        "HTTPRoute",
        {"name": f"{model}-outcomes", "namespace": args.namespace, "labels": labels(APP, name)},
        {"parentRefs": [{"name": args.gateway.name}], "rules": [rule]},
        opts=child,
    )
