"""Every component of the stack, built with arguments that are right. Tests walk all of them, or break one property."""

from collections.abc import Callable, Mapping
from datetime import timedelta

import pulumi
from pulumi import ResourceOptions

from components.events.bus import EventBus, EventBusArgs
from components.events.nats import NatsServer
from components.events.retraining import Retraining, RetrainingArgs
from components.kit.namespace import RestrictedNamespace, RestrictedNamespaceArgs
from components.kit.network import ANYWHERE
from components.monitoring.alias_watch import AliasWatch
from components.monitoring.detector import DriftMonitor
from components.monitoring.outcome_intake import OutcomeIntake, OutcomeIntakeArgs
from components.monitoring.outcome_record import OutcomeRecord
from components.monitoring.training_watch import TrainingWatch
from components.observability.alerts import Watched
from components.observability.notifier import LoopNotifier, LoopNotifierArgs
from components.observability.observability import Observability, ObservabilityArgs, Target
from components.observability.page import LoopPage, LoopPageArgs
from components.platform.argo_events import ArgoEvents, ArgoEventsArgs
from components.platform.argo_workflows import ArgoWorkflows, ArgoWorkflowsArgs
from components.platform.barman_cloud import BarmanCloud, BarmanCloudArgs
from components.platform.cert_manager import CertManager
from components.platform.cloudnativepg import CloudNativePg
from components.platform.knative import Knative
from components.platform.kserve import KServe, KServeArgs
from components.platform.operator import OperatorArgs
from components.serving.gateway import Gateway
from components.serving.model_storage import ModelStorage
from components.serving.promotion import Promotion
from components.serving.serving import Serving
from components.serving.traffic_split import TrafficSplit, TrafficSplitArgs
from components.storage.artifact_store import ArtifactStore, ArtifactStoreArgs
from components.storage.s3_bucket import S3Bucket
from components.storage.versitygw import VersityGw
from components.streaming.asked import AskedBrokers
from components.streaming.kafka import Kafka
from components.tracking.login import OAuth2Proxy
from components.tracking.mlflow import Mlflow
from components.tracking.postgres import Postgres
from components.tracking.route import MlflowRoute, MlflowRouteArgs
from components.training.ended_trainings import EndedTrainings, EndedTrainingsArgs
from components.training.step_results import StepResults, StepResultsArgs
from components.training.training import Training, TrainingArgs
from settings import KServeMode
from settings.model import Training as TrainingSettings
from settings.notifications import Notifications
from tests.components.arguments import (
    alias_watch_args,
    asked_args,
    drift_monitor_args,
    external_s3_args,
    gateway_args,
    jetstream_args,
    kafka_args,
    mlflow_args,
    model_storage_args,
    nats_args,
    oauth2_proxy_args,
    outcome_record_args,
    postgres_args,
    promotion_args,
    s3_bucket_args,
    serving_args,
    training_args,
    training_watch_args,
    versitygw_args,
)
from tests.components.given import LOOP_IMAGE, MODEL_IMAGE, NAMESPACE, NATS_IMAGE, drift, kafka, providers, tracking


def served(opts: ResourceOptions) -> Serving:
    """A model's services with the initializer that they need."""
    ModelStorage("storage", model_storage_args(), opts)
    return Serving("it", serving_args(), opts)


def mlflow_route_args(opts: ResourceOptions) -> MlflowRouteArgs:
    return MlflowRouteArgs(
        gateway=Gateway("gateway", gateway_args(), opts),
        namespace="loop",
        host="mlflow.example.com",
        service="mlflow",
        tracking_namespace=NAMESPACE,
    )


def traffic_split_args(opts: ResourceOptions) -> TrafficSplitArgs:
    return TrafficSplitArgs(gateway=Gateway("gateway", gateway_args(), opts), serving=served(opts), canary_percent=10)


def outcome_intake_args(opts: ResourceOptions) -> OutcomeIntakeArgs:
    return OutcomeIntakeArgs(
        namespace=NAMESPACE,
        models=["recommender", "churn"],
        loop_image=LOOP_IMAGE,
        kafka=kafka().access,
        gateway=Gateway("gateway", gateway_args(), opts),
    )


def training(opts: ResourceOptions) -> Training:
    gate = {"metric": "auc", "minimum": 0.7}
    args = TrainingArgs(
        model="recommender",
        namespace=NAMESPACE,
        loop_image=LOOP_IMAGE,
        image=MODEL_IMAGE,
        tracking=tracking(),
        training=TrainingSettings.model_validate({"image": "recommender", "gate": gate}),
        cooldown=timedelta(hours=6),
    )
    return Training("training", args, opts)


def retraining_args(opts: ResourceOptions) -> RetrainingArgs:
    return RetrainingArgs(
        namespace=NAMESPACE,
        model="recommender",
        drift=drift(),
        template=training(opts).template,
        bus=EventBus("bus", EventBusArgs(servers=nats_args()), opts),
        kafka=kafka(),
    )


def trained(opts: ResourceOptions) -> Training:
    """A model's training with the services that it rolls out."""
    served(opts)
    return Training("training", training_args(), opts)


def promoted(opts: ResourceOptions) -> Promotion:
    """A version with the services that it is promoted to."""
    served(opts)
    return Promotion("promotion", promotion_args(), opts)


def argo_workflows_args() -> ArgoWorkflowsArgs:
    return ArgoWorkflowsArgs(install=True, workflow_namespace="loop")


def argo_events_args() -> ArgoEventsArgs:
    return ArgoEventsArgs(install=True, nats_image=NATS_IMAGE)


