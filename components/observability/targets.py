"""From settings to what is observed: which pods of the stack have metrics, and what its alerts are about."""

from typing import Final

from pulumi import Output, ResourceOptions

from components.events import retraining, sensor
from components.kit.labels import selector
from components.monitoring import alias_watch, detector, outcome_intake, outcome_record
from components.observability.alerts import Watched
from components.observability.observability import Observability, ObservabilityArgs, Target
from components.platform import argo_workflows
from components.platform.operators import Operators
from components.serving import serving
from components.tracking import DATABASE, MLFLOW, identity, mlflow
from contract.names import METRICS_PORT, SERVER_PORT
from settings import BundledKafka, S3Compatible, Settings

NAME: Final = "app.kubernetes.io/name"
INSTANCE_METRICS: Final = 9187
"""The metrics port of CloudNativePG's instances."""


def watch(
    stack: Settings, *, loop: Output[str], tracking: Output[str], installed: Operators, opts: ResourceOptions
) -> Observability | None:
    """What Prometheus and Grafana get; None where the settings have no `observability`.

    `loop` and `tracking` are the stack's namespaces, known once they exist.
    """
    if stack.observability is None:
        return None
    args = ObservabilityArgs(
        prometheus=stack.observability.namespace,
        selected=stack.observability.labels,
        targets=[*_models(stack, loop), *_station(tracking), *_workflows(installed)],
        watched=Watched(
            loop=stack.namespace,
            tracking=stack.tracking.namespace,
            others=[stack.kafka.namespace] if isinstance(stack.kafka, BundledKafka) else [],
            retrained=_retrained(stack),
        ),
        dashboard=stack.observability.dashboard,
        runbooks=stack.observability.runbooks,
    )
    return Observability("observability", args, opts)


def _retrained(stack: Settings) -> list[str]:
    """The models that drift retrains. The settings allow either only where there is Kafka."""
    return [name for name, model in stack.models.items() if model.drift and model.retraining]


def _models(stack: Settings, loop: Output[str]) -> list[Target]:
    """One target for each kind of pod, for all models: the pods of a kind have a label in common."""
    whose = {"model": "app.kubernetes.io/instance", "slot": "app.kubernetes.io/component"}
    servers = Target(name="models", namespace=loop, pods={NAME: serving.APP}, port=SERVER_PORT, series=whose)
    aliases = Target(name="aliases", namespace=loop, pods={NAME: alias_watch.APP}, port=alias_watch.METRICS_PORT)
    detectors = Target(name="detectors", namespace=loop, pods={NAME: detector.APP}, port=detector.METRICS_PORT)
    events = Target(name="events", namespace=loop, pods={NAME: retraining.APP}, port=sensor.METRICS_PORT)
    intake = Target(name="outcomes", namespace=loop, pods={NAME: outcome_intake.APP}, port=METRICS_PORT)
    record = Target(name="record", namespace=loop, pods={NAME: outcome_record.APP}, port=METRICS_PORT)
    watched = [model for model in stack.models.values() if model.drift]
    bundled = isinstance(stack.artifacts, S3Compatible) and stack.artifacts.bundled
    taken = [model for model in stack.models.values() if model.outcomes and stack.gateway]
    recorded = [model for model in stack.models.values() if model.outcomes and bundled]
    wanted = (
        *((servers, stack.models), (aliases, stack.models), (detectors, watched)),
        *((events, _retrained(stack)), (intake, taken), (record, recorded)),
    )
    return [target for target, models in wanted if models]


def _station(tracking: Output[str]) -> list[Target]:
    refusals = selector(mlflow.APP, MLFLOW, "server")
    return [
        Target(name="mlflow", namespace=tracking, pods=refusals, port=identity.METRICS_PORT),
        Target(name="database", namespace=tracking, pods={"cnpg.io/cluster": DATABASE}, port=INSTANCE_METRICS),
    ]


def _workflows(installed: Operators) -> list[Target]:
    """The controller's metrics; nothing where the cluster brings the controller, whose owner has it scraped."""
    if installed.argo_workflows.namespace is None:
        return []
    # Nothing else lives there.
    controller = Target(
        name="workflows",
        namespace=installed.argo_workflows.namespace,
        pods={},
        port=argo_workflows.METRICS_PORT,
        speaks_for_others=True,
    )
    return [controller]
