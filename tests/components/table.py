"""Every component of the stack, built with arguments that are right. Tests walk all of them, or break one property."""

from collections.abc import Callable, Mapping
from datetime import timedelta

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s
from pulumi import Output, ResourceOptions

from components.events.bus import EventBus, EventBusArgs, JetStreamArgs
from components.events.nats import NatsServer, NatsServerArgs
from components.events.retraining import Retraining, RetrainingArgs
from components.kit.connections import Bucket, Database, KafkaConnection, RecordStore, Tracking
from components.kit.namespace import RestrictedNamespace, RestrictedNamespaceArgs
from components.kit.network import ANYWHERE, Allowance, namespaced, pods
from components.kit.pod import resources
from components.monitoring.alias_watch import AliasWatch, AliasWatchArgs
from components.monitoring.detector import DriftMonitor, DriftMonitorArgs
from components.monitoring.outcome_intake import OutcomeIntake, OutcomeIntakeArgs
from components.monitoring.outcome_record import OutcomeRecord, OutcomeRecordArgs
from components.observability.alerts import Watched
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
from components.serving.gateway import Gateway, GatewayArgs
from components.serving.model_storage import ModelStorage, ModelStorageArgs
from components.serving.promotion import Promotion, PromotionArgs
from components.serving.serving import Serving, ServingArgs
from components.serving.traffic_split import TrafficSplit, TrafficSplitArgs
from components.storage.artifact_store import ArtifactStore, ArtifactStoreArgs, ExternalLogsArgs, ExternalS3Args
from components.storage.iam import Folder, PodIdentity
from components.storage.log_bucket import LogBucketArgs
from components.storage.s3_bucket import LogFolderArgs, S3Bucket, S3BucketArgs
from components.storage.versitygw import VersityGw, VersityGwArgs
from components.streaming.asked import AskedBrokers, AskedBrokersArgs
from components.streaming.kafka import Kafka, KafkaArgs
from components.tracking.identity import guards
from components.tracking.login import OAuth2Proxy, OAuth2ProxyArgs
from components.tracking.mlflow import Mlflow, MlflowArgs
from components.tracking.postgres import Postgres, PostgresArgs, PostgresBackup
from components.tracking.route import MlflowRoute, MlflowRouteArgs
from components.training.step_results import StepResults, StepResultsArgs
from components.training.training import Training, TrainingArgs
from settings import KServeMode
from settings.model import Drift, Outcomes
from settings.model import Promotion as PromotionSettings
from settings.model import Training as TrainingSettings
from settings.tracking import Oidc

NAMESPACE = "mlflow"
SECRET_TEXT = "correct-horse-battery-staple"
DIGEST = f"sha256:{64 * '0'}"
MLFLOW_IMAGE = f"registry.example.com/mlflow@{DIGEST}"
POSTGRES_IMAGE = f"registry.example.com/postgres:17.1@{DIGEST}"
VERSITYGW_IMAGE = f"registry.example.com/versitygw@{DIGEST}"
LOOP_IMAGE = f"registry.example.com/loop@{DIGEST}"
KAFKA_IMAGE = f"registry.example.com/kafka@{DIGEST}"
MODEL_IMAGE = f"registry.example.com/recommender@{DIGEST}"
NATS_IMAGE = f"registry.example.com/nats@{DIGEST}"
OAUTH2_PROXY_IMAGE = f"registry.example.com/oauth2-proxy@{DIGEST}"
DETECTOR_IMAGE = f"registry.example.com/detector@{DIGEST}"
IMAGES = frozenset(
    {
        OAUTH2_PROXY_IMAGE,
        NATS_IMAGE,
        DETECTOR_IMAGE,
        MLFLOW_IMAGE,
        LOOP_IMAGE,
        MODEL_IMAGE,
        POSTGRES_IMAGE,
        VERSITYGW_IMAGE,
        KAFKA_IMAGE,
    }
)


def secret() -> Output[str]:
    return Output.secret(SECRET_TEXT)


def providers() -> ResourceOptions:
    """The options of a program's components: one provider for the cluster, one for the cloud."""
    return ResourceOptions(providers=[k8s.Provider("cluster"), aws.Provider("cloud", region="eu-west-1")])


