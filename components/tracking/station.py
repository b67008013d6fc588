"""The tracking station of a stack: MLflow with its database, as the settings say."""

from pulumi import Output, ResourceOptions

from components.kit.connections import Database
from components.kit.images import image
from components.kit.labels import selector
from components.kit.network import ANYWHERE, Peers, pods
from components.kit.options import depending_on
from components.platform.operators import Operators
from components.serving.gateway import Gateway
from components.storage.artifact_store import ArtifactStore
from components.tracking import DATABASE, LOGIN, MLFLOW, login
from components.tracking.application import ArgoCdTarget
from components.tracking.identity import guards
from components.tracking.mlflow import Mlflow, MlflowArgs
from components.tracking.postgres import Postgres, PostgresArgs, PostgresBackup, PostgresRestore
from settings import Delivery, ImageName, Settings


def database(
    stack: Settings,
    namespace: Output[str],
    *,
    store: ArtifactStore,
    operators: Operators,
    protect: bool,
    opts: ResourceOptions,
) -> Database:
    """MLflow's database, archived to the store where the settings ask for backups."""
    postgres = stack.tracking.postgres
    args = PostgresArgs(
        namespace=namespace,
        instances=postgres.instances,
        storage=postgres.storage,
        image=image(stack, ImageName.POSTGRES),
        operator_namespace=operators.cloud_native_pg.namespace,
        protect=protect,
        backup=_archive(stack, store),
    )
    return Postgres(DATABASE, args, depending_on(opts, operators.barman_cloud or operators.cloud_native_pg)).database


def _archive(stack: Settings, store: ArtifactStore) -> PostgresBackup | None:
    """Where the database's archive is, and what it begins with; None without backups."""
    backup = stack.tracking.postgres.backup
    if backup is None:
        return None
    return PostgresBackup(
        bucket=store.bucket(DATABASE),
        schedule=backup.schedule,
        days=backup.retention_days,
        archive=backup.archive,
        restore=backup.restore and PostgresRestore(archive=backup.restore.archive, until=backup.restore.until),
    )


def tracking_server(
    stack: Settings,
    namespace: Output[str],
    loop: Output[str],
    *,
    database: Database,
    store: ArtifactStore,
    gateway: Gateway | None,
    opts: ResourceOptions,
) -> Mlflow:
    """MLflow's servers, for the pods of the loop's namespace."""
    tracking = stack.tracking
    args = MlflowArgs(
        namespace=namespace,
        image=image(stack, ImageName.MLFLOW),
        database=database,
        bucket=store.bucket(MLFLOW),
        session_key=stack.tracking_secret_key,
        client_namespaces=[stack.namespace],
        callers_namespace=loop,
        guards=guards(list(stack.models), stack.namespace, _healing(stack)),
        replicas=tracking.replicas,
        resources=tracking.resources.model_dump(exclude_none=True),
        host=tracking.host,
        scheme=gateway.scheme if gateway else "http",
        proxies=_proxies(stack, gateway),
        node_port=tracking.node_port,
        node_address=stack.cluster.node_address,
        argo_cd=_argo_cd(stack),
    )
    return Mlflow(MLFLOW, args, opts)


def _healing(stack: Settings) -> list[str]:
    """The models whose alias `production` is put back after it was moved by hand."""
    return [name for name, model in stack.models.items() if model.promotion.healing]


def _proxies(stack: Settings, gateway: Gateway | None) -> Peers:
    """Where requests for MLflow's host come from: the login, where there is one, else the gateway."""
    if stack.tracking.oidc is not None:
        return (pods(selector(login.APP, LOGIN)),)
    return gateway.peers if gateway else ANYWHERE


def _argo_cd(stack: Settings) -> ArgoCdTarget | None:
    """Who delivers MLflow's servers; None: this stack."""
    if stack.tracking.delivery is Delivery.PULUMI:
        return None
    argo_cd = stack.tracking.argocd
    return ArgoCdTarget(namespace=argo_cd.namespace, project=argo_cd.project, chart_mirror=stack.platform.chart_mirror)
