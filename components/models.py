"""All models of a stack: what they share, and each model's loop."""

from collections.abc import Mapping
from typing import Any

from pulumi import Input, Output, ResourceOptions

from components.events.bus import EventBus
from components.kit.connections import Bucket, KafkaConnection, RecordStore
from components.kit.images import image
from components.kit.options import depending_on
from components.model import ModelLoopArgs, model_loop
from components.monitoring.outcome_intake import OutcomeIntake, OutcomeIntakeArgs
from components.monitoring.training_watch import TrainingWatch, TrainingWatchArgs
from components.platform.operators import Operators
from components.serving.gateway import Gateway
from components.serving.model_storage import ModelStorage, ModelStorageArgs
from components.tracking.mlflow import Mlflow
from components.training.step_results import StepResults, StepResultsArgs
from components.training.training import accounts
from contract.names import OUTCOMES_TOPIC
from settings import ImageName, Settings


def log_writers(stack: Settings) -> Mapping[str, str]:
    """Service account → model, of all pods that write logs."""
    return {
        account: name
        for name, model in stack.models.items()
        for account in accounts(name, cooldown=model.retraining is not None, serving=True)
    }


def model_loops(
    stack: Settings,
    namespace: Output[str],
    *,
    operators: Operators,
    mlflow: Mlflow,
    gateway: Gateway | None,
    kafka: KafkaConnection | None,
    bus: EventBus | None,
    logs: Bucket | None,
    record: RecordStore | None,
    templates_in_use: Mapping[str, Mapping[str, Any]],
    opts: ResourceOptions,
) -> dict[str, dict[str, Input[str] | None]]:
    """Each model's loop; returns each one's part of the stack's outputs."""
    if not stack.models:
        return {}
    StepResults("step-results", StepResultsArgs(namespace=namespace), opts)
    loop_image = image(stack, ImageName.LOOP)
    TrainingWatch(
        "training-watch",
        TrainingWatchArgs(namespace=namespace, loop_image=loop_image),
        depending_on(opts, operators.argo_workflows),
    )
    storage = ModelStorageArgs(
        namespace=stack.namespace, image=loop_image, tracking_url=mlflow.url, signing=stack.signing
    )
    shared = ModelLoopArgs(
        namespace=namespace,
        operators=operators,
        loop_image=loop_image,
        detector_image=image(stack, ImageName.DETECTOR),
        example_image=image(stack, ImageName.RECOMMENDER),
        mode=stack.platform.kserve.mode,
        storage=ModelStorage("model-storage", storage, depending_on(opts, operators.kserve)),
        tracking=mlflow.tracking,
        gateway=gateway,
        kafka=kafka,
        bus=bus,
        logs=logs,
        signing=stack.signing,
        record=record,
        templates_in_use=templates_in_use,
    )
    answering = [name for name, model in stack.models.items() if model.outcomes]
    if answering and gateway and kafka:
        intake = OutcomeIntakeArgs(
            namespace=namespace,
            models=answering,
            loop_image=loop_image,
            kafka=kafka.writing(OUTCOMES_TOPIC).access,
            gateway=gateway,
        )
        OutcomeIntake("outcomes", intake, opts)
    return {name: model_loop(name, model, shared, opts) for name, model in stack.models.items()}