def database() -> Database:
    return Database(
        host=Output.from_input("db-rw.mlflow.svc.cluster.local"),
        port=5432,
        name="mlflow",
        credentials_secret="db-app",
        ca_secret="db-ca",
        client_labels={"ml-loop.dev/client-of-db": "true"},
        egress=(Allowance(ports=(5432,), peers=(pods({"cnpg.io/cluster": "db"}),)),),
    )


def bucket() -> Bucket:
    return Bucket(
        name=Output.from_input("artifacts"),
        region="us-east-1",
        endpoint=Output.from_input("https://s3.example.com"),
        credentials_secret=Output.from_input("s3"),
        client_labels={"ml-loop.dev/client-of-s3": "true"},
        egress=(Allowance(ports=(443,), peers=ANYWHERE),),
    )


def tracking() -> Tracking:
    servers = pods({"app": "mlflow"}, "mlflow")
    return Tracking(
        url=Output.from_input("http://mlflow.mlflow.svc.cluster.local:5000"),
        egress=(Allowance(ports=(5000,), peers=(servers,)),),
    )


def aws_bucket() -> Bucket:
    return Bucket(
        name=Output.from_input("artifacts"),
        region="eu-west-1",
        endpoint=None,
        credentials_secret=None,
        client_labels={},
        egress=(Allowance(ports=(443,), peers=ANYWHERE),),
    )


def mlflow_args() -> MlflowArgs:
    return MlflowArgs(
        namespace=NAMESPACE,
        image=MLFLOW_IMAGE,
        database=database(),
        bucket=bucket(),
        session_key=secret(),
        client_namespaces=["loop"],
        callers_namespace="loop",
        guards=guards(["recommender"], "loop"),
    )


def postgres_args() -> PostgresArgs:
    return PostgresArgs(
        namespace=NAMESPACE,
        instances=3,
        storage="20Gi",
        image=POSTGRES_IMAGE,
        operator_namespace="cnpg-system",
        protect=True,
    )


def backup() -> PostgresBackup:
    return PostgresBackup(bucket=bucket(), schedule="0 3 * * *", days=30, archive="db")


def versitygw_args() -> VersityGwArgs:
    return VersityGwArgs(
        namespace=NAMESPACE,
        storage="10Gi",
        secret_key=secret(),
        folders={"mlflow": Folder("artifacts"), "mlflow-db": Folder("postgres", lists_bucket=True)},
        logs=LogBucketArgs(namespace="loop", secret_key=secret(), days=30),
        image=VERSITYGW_IMAGE,
        client_image=MLFLOW_IMAGE,
        protect=True,
    )


def s3_bucket_args() -> S3BucketArgs:
    return S3BucketArgs(
        bucket="example-artifacts",
        region="eu-west-1",
        identity=PodIdentity(cluster="example"),
        namespace=NAMESPACE,
        folders={"mlflow": Folder("artifacts")},
        logs=LogFolderArgs(namespace="loop", accounts={"recommender-train": "recommender"}, days=30),
        protect=True,
    )


def external_s3_args() -> ExternalS3Args:
    logs = ExternalLogsArgs(bucket="training-logs", credentials_secret="training-logs-s3")
    return ExternalS3Args(
        endpoint="https://s3.example.com", bucket="artifacts", credentials_secret="s3", accounts=["mlflow"], logs=logs
    )


def model_storage_args() -> ModelStorageArgs:
    return ModelStorageArgs(namespace="loop", image=LOOP_IMAGE, tracking_url="http://mlflow.mlflow.svc:5000")


def gateway_args() -> GatewayArgs:
    return GatewayArgs(namespace=NAMESPACE, class_name="example", proxies="gateway")


def serving_args() -> ServingArgs:
    return ServingArgs(
        namespace=NAMESPACE,
        model="recommender",
        image=MODEL_IMAGE,
        storage="mlflow-loop",
        in_production=True,
        min_replicas=1,
        max_replicas=4,
        resources=resources(cpu="250m", memory="512Mi", memory_limit="1Gi"),
        gateway=None,
        tracking=tracking(),
    )


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


def oauth2_proxy_args() -> OAuth2ProxyArgs:
    return OAuth2ProxyArgs(
        namespace=NAMESPACE,
        image=OAUTH2_PROXY_IMAGE,
        oidc=Oidc.model_validate(
            {"issuerUrl": "https://login.example.com/realms/ml", "clientId": "mlflow", "clientSecretName": "login"}
        ),
        host="mlflow.example.com",
        upstream="http://mlflow.mlflow.svc.cluster.local:5000",
        upstream_egress=[Allowance(ports=(5000,), peers=(pods({"app": "mlflow"}, "mlflow"),))],
        peers=(namespaced("gateway"),),
    )