def kserve_args() -> KServeArgs:
    return KServeArgs(install=True, mode=KServeMode.STANDARD)


def observability_args() -> ObservabilityArgs:
    whose = {"model": "app.kubernetes.io/instance", "slot": "app.kubernetes.io/component"}
    servers = {"app.kubernetes.io/name": "model-server"}
    return ObservabilityArgs(
        prometheus="monitoring",
        selected={"release": "example"},
        targets=[
            Target(name="models", namespace=NAMESPACE, pods=servers, port=8080, series=whose),
            Target(name="workflows", namespace=NAMESPACE, pods={}, port=9090, speaks_for_others=True),
        ],
        watched=Watched(loop=NAMESPACE, tracking="mlflow", retrained=["recommender"]),
        dashboard=True,
        runbooks="https://wiki.example.com/runbooks",
    )


def loop_page_args() -> LoopPageArgs:
    return LoopPageArgs(
        namespace=NAMESPACE,
        image=LOOP_IMAGE,
        content="{}",
        tracking=tracking(),
        peers=ANYWHERE,
        node_port=30501,
    )


def loop_notifier_args() -> LoopNotifierArgs:
    told = {"url": {"name": "webhook", "key": "url"}, "signing": {"name": "webhook", "key": "signing"}}
    return LoopNotifierArgs(
        namespace=NAMESPACE,
        image=LOOP_IMAGE,
        content="{}",
        tracking=tracking(),
        settings=Notifications.model_validate(told),
    )


def observed(opts: ResourceOptions) -> Observability:
    """The observer with the services that it observes."""
    served(opts)
    return Observability("observer", observability_args(), opts)


def plugged(opts: ResourceOptions) -> BarmanCloud:
    """The plugin with the operator that it belongs to."""
    operator = CloudNativePg("operator", OperatorArgs(install=True), opts)
    return BarmanCloud("it", BarmanCloudArgs(namespace=operator.namespace), opts)


COMPONENTS: Mapping[str, Callable[[ResourceOptions], pulumi.ComponentResource]] = {
    "kit.namespace": lambda opts: RestrictedNamespace("it", RestrictedNamespaceArgs(namespace="loop"), opts),
    "platform.cloudnativepg": lambda opts: CloudNativePg("it", OperatorArgs(install=True), opts),
    "monitoring.alias_watch": lambda opts: AliasWatch("it", alias_watch_args(), opts),
    "platform.barman_cloud": plugged,
    "platform.cert_manager": lambda opts: CertManager("it", OperatorArgs(install=True), opts),
    "platform.argo_workflows": lambda opts: ArgoWorkflows("it", argo_workflows_args(), opts),
    "platform.argo_events": lambda opts: ArgoEvents("it", argo_events_args(), opts),
    "platform.knative": lambda opts: Knative("it", OperatorArgs(install=True), opts),
    "platform.kserve": lambda opts: KServe("it", kserve_args(), opts),
    "tracking.postgres": lambda opts: Postgres("it", postgres_args(), opts),
    "storage.versitygw": lambda opts: VersityGw("it", versitygw_args(), opts),
    "storage.s3_bucket": lambda opts: S3Bucket("it", s3_bucket_args(), opts),
    "storage.artifact_store": lambda opts: ArtifactStore("it", ArtifactStoreArgs(store=external_s3_args()), opts),
    "monitoring.detector": lambda opts: DriftMonitor("it", drift_monitor_args(), opts),
    "monitoring.outcome_intake": lambda opts: OutcomeIntake("it", outcome_intake_args(opts), opts),
    "monitoring.outcome_record": lambda opts: OutcomeRecord("it", outcome_record_args(), opts),
    "events.bus": lambda opts: EventBus("it", EventBusArgs(servers=jetstream_args()), opts),
    "events.nats": lambda opts: NatsServer("it", nats_args(), opts),
    "events.retraining": lambda opts: Retraining("it", retraining_args(opts), opts),
    "tracking.mlflow": lambda opts: Mlflow("it", mlflow_args(), opts),
    "serving.model_storage": lambda opts: ModelStorage("it", model_storage_args(), opts),
    "serving.serving": served,
    "serving.gateway": lambda opts: Gateway("it", gateway_args(), opts),
    "tracking.route": lambda opts: MlflowRoute("it", mlflow_route_args(opts), opts),
    "tracking.login": lambda opts: OAuth2Proxy("it", oauth2_proxy_args(), opts),
    "serving.traffic_split": lambda opts: TrafficSplit("front", traffic_split_args(opts), opts),
    "streaming.asked": lambda opts: AskedBrokers("it", asked_args(), opts),
    "streaming.kafka": lambda opts: Kafka("it", kafka_args(), opts),
    "training.step_results": lambda opts: StepResults("it", StepResultsArgs(namespace="loop"), opts),
    "training.ended_trainings": lambda opts: EndedTrainings("it", EndedTrainingsArgs(namespace="loop"), opts),
    "monitoring.training_watch": lambda opts: TrainingWatch("it", training_watch_args(), opts),
    "training.training": trained,
    "serving.promotion": promoted,
    "observability.observability": observed,
    "observability.notifier": lambda opts: LoopNotifier("it", loop_notifier_args(), opts),
    "observability.page": lambda opts: LoopPage("it", loop_page_args(), opts),
}
"""By the name of their module."""


def station(component: str) -> None:
    """A program of one component, in a namespace of its own."""
    opts = providers()
    RestrictedNamespace("home", RestrictedNamespaceArgs(namespace=NAMESPACE), opts)
    COMPONENTS[component](opts)
