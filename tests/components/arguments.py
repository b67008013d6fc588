"""Arguments of each component as its tests begin with them."""

from datetime import timedelta

from components.events.bus import JetStreamArgs
from components.events.nats import NatsServerArgs
from components.kit.connections import RecordStore
from components.kit.network import Allowance, namespaced, pods
from components.kit.pod import resources
from components.monitoring.alias_watch import AliasWatchArgs
from components.monitoring.detector import DriftMonitorArgs
from components.monitoring.outcome_record import OutcomeRecordArgs
from components.monitoring.training_watch import TrainingWatchArgs
from components.serving.gateway import GatewayArgs
from components.serving.model_storage import ModelStorageArgs
from components.serving.promotion import PromotionArgs
from components.serving.serving import ServingArgs
from components.storage.artifact_store import ExternalLogsArgs, ExternalS3Args
from components.storage.iam import Folder, PodIdentity
from components.storage.log_bucket import LogBucketArgs
from components.storage.s3_bucket import LogFolderArgs, S3BucketArgs
from components.storage.versitygw import VersityGwArgs
from components.streaming.asked import AskedBrokersArgs
from components.streaming.kafka import KafkaArgs
from components.tracking.identity import guards
from components.tracking.login import OAuth2ProxyArgs
from components.tracking.mlflow import MlflowArgs
from components.tracking.postgres import PostgresArgs, PostgresBackup
from components.training.training import TrainingArgs
from settings.model import Outcomes
from settings.model import Promotion as PromotionSettings
from settings.model import Training as TrainingSettings
from settings.tracking import Oidc
from tests.components.given import (
    DETECTOR_IMAGE,
    KAFKA_IMAGE,
    LOOP_IMAGE,
    MLFLOW_IMAGE,
    MODEL_IMAGE,
    NAMESPACE,
    NATS_IMAGE,
    OAUTH2_PROXY_IMAGE,
    POSTGRES_IMAGE,
    VERSITYGW_IMAGE,
    bucket,
    database,
    drift,
    kafka,
    secret,
    tracking,
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


def drift_monitor_args() -> DriftMonitorArgs:
    return DriftMonitorArgs(
        namespace=NAMESPACE,
        model="recommender",
        image=DETECTOR_IMAGE,
        drift=drift(),
        kafka=kafka().access,
        tracking=tracking(),
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


def training_watch_args() -> TrainingWatchArgs:
    return TrainingWatchArgs(namespace=NAMESPACE, loop_image=LOOP_IMAGE)


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