def traffic_split_args(opts: ResourceOptions) -> TrafficSplitArgs:
    return TrafficSplitArgs(gateway=Gateway("gateway", gateway_args(), opts), serving=served(opts), canary_percent=10)


def kafka() -> KafkaConnection:
    return KafkaConnection(
        bootstrap_servers=Output.from_input("kafka-1.example.com:9092,kafka-2.example.com:9092"),
        tls=False,
        client_labels={"ml-loop.dev/client-of-kafka": "true"},
        egress=(Allowance(ports=(9092,), peers=ANYWHERE),),
    )


def drift(**changes: object) -> Drift:
    return Drift.model_validate({"features": ["pages", "price"]} | changes)


def drift_monitor_args() -> DriftMonitorArgs:
    return DriftMonitorArgs(
        namespace=NAMESPACE,
        model="recommender",
        image=DETECTOR_IMAGE,
        drift=drift(),
        kafka=kafka().access,
        tracking=tracking(),
    )


def outcome_intake_args(opts: ResourceOptions) -> OutcomeIntakeArgs:
    return OutcomeIntakeArgs(
        namespace=NAMESPACE,
        models=["recommender", "churn"],
        loop_image=LOOP_IMAGE,
        kafka=kafka().access,
        gateway=Gateway("gateway", gateway_args(), opts),
    )


def outcome_record_args() -> OutcomeRecordArgs:
    return OutcomeRecordArgs(
        namespace=NAMESPACE,
        model="recommender",
        loop_image=LOOP_IMAGE,
        outcomes=Outcomes(),
        record=RecordStore(recorder=bucket(), watcher=bucket()),
        kafka=kafka(),
        tracking=tracking(),
    )


def jetstream_args() -> JetStreamArgs:
    return JetStreamArgs(namespace=NAMESPACE, version="2.15.2")


def nats_args() -> NatsServerArgs:
    return NatsServerArgs(namespace=NAMESPACE, image=NATS_IMAGE, loop_image=LOOP_IMAGE)


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


def asked_args() -> AskedBrokersArgs:
    return AskedBrokersArgs(
        connection=kafka(), namespace=NAMESPACE, client_image=LOOP_IMAGE, watched=["model"], retrained=["model"]
    )


def kafka_args() -> KafkaArgs:
    return KafkaArgs(
        namespace=NAMESPACE,
        storage="5Gi",
        image=KAFKA_IMAGE,
        client_image=LOOP_IMAGE,
        client_namespaces=["loop"],
        node_port=30092,
        node_address="192.0.2.1",
    )


TRAINING = {
    "image": "recommender",
    "gate": {"metric": "auc", "minimum": 0.7},
    "schedule": "0 3 * * *",
    "parameters": {"degree": 2},
}


def training_args() -> TrainingArgs:
    return TrainingArgs(
        model="recommender",
        namespace=NAMESPACE,
        loop_image=LOOP_IMAGE,
        image=MODEL_IMAGE,
        tracking=tracking(),
        training=TrainingSettings.model_validate(TRAINING),
        cooldown=timedelta(hours=6),
        serving=True,
        logs=bucket(),
    )


def trained(opts: ResourceOptions) -> Training:
    """A model's training with the services that it rolls out."""
    served(opts)
    return Training("training", training_args(), opts)


def alias_watch_args() -> AliasWatchArgs:
    return AliasWatchArgs(
        namespace=NAMESPACE,
        model="recommender",
        loop_image=LOOP_IMAGE,
        healing=True,
        tracking=tracking(),
    )


def promotion_args() -> PromotionArgs:
    return PromotionArgs(
        model="recommender",
        version=3,
        namespace=NAMESPACE,
        loop_image=LOOP_IMAGE,
        tracking=tracking(),
        promotion=PromotionSettings(),
        kafka=kafka().access,
    )


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
    "training.training": trained,
    "serving.promotion": promoted,
    "observability.observability": observed,
    "observability.page": lambda opts: LoopPage("it", loop_page_args(), opts),
}
"""By the name of their module."""


def station(component: str) -> None:
    """A program of one component, in a namespace of its own."""
    opts = providers()
    RestrictedNamespace("home", RestrictedNamespaceArgs(namespace=NAMESPACE), opts)
    COMPONENTS[component](opts)
