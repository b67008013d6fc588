"""What components are given in tests: images, providers, connections to services."""

import pulumi_aws as aws
import pulumi_kubernetes as k8s
from pulumi import Output, ResourceOptions

from components.kit.connections import Bucket, Database, KafkaConnection, Tracking
from components.kit.network import ANYWHERE, Allowance, pods
from settings.model import Drift

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


def kafka() -> KafkaConnection:
    return KafkaConnection(
        bootstrap_servers=Output.from_input("kafka-1.example.com:9092,kafka-2.example.com:9092"),
        tls=False,
        client_labels={"ml-loop.dev/client-of-kafka": "true"},
        egress=(Allowance(ports=(9092,), peers=ANYWHERE),),
    )


def drift(**changes: object) -> Drift:
    return Drift.model_validate({"features": ["pages", "price"]} | changes)
