"""One model's loop: its two services and the split between them, its training, its watchers and its retraining.

A function, no component: what it makes has the stack as its parent.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pulumi import Input, ResourceOptions

from components.events.bus import EventBus
from components.events.retraining import Retraining, RetrainingArgs
from components.kit.connections import Bucket, KafkaConnection
from components.kit.network import Traffic
from components.kit.options import after
from components.monitoring.alias_watch import AliasWatch, AliasWatchArgs
from components.monitoring.detector import DriftMonitor, DriftMonitorArgs
from components.platform.operators import Operators
from components.serving.front import Front, FrontArgs
from components.serving.gateway import Gateway
from components.serving.model_storage import ModelStorage
from components.serving.promotion import Promotion, PromotionArgs
from components.serving.serving import Serving, ServingArgs
from components.training.steps import Commands
from components.training.training import EXAMPLE, Training, TrainingArgs
from settings import KServeMode, Model


@dataclass(frozen=True, kw_only=True)
class ModelLoopArgs:
    """What all models of a stack share."""

    namespace: Input[str]
    operators: Operators
    loop_image: str
    """Image of the loop's own steps."""
    detector_image: str
    example_image: str
    """The example model's, for a model that names no image of its own."""
    mode: KServeMode
    storage: ModelStorage
    tracking_url: Input[str]
    """Where pods reach MLflow."""
    egress: Sequence[Traffic]
    """What it takes to reach MLflow."""
    gateway: Gateway | None
    """None: models are served inside the cluster only, in Standard mode without a split."""
    kafka: KafkaConnection | None
    """None: no predictions are published, nothing watches them."""
    bus: EventBus | None
    """None: drift starts no training."""
    logs: Bucket | None
    """None: logs of trainings stay with their pods."""


def model_loop(model: str, its: Model, args: ModelLoopArgs, opts: ResourceOptions) -> dict[str, Input[str] | None]:
    """Makes what the settings say of one model.

    Returns its part of the stack's outputs: `predict`, the URL for predictions or None; `submit`, the command that
    starts a training; `logs`, the folder of the trainings' logs or None.
    """
    serving = _serving(model, its, args, opts)
    split = FrontArgs(gateway=args.gateway, serving=serving, canary_percent=its.serving.canary_percent)
    promotion = _promotion(model, its, args, serving, opts)
    # A version that could not be put into production gets no share of the requests.
    front = Front(f"{model}-front", split, after(opts, *promotion))
    training = _training(model, its, args, opts)
    _watch(model, its, training, args, opts)
    return {"predict": front.predict_url, "submit": training.submit, "logs": training.logs}


def _serving(model: str, its: Model, args: ModelLoopArgs, opts: ResourceOptions) -> Serving:
    return Serving(
        f"{model}-serving",
        ServingArgs(
            namespace=args.namespace,
            model=model,
            image=its.training.image or args.example_image,
            storage=args.storage.name,
            mode=args.mode,
            in_production=its.production is not None,
            min_replicas=its.serving.replicas.min,
            max_replicas=its.serving.replicas.max,
            cpu_percent=its.serving.replicas.cpu_percent,
            resources=its.serving.resources.model_dump(exclude_none=True),
            gateway=args.gateway,
            egress=args.egress,
            kafka=args.kafka,
        ),
        after(opts, args.operators.kserve),
    )


def _promotion(model: str, its: Model, args: ModelLoopArgs, serving: Serving, opts: ResourceOptions) -> list[Promotion]:
    if its.production is None:
        return []
    made = PromotionArgs(
        model=model,
        version=its.production,
        namespace=args.namespace,
        loop_image=args.loop_image,
        tracking_uri=args.tracking_url,
        egress=args.egress,
        promotion=its.promotion,
        kafka=args.kafka,
    )
    return [Promotion(f"{model}-promotion", made, after(opts, serving))]


def _training(model: str, its: Model, args: ModelLoopArgs, opts: ResourceOptions) -> Training:
    return Training(
        f"{model}-training",
        TrainingArgs(
            model=model,
            namespace=args.namespace,
            loop_image=args.loop_image,
            image=its.training.image or args.example_image,
            commands=Commands() if its.training.image else EXAMPLE,
            tracking_uri=args.tracking_url,
            egress=args.egress,
            training=its.training,
            cooldown=its.retraining and its.retraining.cooldown,
            serving=True,
            promotion=its.promotion,
            kafka=args.kafka,
            logs=args.logs,
        ),
        after(opts, args.operators.argo_workflows),
    )


def _watch(model: str, its: Model, training: Training, args: ModelLoopArgs, opts: ResourceOptions) -> None:
    """Who looks after the aliases; the detector, and the training that its findings start."""
    AliasWatch(
        f"{model}-aliases",
        AliasWatchArgs(
            namespace=args.namespace,
            model=model,
            loop_image=args.loop_image,
            healing=its.promotion.healing,
            tracking_uri=args.tracking_url,
            egress=args.egress,
        ),
        opts,
    )
    if not (its.drift and args.kafka):
        return
    DriftMonitor(
        f"{model}-drift",
        DriftMonitorArgs(
            namespace=args.namespace,
            model=model,
            image=args.detector_image,
            drift=its.drift,
            kafka=args.kafka,
            tracking_uri=args.tracking_url,
            egress=args.egress,
        ),
        opts,
    )
    if its.retraining and args.bus:
        Retraining(
            f"{model}-retraining",
            RetrainingArgs(
                namespace=args.namespace,
                model=model,
                drift=its.drift,
                template=training.template,
                bus=args.bus,
                kafka=args.kafka,
            ),
            after(opts, args.operators.argo_events),
        )
