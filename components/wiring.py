"""From settings to arguments: which image, store, brokers and bus the stack of these settings has."""

from dataclasses import replace
from typing import Final

import pulumi
from pulumi import Output, ResourceOptions

import versions
from components.events.bus import JetStreamArgs
from components.events.nats import NatsServerArgs
from components.kit.connections import Bucket, KafkaConnection
from components.kit.labels import selector
from components.kit.namespace import RestrictedNamespace, RestrictedNamespaceArgs
from components.kit.network import ANYWHERE, Peers, Traffic, pods
from components.serving.gateway import Gateway, GatewayArgs
from components.storage.artifact_store import ExternalLogsArgs, ExternalS3Args, Store
from components.storage.iam import Irsa, PodIdentity
from components.storage.log_bucket import LogBucketArgs
from components.storage.s3_bucket import LogFolderArgs, S3BucketArgs
from components.storage.versitygw import VersityGwArgs
from components.streaming.kafka import Kafka, KafkaArgs, external_brokers
from components.tracking import login
from components.tracking.application import ArgoCd
from components.tracking.login import OAuth2Proxy, OAuth2ProxyArgs
from components.tracking.mlflow import APP, ARTIFACTS_FOLDER, PORT, Mlflow
from components.tracking.postgres import BACKUPS_FOLDER, PostgresBackup, PostgresRestore, instances
from components.tracking.route import MlflowRoute, MlflowRouteArgs
from components.training.training import accounts
from settings import AwsS3, BundledStore, Delivery, ExternalKafka, ImageName, S3Compatible, Settings
from settings import Gateway as GatewaySettings

MLFLOW: Final = "mlflow"
DATABASE: Final = "mlflow-db"
"""Components whose pods use the bucket; on AWS each has a role, by the service account of its name."""
LOGIN: Final = "mlflow-login"
OPEN_HOST: Final = "tracking.host has no login (tracking.oidc): whoever reaches the gateway reads and writes in MLflow"


def image(stack: Settings, name: ImageName) -> str:
    """The stack's own choice of an image, or the pinned one, at the stack's own registry where it has one."""
    pin, registry = versions.IMAGES[name], stack.platform.image_registry
    return stack.images.get(name, pin.mirrored(registry) if registry else pin.reference)


def store(stack: Settings, namespace: Output[str], loop: Output[str], *, protect: bool) -> Store:
    """The artifact store, for clients in `namespace`; workflows in `loop` add their logs."""
    match stack.artifacts, stack.store_secret_key, stack.logs_secret_key:
        case AwsS3(bucket=bucket, region=region, kms_key=key, log_retention_days=days) as aws, _, _:
            folders = {MLFLOW: ARTIFACTS_FOLDER} | (
                {DATABASE: BACKUPS_FOLDER} if stack.tracking.postgres.backup else {}
            )
            return S3BucketArgs(
                bucket=bucket,
                region=region,
                namespace=namespace,
                folders=folders,
                logs=LogFolderArgs(namespace=loop, accounts=_writers(stack), days=days),
                identity=_identity(aws, stack.cluster.context),
                kms_key=key,
                protect=protect,
            )
        case S3Compatible(endpoint=str(endpoint), bucket=str(bucket), credentials_secret=str(secret), logs=logs), _, _:
            own = logs and ExternalLogsArgs(bucket=logs.bucket, credentials_secret=logs.credentials_secret)
            return ExternalS3Args(endpoint=endpoint, bucket=bucket, credentials_secret=secret, logs=own)
        case S3Compatible(
            bundled=BundledStore(storage=storage, log_retention_days=days)
        ), Output() as key, Output() as add:
            return VersityGwArgs(
                namespace=namespace,
                storage=storage,
                secret_key=key,
                logs=LogBucketArgs(namespace=loop, secret_key=add, days=days),
                protect=protect,
                image=image(stack, ImageName.VERSITYGW),
                client_image=image(stack, ImageName.MLFLOW),
                # CloudNativePG labels the pods of instances as asked, and not those of the Job that reads an archive.
                further_clients=[instances(DATABASE)] if stack.tracking.postgres.backup else [],
            )
        case other, _, _:
            raise AssertionError(f"settings let a store pass that is none: {other}")


def _writers(stack: Settings) -> dict[str, str]:
    """Service account → model, of all pods that write logs."""
    return {
        account: model
        for model, its in stack.models.items()
        for account in accounts(model, cooldown=its.retraining is not None, serving=True)
    }


