"""The stack: a table of contents. Runs under `pulumi up` and, hosted by the Automation API, under `make up`."""

from pathlib import Path

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s
from pulumi import ResourceOptions

import settings
import versions
from components.artifact_store import ArtifactStore, ArtifactStoreArgs, ExternalS3Args, Store
from components.connections import KafkaConnection
from components.drift import DriftMonitor, DriftMonitorArgs
from components.event_bus import EventBus, EventBusArgs, JetStreamArgs
from components.front import Front, FrontArgs
from components.gateway import Gateway, GatewayArgs
from components.kafka import Kafka, KafkaArgs, external_brokers
from components.labels import selector
from components.mlflow import APP, ARTIFACTS_FOLDER, PORT, Mlflow, MlflowArgs
from components.model_storage import ModelStorage, ModelStorageArgs
from components.namespace import RestrictedNamespace, RestrictedNamespaceArgs
from components.nats import NatsServerArgs
from components.network import Traffic, pods
from components.operators import operators
from components.postgres import BACKUPS_FOLDER, Postgres, PostgresArgs, PostgresBackup
from components.retraining import Retraining, RetrainingArgs
from components.s3_bucket import S3BucketArgs
from components.serving import Serving, ServingArgs
from components.training import EXAMPLE, Training, TrainingArgs
from components.training_steps import Commands
from components.versitygw import VersityGwArgs
from policy.rule import PRODUCTION_STACKS
from settings import ImageName

MLFLOW, DATABASE = "mlflow", "mlflow-db"
UNENFORCED = "cluster.enforcesNetworkPolicies is false: every pod of the cluster can reach MLflow and move `production`"
stack = settings.load()
platform, tracking, backup = stack.platform, stack.tracking, stack.tracking.postgres.backup
protect = pulumi.get_stack() in PRODUCTION_STACKS
if tracking.delivery is not settings.Delivery.PULUMI:
    raise pulumi.RunError("tracking.delivery is argocd; must be pulumi, the only one there is so far; leave it out")
if stack.models and platform.kserve.mode is not settings.KServeMode.STANDARD:
    raise pulumi.RunError("platform.kserve.mode is knative; must be standard, the only one models are served in so far")


def image(name: ImageName) -> str:
    """The stack's own choice of an image, or the pinned one."""
    return stack.images.get(name, versions.IMAGES[name].reference)


def store(namespace: pulumi.Output[str]) -> Store:
    """The artifact store that the settings name."""
    match stack.artifacts, stack.store_secret_key:
        case settings.AwsS3(bucket=bucket, region=region), _:
            # A component's pods run as the service account of its name.
            folders = {MLFLOW: ARTIFACTS_FOLDER} | ({DATABASE: BACKUPS_FOLDER} if backup else {})
            # `aws eks update-kubeconfig` names a context after its cluster: arn:aws:eks:…:cluster/<name>.
            eks = stack.cluster.context.rpartition("/")[2]
            return S3BucketArgs(
                bucket=bucket, region=region, namespace=namespace, folders=folders, eks_cluster=eks, protect=protect
            )
        case settings.S3Compatible(endpoint=str(endpoint), bucket=str(bucket), credentials_secret=str(secret)), _:
            return ExternalS3Args(endpoint=endpoint, bucket=bucket, credentials_secret=secret)
        case settings.S3Compatible(bundled=settings.BundledStore(storage=storage)), pulumi.Output() as key:
            images = {"image": image(ImageName.VERSITYGW), "client_image": image(ImageName.MLFLOW)}
            return VersityGwArgs(namespace=namespace, storage=storage, secret_key=key, protect=protect, **images)
        case other, _:
            raise AssertionError(f"settings let a store pass that is none: {other}")


def brokers(given: settings.ExternalKafka | settings.BundledKafka) -> KafkaConnection:
    """Kafka as the settings name it."""
    if isinstance(given, settings.ExternalKafka):
        return external_brokers(given)
    home = RestrictedNamespace("kafka-home", RestrictedNamespaceArgs(namespace=given.namespace), here)
    args = KafkaArgs(
        namespace=home.name,
        storage=given.storage,
        image=image(ImageName.KAFKA),
        client_image=image(ImageName.LOOP),
        client_namespaces=[stack.namespace],
        node_port=given.node_port,
        node_address=stack.cluster.node_address,
    )
    return Kafka("kafka", args, here).connection


def bus_servers(namespace: pulumi.Output[str]) -> JetStreamArgs | NatsServerArgs:
    """The operator's own, where our chart says which versions it knows; else one of ours."""
    if platform.argo_events.install:
        return JetStreamArgs(namespace=namespace, version=versions.NATS.tag)
    return NatsServerArgs(namespace=namespace, image=image(ImageName.NATS), loop_image=image(ImageName.LOOP))


# One provider, bound to one context: nothing here follows whatever context happens to be current.
cluster = k8s.Provider(
    "cluster",
    context=stack.cluster.context,
    kubeconfig=stack.cluster.kubeconfig and str(Path(stack.cluster.kubeconfig).expanduser()),
    # Without it a rotated certificate in the kubeconfig replaces the provider, and with it every object.
    cluster_identifier=stack.cluster.context,
)
clouds = [aws.Provider("aws", region=stack.artifacts.region)] if isinstance(stack.artifacts, settings.AwsS3) else []
here = ResourceOptions(providers=[cluster, *clouds])
if not stack.cluster.enforces_network_policies:
    pulumi.log.warn(UNENFORCED)

