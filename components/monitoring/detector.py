"""The drift detector of one model: reads `ml.predictions`, compares windows with the reference, writes `ml.drift`.

External: the command (`python3 -m loop detect`), MLflow with the reference, Kafka. Its windows are in Kafka too, so the
pod keeps nothing: it may be killed at any time.
"""

from dataclasses import dataclass, field, fields
from typing import Final

import pulumi
from pulumi import Output, ResourceOptions

from components.kit.access import Access
from components.kit.connections import Tracking
from components.kit.identities import account_with
from components.kit.labels import labels
from components.kit.pod import SCRATCH, Resources, arguments, plain_env, resources
from components.monitoring.watching import WatchingPod, deploy
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

    There is one pod, as two would split the partitions between them and each see windows of its own half.
    """

    name: Output[str]
    """The Deployment's name, known once the detector compares, or waits for the model's first version."""

    def __init__(self, name: str, args: DriftMonitorArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("ml-loop:monitoring:DriftMonitor", name, None, opts)
        child = ResourceOptions(parent=self)
        watch = f"{args.model}-drift"
        watcher = WatchingPod(
            name=watch,
            namespace=args.namespace,
            labelled=(APP, name),
            container="detector",
            image=args.image,
            resources=args.resources,
            command=Detect,
            arguments=arguments(_command(args)),
            uses=args.kafka + args.tracking.reading,
            # alibi-detect compiles when it is imported, and caches beside its code where it may.
            env=plain_env({"NUMBA_CACHE_DIR": f"{SCRATCH}/numba"}),
            account=account_with(name, watch, [], namespace=args.namespace, labels=labels(APP, name), opts=child),
        )
        self.name = deploy(f"{name}-detector", f"{name}-detector", watcher, child)
        self.register_outputs({"name": self.name})


def _command(args: DriftMonitorArgs) -> Detect:
    settings = DriftSettings(**{field.name: getattr(args.drift, field.name) for field in fields(DriftSettings)})
    return Detect(model=args.model, drift=settings, port=METRICS_PORT)