def _identity(store: AwsS3, context: str) -> PodIdentity | Irsa:
    """How pods come to their roles: by what the settings name, else by Pod Identity of the context's own cluster."""
    if store.oidc_provider is not None:
        return Irsa(provider=store.oidc_provider)
    # `aws eks update-kubeconfig` names a context after its cluster: arn:aws:eks:…:cluster/<name>.
    return PodIdentity(cluster=store.eks_cluster or context.rpartition("/")[2])


def archive(stack: Settings, bucket: Bucket) -> PostgresBackup | None:
    """Where the database's archive is, and what it begins with; None without backups."""
    backup = stack.tracking.postgres.backup
    if backup is None:
        return None
    return PostgresBackup(
        bucket=bucket,
        schedule=backup.schedule,
        days=backup.retention_days,
        archive=backup.archive,
        restore=backup.restore and PostgresRestore(archive=backup.restore.archive, until=backup.restore.until),
    )


def argo_cd(stack: Settings) -> ArgoCd | None:
    """Who delivers MLflow's servers; None: this stack."""
    if stack.tracking.delivery is Delivery.PULUMI:
        return None
    its = stack.tracking.argocd
    return ArgoCd(namespace=its.namespace, project=its.project, chart_mirror=stack.platform.chart_mirror)


def brokers(stack: Settings, opts: ResourceOptions) -> KafkaConnection | None:
    """Kafka. Creates the bundled broker and its namespace, nothing for brokers that are there; None without Kafka."""
    if stack.kafka is None:
        return None
    if isinstance(stack.kafka, ExternalKafka):
        return external_brokers(stack.kafka)
    home = RestrictedNamespace("kafka-home", RestrictedNamespaceArgs(namespace=stack.kafka.namespace), opts)
    args = KafkaArgs(
        namespace=home.name,
        storage=stack.kafka.storage,
        image=image(stack, ImageName.KAFKA),
        client_image=image(stack, ImageName.LOOP),
        client_namespaces=[stack.namespace],
        node_port=stack.kafka.node_port,
        node_address=stack.cluster.node_address,
    )
    return Kafka("kafka", args, opts).connection


def gateway_args(gateway: GatewaySettings, namespace: Output[str]) -> GatewayArgs:
    """The address of all models."""
    return GatewayArgs(
        namespace=namespace,
        class_name=gateway.class_name,
        proxies=gateway.namespace,
        tls_secret=gateway.tls_secret,
        authenticates=gateway.authenticates,
    )


def front(stack: Settings, gateway: Gateway | None) -> Peers:
    """Where requests for MLflow's host come from: the login, where there is one, else the gateway."""
    if stack.tracking.oidc is not None:
        return (pods(selector(login.APP, LOGIN)),)
    return gateway.peers if gateway else ANYWHERE


def healing(stack: Settings) -> list[str]:
    """The models whose alias `production` is put back where somebody moves it by hand."""
    return [name for name, model in stack.models.items() if model.promotion.healing]


def mlflow_route(stack: Settings, gateway: Gateway, mlflow: Mlflow, opts: ResourceOptions) -> str | None:
    """MLflow's host name at the gateway, and the login before it where the settings have one. Returns its URL."""
    tracking = stack.tracking
    if tracking.host is None:
        return None
    args = MlflowRouteArgs(
        gateway=gateway,
        namespace=stack.namespace,
        host=tracking.host,
        service=mlflow.service,
        tracking_namespace=tracking.namespace,
    )
    if tracking.oidc is None:
        if not (stack.gateway and stack.gateway.authenticates):
            pulumi.log.warn(OPEN_HOST)
        return MlflowRoute("mlflow-route", args, opts).url
    proxy = OAuth2Proxy(
        LOGIN,
        OAuth2ProxyArgs(
            namespace=tracking.namespace,
            image=image(stack, ImageName.OAUTH2_PROXY),
            oidc=tracking.oidc,
            host=tracking.host,
            upstream=mlflow.url,
            upstream_egress=[Traffic(ports=(PORT,), peers=(pods(selector(APP, MLFLOW, "server")),))],
            peers=gateway.peers,
        ),
        opts,
    )
    through = replace(args, service=proxy.service, port=login.PORT, filters=[login.NO_TOKENS])
    return MlflowRoute("mlflow-route", through, opts).url


def bus_servers(stack: Settings, namespace: Output[str]) -> JetStreamArgs | NatsServerArgs:
    """The operator's own, where our chart says which versions it knows; else one of ours."""
    if stack.platform.argo_events.install:
        return JetStreamArgs(namespace=namespace, version=versions.NATS.tag)
    return NatsServerArgs(
        namespace=namespace, image=image(stack, ImageName.NATS), loop_image=image(stack, ImageName.LOOP)
    )
