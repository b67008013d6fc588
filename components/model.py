"""One model's loop: its two services and the split between them, its training, its watchers and its retraining.

A function and not a component: what it makes has the stack as its parent.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from pulumi import Input, ResourceOptions

from components.events.bus import EventBus
from components.events.retraining import Retraining, RetrainingArgs
from components.kit.access import NOTHING, Access
from components.kit.connections import Bucket, KafkaConnection, RecordStore, Tracking
from components.kit.options import depending_on
from components.monitoring.alias_watch import AliasWatch, AliasWatchArgs
from components.monitoring.detector import DriftMonitor, DriftMonitorArgs
from components.monitoring.outcome_record import OutcomeRecord, OutcomeRecordArgs
from components.platform.operators import Operators
from components.serving.gateway import Gateway
from components.serving.model_storage import ModelStorage
from components.serving.promotion import Promotion, PromotionArgs
from components.serving.serving import Serving, ServingArgs
from components.serving.traffic_split import TrafficSplit, TrafficSplitArgs
from components.training.training import Training, TrainingArgs
from contract.names import DRIFT_TOPIC, NEW_ROWS, PREDICTIONS_TOPIC
from settings import KServeMode, Model, Signing
from settings.model import RetrainingCause
from settings.values.image import EXAMPLE


@dataclass(frozen=True, kw_only=True)
class ModelLoopArgs:
    """What all models of a stack share."""

    namespace: Input[str]
    operators: Operators
    loop_image: str
    """Image of the loop's own steps."""
    detector_image: str
    example_image: str
    """What `image: recommender` stands for."""
    mode: KServeMode
    storage: ModelStorage
    tracking: Tracking
    gateway: Gateway | None
    """None: models are served inside the cluster only, in Standard mode without a split."""
    kafka: KafkaConnection | None
    """None: no predictions are published, nothing watches them."""
    bus: EventBus | None
    """None: drift starts no training."""
    logs: Bucket | None
    """None: logs of trainings stay with their pods."""
    signing: Signing | None
    """How versions are signed. None: they are not."""
    record: RecordStore | None
    """None: predictions and outcomes are not recorded."""
    templates_in_use: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
    """Model → templates of its trainings that something still runs by, with their specs."""

    def image_of(self, model: Model) -> str:
        """The image that a model is trained in."""
        return self.example_image if model.training.image == EXAMPLE else model.training.image

    @property
    def published(self) -> Access:
        """What a pod that reads predictions uses."""
        return self.kafka.access if self.kafka else NOTHING


def model_loop(name: str, model: Model, args: ModelLoopArgs, opts: ResourceOptions) -> dict[str, Input[str] | None]:
    """Makes what the settings say of one model.

    Returns its part of the stack's outputs: `predict`, the URL for predictions or None; `template`, the name of the
    WorkflowTemplate that trains the model now, and `submit`, the command that does; `logs`, the folder of the
    trainings' logs or None.
    """
    serving = _serving(name, model, args, opts)
    split = TrafficSplitArgs(gateway=args.gateway, serving=serving, canary_percent=model.serving.canary_percent)
    promotion = _promotion(name, model, args, serving, opts)
    # A version that could not be put into production gets no share of the requests.
    traffic = TrafficSplit(f"{name}-front", split, depending_on(opts, *promotion))
    training = _training(name, model, args, opts)
    _watch(name, model, training, args, opts)
    return {
        "predict": traffic.predict_url,
        "template": training.template,
        "submit": training.submit,
        "logs": training.logs,
    }


def _serving(name: str, model: Model, args: ModelLoopArgs, opts: ResourceOptions) -> Serving:
    return Serving(
        f"{name}-serving",
        ServingArgs(
            namespace=args.namespace,
            model=name,
            image=args.image_of(model),
            storage=args.storage.name,
            mode=args.mode,
            in_production=model.production is not None,
            min_replicas=model.serving.replicas.min,
            max_replicas=model.serving.replicas.max,
            cpu_percent=model.serving.replicas.cpu_percent,
            resources=model.serving.resources.model_dump(exclude_none=True),
            settings=model.serving,
            image_pull_secrets=model.image_pull_secrets,
            gateway=args.gateway,
            tracking=args.tracking,
            kafka=args.kafka.writing(PREDICTIONS_TOPIC).access if args.kafka else NOTHING,
        ),
        depending_on(opts, args.operators.kserve),
    )


