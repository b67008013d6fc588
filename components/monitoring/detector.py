"""The drift detector of one model: reads `ml.predictions`, compares windows with the reference, writes `ml.drift`.

External: the command (`python3 -m loop detect`), MLflow with the reference, Kafka. Its windows are in Kafka too, so the
pod keeps nothing: it may be killed at any time.
"""

from dataclasses import dataclass, field, fields
from typing import Final

import pulumi
import pulumi_kubernetes as k8s
from pulumi import Output, ResourceOptions

from components.kit import metrics
from components.kit.access import Access
from components.kit.connections import Tracking
from components.kit.custom import object_name
from components.kit.labels import labels, selector
from components.kit.network import allow
from components.kit.options import depending_on
from components.kit.pod import SCRATCH, Container, Resources, arguments, plain_env, pod, resources, restricted_container
from components.kit.probes import probes
from contract.commands import Detect
from contract.drift import DriftSettings
from contract.names import METRICS_PORT
from settings.model import Drift

APP: Final = "drift-detector"


@dataclass(frozen=True, kw_only=True)
class DriftMonitorArgs:
    """The model, and what counts as drift of it."""

    namespace: pulumi.Input[str]
    model: str
    image: str
    drift: Drift
    kafka: Access
    tracking: Tracking
    resources: Resources = field(default_factory=lambda: resources(cpu="100m", memory="512Mi", memory_limit="1Gi"))


class DriftMonitor(pulumi.ComponentResource):
    """Creates a Deployment of one, its ServiceAccount and NetworkPolicy.

    One, as two would split the partitions between them and each see windows of its own half.
    """

    name: Output[str]
    """The Deployment's name, known once the detector compares, or waits for the model's first version."""

    def __init__(self, name: str, args: DriftMonitorArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("ml-loop:monitoring:DriftMonitor", name, None, opts)
        child = ResourceOptions(parent=self)
        metadata: k8s.meta.v1.ObjectMetaArgsDict = {
            "name": f"{args.model}-drift",
            "namespace": args.namespace,
            "labels": labels(APP, name),
        }
        account = k8s.core.v1.ServiceAccount(
            f"{name}-account", metadata=metadata, automount_service_account_token=False, opts=child
        )
        policy = allow(
            f"{name}-detector",
            namespace=args.namespace,
            selector=selector(APP, name),
            ingress=[metrics.ingress(METRICS_PORT)],
            egress=[*args.tracking.egress, *args.kafka.egress],
            opts=child,
        )
        scraped = metrics.annotations(METRICS_PORT)
        deployment = k8s.apps.v1.Deployment(
            f"{name}-detector",
            metadata=metadata,
            spec={
                "replicas": 1,
                # The old detector lets go of its partitions before the new one takes them.
                "strategy": {"type": "Recreate"},
                "selector": {"match_labels": selector(APP, name)},
                "template": {
                    "metadata": {"labels": {**labels(APP, name), **args.kafka.labels}, "annotations": scraped},
                    "spec": pod(_detector(args), volumes=args.kafka.volumes, service_account=object_name(account)),
                },
            },
            opts=depending_on(child, policy),
        )
        self.name = object_name(deployment)
        self.register_outputs({"name": self.name})


def _detector(args: DriftMonitorArgs) -> Container:
    return {
        **restricted_container("detector", args.image, args.resources, args.kafka.mounts),
        "command": Detect.entry(),
        "args": arguments(_command(args)),
        "env": [
            *(args.kafka + args.tracking.reading).env,
            # alibi-detect compiles when it is imported, and caches beside its code where it may.
            *plain_env({"NUMBA_CACHE_DIR": f"{SCRATCH}/numba"}),
        ],
        "ports": [{"name": "metrics", "container_port": METRICS_PORT}],
        **probes(starting_seconds=3),
    }


def _command(args: DriftMonitorArgs) -> Detect:
    settings = DriftSettings(**{field.name: getattr(args.drift, field.name) for field in fields(DriftSettings)})
    return Detect(model=args.model, drift=settings, port=METRICS_PORT)
