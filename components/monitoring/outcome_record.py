"""The record of one model: who archives its predictions and outcomes, and who judges its answers by them.

External: the commands (`python3 -m loop record`, `watch-performance`), Kafka, the store, MLflow. What they know is in
Kafka and in the store: either may be killed at any time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import pulumi
import pulumi_kubernetes as k8s
from pulumi import Output, ResourceOptions

from components.kit import metrics
from components.kit.access import Access
from components.kit.connections import Bucket, KafkaConnection, RecordStore, Tracking
from components.kit.custom import object_name
from components.kit.labels import labels, selector
from components.kit.network import allow
from components.kit.options import depending_on
from components.kit.pod import Container, arguments, plain_env, pod, resources, restricted_container
from components.kit.probes import probes
from contract.commands import Command
from contract.names import DRIFT_TOPIC, METRICS_PORT, Env
from contract.outcome_commands import Record, WatchPerformance
from settings.model import Outcomes

APP: Final = "outcome-record"
ROLES: Final[Mapping[type[Command], str]] = {Record: "recorder", WatchPerformance: "performance"}
"""Command → its pods' role."""


@dataclass(frozen=True, kw_only=True)
class OutcomeRecordArgs:
    """The model, and where its record is."""

    namespace: pulumi.Input[str]
    model: str
    loop_image: str
    outcomes: Outcomes
    record: RecordStore
    kafka: KafkaConnection
    tracking: Tracking


class OutcomeRecord(pulumi.ComponentResource):
    """Creates two Deployments of one: the recorder, which only adds, and the watch over performance, which reads."""

    def __init__(self, name: str, args: OutcomeRecordArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("ml-loop:monitoring:OutcomeRecord", name, None, opts)
        child = ResourceOptions(parent=self)
        archived = min(Record.every, args.outcomes.every / 4)
        archived = max(timedelta(seconds=1), timedelta(seconds=int(archived.total_seconds())))
        recorder = Record(model=args.model, every=archived)
        watch = WatchPerformance(
            model=args.model,
            delay=args.outcomes.delay,
            every=args.outcomes.every,
            archived=archived,
            min_fall=args.outcomes.min_fall,
            false_retrains_per_year=args.outcomes.false_retrains_per_year,
        )
        made = [
            _deployment(name, recorder, _kept(args.record.recorder, args) + args.kafka.access, args, child),
            _deployment(
                name,
                watch,
                _kept(args.record.watcher, args) + args.kafka.writing(DRIFT_TOPIC).access + args.tracking.reading,
                args,
                child,
            ),
        ]
        self.register_outputs({"deployments": made})


def _kept(bucket: Bucket, args: OutcomeRecordArgs) -> Access:
    return bucket.access + Access(env=plain_env({Env.RECORD: args.record.folder(bucket, args.model)}))


def _deployment(
    name: str, command: Command, uses: Access, args: OutcomeRecordArgs, child: ResourceOptions
) -> Output[str]:
    role = ROLES[type(command)]
    metadata: k8s.meta.v1.ObjectMetaArgsDict = {
        "name": f"{args.model}-{role}",
        "namespace": args.namespace,
        "labels": labels(APP, name, role),
    }
    account = k8s.core.v1.ServiceAccount(
        f"{name}-{role}-account", metadata=metadata, automount_service_account_token=False, opts=child
    )
    policy = allow(
        f"{name}-{role}",
        namespace=args.namespace,
        selector=selector(APP, name, role),
        ingress=[metrics.ingress(METRICS_PORT)],
        egress=uses.egress,
        opts=child,
    )
    container: Container = {
        **restricted_container(
            role, args.loop_image, resources(cpu="20m", memory="192Mi", memory_limit="1Gi"), uses.mounts
        ),
        "command": command.entry(),
        "args": arguments(command),
        "env": list(uses.env),
        "ports": [{"name": "metrics", "container_port": METRICS_PORT}],
        **probes(starting_seconds=3),
    }
    deployment = k8s.apps.v1.Deployment(
        f"{name}-{role}",
        metadata=metadata,
        spec={
            "replicas": 1,
            # The old one lets go of its partitions before the new one takes them.
            "strategy": {"type": "Recreate"},
            "selector": {"match_labels": selector(APP, name, role)},
            "template": {
                "metadata": {
                    "labels": {**labels(APP, name, role), **uses.labels},
                    "annotations": metrics.annotations(METRICS_PORT),
                },
                "spec": pod(container, volumes=uses.volumes, service_account=object_name(account)),
            },
        },
        opts=depending_on(child, policy),
    )
    return object_name(deployment)
