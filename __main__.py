"""The stack: a table of contents. Runs under `pulumi up` and, hosted by the Automation API, under `make up`."""

from pathlib import Path

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s
from pulumi import ResourceOptions

import prerequisites
import restore.guard
import settings
from components.events.bus import EventBus, EventBusArgs
from components.kit.labels import selector
from components.kit.namespace import RestrictedNamespace, RestrictedNamespaceArgs
from components.kit.network import Traffic, pods
from components.model import ModelLoopArgs, model_loop
from components.observability.observability import Observability
from components.observability.targets import observed
from components.platform.operators import after, operators
from components.serving.gateway import Gateway
from components.serving.model_storage import ModelStorage, ModelStorageArgs
from components.storage.artifact_store import ArtifactStore, ArtifactStoreArgs
from components.tracking.identity import guards
from components.tracking.mlflow import APP, PORT, Mlflow, MlflowArgs
from components.tracking.postgres import Postgres, PostgresArgs
from components.wiring import (
    DATABASE,
    MLFLOW,
    archive,
    argo_cd,
    brokers,
    bus_servers,
    front,
    gateway_args,
    healing,
    image,
    mlflow_route,
    store,
)
from policy.rule import PRODUCTION_STACKS
from settings import ImageName

UNENFORCED = "cluster.enforcesNetworkPolicies is false: every pod of the cluster can reach MLflow, Kafka and the models"
stack = settings.load()
prerequisites.check(stack)
restore.guard.check(stack)
tracking = stack.tracking
protect = pulumi.get_stack() in PRODUCTION_STACKS

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

# Namespaces, operators
loop = RestrictedNamespace("loop", RestrictedNamespaceArgs(namespace=stack.namespace), here)
station = RestrictedNamespace("tracking", RestrictedNamespaceArgs(namespace=tracking.namespace), here)
nats_image = image(stack, ImageName.NATS)
backups = tracking.postgres.backup is not None
installed = operators(stack.platform, workflow_namespace=loop.name, nats_image=nats_image, backups=backups, opts=here)

# From outside: one address for all models and for MLflow
gateway = stack.gateway and Gateway("models", gateway_args(stack.gateway, loop.name), here)

# Tracking: artifact store, database, MLflow
artifacts = ArtifactStore(
    "artifacts", ArtifactStoreArgs(store=store(stack, station.name, loop.name, protect=protect)), here
)
database_args = PostgresArgs(
    namespace=station.name,
    instances=tracking.postgres.instances,
    storage=tracking.postgres.storage,
    image=image(stack, ImageName.POSTGRES),
    operator_namespace=installed.cloud_native_pg.namespace,
    protect=protect,
    backup=archive(stack, artifacts.bucket),
)
database = Postgres(DATABASE, database_args, after(installed.barman_cloud or installed.cloud_native_pg, here)).database
mlflow_args = MlflowArgs(
    namespace=station.name,
    image=image(stack, ImageName.MLFLOW),
    database=database,
    bucket=artifacts.bucket,
    session_key=stack.tracking_secret_key,
    client_namespaces=[stack.namespace],
    guards=guards(list(stack.models), stack.namespace, healing(stack)),
    replicas=tracking.replicas,
    resources=tracking.resources.model_dump(exclude_none=True),
    host=tracking.host,
    scheme=gateway.scheme if gateway else "http",
    front=front(stack, gateway),
    node_port=tracking.node_port,
    node_address=stack.cluster.node_address,
    argo_cd=argo_cd(stack),
)
mlflow = Mlflow(MLFLOW, mlflow_args, here)

# Kafka, which carries predictions and drift, and the bus between drift and training, of all models
kafka = brokers(stack, here)
retrained = any(its.retraining for its in stack.models.values())
bus_args = EventBusArgs(servers=bus_servers(stack, loop.name))
bus = EventBus("event-bus", bus_args, after(installed.argo_events, here)) if retrained else None

# MLflow's host name at the gateway
external_url = (gateway and mlflow_route(stack, gateway, mlflow, here)) or mlflow.external_url

# Models: each model's loop
models: dict[str, dict[str, pulumi.Input[str] | None]] = {}
if stack.models:
    loop_image = image(stack, ImageName.LOOP)
    storage = ModelStorageArgs(namespace=stack.namespace, image=loop_image, tracking_url=mlflow.url)
    shared = ModelLoopArgs(
        namespace=loop.name,
        operators=installed,
        loop_image=loop_image,
        detector_image=image(stack, ImageName.DETECTOR),
        example_image=image(stack, ImageName.RECOMMENDER),
        mode=stack.platform.kserve.mode,
        storage=ModelStorage("model-storage", storage, after(installed.kserve, here)),
        tracking_url=mlflow.url,
        egress=[Traffic(ports=(PORT,), peers=(pods(selector(APP, MLFLOW, "server"), tracking.namespace),))],
        gateway=gateway,
        kafka=kafka,
        bus=bus,
        logs=artifacts.logs,
    )
    models = {model: model_loop(model, its, shared, here) for model, its in stack.models.items()}

# Who watches all of it
if stack.observability:
    watching = observed(stack, stack.observability, loop=loop.name, tracking=station.name, installed=installed)
    Observability("observability", watching, here)

pulumi.export("mlflow", {"url": mlflow.url, "externalUrl": external_url})
pulumi.export("platform", installed.versions)
pulumi.export("models", models)