# Namespaces
loop = RestrictedNamespace("loop", RestrictedNamespaceArgs(namespace=stack.namespace), here)
station = RestrictedNamespace("tracking", RestrictedNamespaceArgs(namespace=tracking.namespace), here)

# Operators, and the options of what comes after them: no data flows from one, but before it its kinds are not there
installed = operators(platform, workflow_namespace=loop.name, nats_image=image(ImageName.NATS), opts=here)
on_postgres = ResourceOptions.merge(here, ResourceOptions(depends_on=[installed.cloud_native_pg]))
on_kserve = ResourceOptions.merge(here, ResourceOptions(depends_on=[installed.kserve]))
on_workflows = ResourceOptions.merge(here, ResourceOptions(depends_on=[installed.argo_workflows]))
on_events = ResourceOptions.merge(here, ResourceOptions(depends_on=[installed.argo_events]))

# Tracking: artifact store, database, MLflow
bucket = ArtifactStore("artifacts", ArtifactStoreArgs(store=store(station.name)), here).bucket
database = Postgres(
    DATABASE,
    PostgresArgs(
        namespace=station.name,
        instances=tracking.postgres.instances,
        storage=tracking.postgres.storage,
        image=image(ImageName.POSTGRES),
        operator_namespace=installed.cloud_native_pg.namespace,
        protect=protect,
        backup=backup and PostgresBackup(bucket=bucket, schedule=backup.schedule, days=backup.retention_days),
    ),
    on_postgres,
).database
mlflow = Mlflow(
    MLFLOW,
    MlflowArgs(
        namespace=station.name,
        image=image(ImageName.MLFLOW),
        database=database,
        bucket=bucket,
        session_key=stack.tracking_secret_key,
        client_namespaces=[stack.namespace],
        replicas=tracking.replicas,
        resources=tracking.resources.model_dump(exclude_none=True),
        host=tracking.host,
        node_port=tracking.node_port,
        node_address=stack.cluster.node_address,
    ),
    here,
)

# Kafka, which carries predictions and drift
kafka = stack.kafka and brokers(stack.kafka)

# The bus between drift and training, of all models
retrained = any(its.retraining for its in stack.models.values())
bus = EventBus("event-bus", EventBusArgs(servers=bus_servers(loop.name)), on_events) if retrained else None

# Models: one address for all, then each model's training, services and the split between them, detector and retraining
gateway = stack.gateway and Gateway(
    "models",
    GatewayArgs(namespace=loop.name, class_name=stack.gateway.class_name, proxies=stack.gateway.namespace),
    here,
)
models: dict[str, dict[str, pulumi.Input[str] | None]] = {}
if stack.models:
    storage = ModelStorage(
        "model-storage",
        ModelStorageArgs(namespace=stack.namespace, image=image(ImageName.LOOP), tracking_url=mlflow.url),
        on_kserve,
    )
    to_mlflow = Traffic(ports=(PORT,), peers=(pods(selector(APP, MLFLOW, "server"), tracking.namespace),))
    for model, its in stack.models.items():
        serving = Serving(
            f"{model}-serving",
            ServingArgs(
                namespace=loop.name,
                model=model,
                image=its.training.image or image(ImageName.RECOMMENDER),
                storage=storage.name,
                in_production=its.production is not None,
                min_replicas=its.serving.replicas.min,
                max_replicas=its.serving.replicas.max,
                resources=its.serving.resources.model_dump(exclude_none=True),
                gateway=gateway,
                egress=[to_mlflow],
                kafka=kafka,
            ),
            on_kserve,
        )
        split = gateway and FrontArgs(gateway=gateway, serving=serving, canary_percent=its.serving.canary_percent)
        front = split and Front(f"{model}-front", split, here)
        training = Training(
            f"{model}-training",
            TrainingArgs(
                model=model,
                namespace=loop.name,
                loop_image=image(ImageName.LOOP),
                image=its.training.image or image(ImageName.RECOMMENDER),
                commands=Commands() if its.training.image else EXAMPLE,
                tracking_uri=mlflow.url,
                egress=[to_mlflow],
                training=its.training,
                cooldown=its.retraining and its.retraining.cooldown,
                serving=True,
            ),
            on_workflows,
        )
        if its.drift and kafka:
            DriftMonitor(
                f"{model}-drift",
                DriftMonitorArgs(
                    namespace=loop.name,
                    model=model,
                    image=image(ImageName.DETECTOR),
                    drift=its.drift,
                    kafka=kafka,
                    tracking_uri=mlflow.url,
                    egress=[to_mlflow],
                ),
                here,
            )
            if its.retraining and bus:
                Retraining(
                    f"{model}-retraining",
                    RetrainingArgs(
                        namespace=loop.name,
                        model=model,
                        drift=its.drift,
                        template=training.template,
                        bus=bus,
                        kafka=kafka,
                    ),
                    on_events,
                )
        models[model] = {"predict": front and front.predict_url, "submit": training.submit}

pulumi.export("mlflow", {"url": mlflow.url, "externalUrl": mlflow.external_url})
pulumi.export("platform", installed.versions)
pulumi.export("models", models)
