"""The record of one model: a pod that archives its predictions and outcomes, and one that judges its answers by them.

External: the commands (`python3 -m loop record`, `watch-performance`), Kafka, the store, MLflow. Their state is in
Kafka and in the store: either may be killed at any time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import pulumi
from pulumi import Output, ResourceOptions

from components.kit.access import Access
from components.kit.connections import Bucket, KafkaConnection, RecordStore, Tracking
from components.kit.identities import account_with
from components.kit.labels import labels
from components.kit.pod import arguments, plain_env, resources
from components.monitoring.watching import WatchingPod, deploy
from contract.commands import Command
from contract.names import DRIFT_TOPIC, Env
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
    new_rows: int | None = None
    """After so many more rows with an outcome an event is published; None: no such event."""
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
            new_rows=args.new_rows,
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
    watch, own_labels = f"{args.model}-{role}", labels(APP, name, role)
    watcher = WatchingPod(
        name=watch,
        namespace=args.namespace,
        labelled=(APP, name, role),
        container=role,
        image=args.loop_image,
        resources=resources(cpu="20m", memory="192Mi", memory_limit="1Gi"),
        command=type(command),
        arguments=arguments(command),
        uses=uses,
        account=account_with(f"{name}-{role}", watch, [], namespace=args.namespace, labels=own_labels, opts=child),
    )
    return deploy(f"{name}-{role}", f"{name}-{role}", watcher, child)