def _promotion(
    name: str, model: Model, args: ModelLoopArgs, serving: Serving, opts: ResourceOptions
) -> list[Promotion]:
    if model.production is None:
        return []
    made = PromotionArgs(
        model=name,
        version=model.production,
        namespace=args.namespace,
        loop_image=args.loop_image,
        tracking=args.tracking,
        promotion=model.promotion,
        rollout_timeout=model.serving.start_timeout,
        kafka=args.published,
        signing=args.signing,
    )
    return [Promotion(f"{name}-promotion", made, depending_on(opts, serving))]


def _training(name: str, model: Model, args: ModelLoopArgs, opts: ResourceOptions) -> Training:
    return Training(
        f"{name}-training",
        TrainingArgs(
            model=name,
            namespace=args.namespace,
            loop_image=args.loop_image,
            image=args.image_of(model),
            tracking=args.tracking,
            training=model.training,
            cooldown=model.retraining and model.retraining.cooldown,
            serving=True,
            promotion=model.promotion,
            image_pull_secrets=model.image_pull_secrets,
            rollout_timeout=model.serving.start_timeout,
            server_memory=model.serving.resources.limits.bytes,
            kafka=args.published,
            watched=model.drift.features if model.drift and args.kafka else (),
            record=args.record,
            outcome_delay=model.outcomes.delay if model.outcomes else timedelta(),
            logs=args.logs,
            signing=args.signing,
            earlier=args.templates_in_use.get(name, {}),
        ),
        depending_on(opts, args.operators.argo_workflows),
    )


def _watch(name: str, model: Model, training: Training, args: ModelLoopArgs, opts: ResourceOptions) -> None:
    """The watch over the aliases; the detector, and the training that its findings start."""
    AliasWatch(
        f"{name}-aliases",
        AliasWatchArgs(
            namespace=args.namespace,
            model=name,
            loop_image=args.loop_image,
            healing=model.promotion.healing,
            tracking=args.tracking,
        ),
        opts,
    )
    if model.outcomes and args.kafka and args.record:
        OutcomeRecord(
            f"{name}-outcomes",
            OutcomeRecordArgs(
                namespace=args.namespace,
                model=name,
                loop_image=args.loop_image,
                outcomes=model.outcomes,
                new_rows=model.retraining.new_rows if model.retraining else None,
                record=args.record,
                kafka=args.kafka,
                tracking=args.tracking,
            ),
            opts,
        )
    if not (model.drift and args.kafka):
        return
    DriftMonitor(
        f"{name}-drift",
        DriftMonitorArgs(
            namespace=args.namespace,
            model=name,
            image=args.detector_image,
            drift=model.drift,
            kafka=args.kafka.writing(DRIFT_TOPIC).access,
            tracking=args.tracking,
        ),
        opts,
    )
    if model.retraining and args.bus:
        Retraining(
            f"{name}-retraining",
            RetrainingArgs(
                namespace=args.namespace,
                model=name,
                drift=model.drift,
                causes=_causes(model),
                on_drift=RetrainingCause.DRIFT in model.retraining.on,
                template=training.template,
                bus=args.bus,
                kafka=args.kafka,
            ),
            depending_on(opts, args.operators.argo_events),
        )


def _causes(model: Model) -> list[str]:
    """The gate's metrics where a fall starts a training, and `NEW_ROWS` where new rows do."""
    on = model.retraining.on if model.retraining else ()
    metrics = [each.metric for each in model.training.gate.criteria] if RetrainingCause.PERFORMANCE in on else []
    return [*metrics, *([NEW_ROWS] if RetrainingCause.DATA in on else [])]
