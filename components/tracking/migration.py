"""The Job that brings the schema of MLflow's database to the version of its image."""

import pulumi
import pulumi_kubernetes as k8s
from pulumi import Output, ResourceOptions

from components.kit.connections import Database
from components.kit.custom import object_name
from components.kit.labels import labels
from components.kit.pod import SCRATCH, Container, Env, job_name, plain_env, pod, resources, restricted_container


def migrate(
    name: str, app: str, *, namespace: pulumi.Input[str], image: str, database: Database, opts: ResourceOptions
) -> Output[str]:
    """Runs as an account without rights. Returns the Job's name, known once it has finished."""
    metadata: k8s.meta.v1.ObjectMetaArgsDict = {"namespace": namespace, "labels": labels(app, name, "migration")}
    account = k8s.core.v1.ServiceAccount(
        f"{name}-migration-account",
        metadata={**metadata, "name": f"{name}-migration"},
        automount_service_account_token=False,
        opts=opts,
    )
    container: Container = {
        **restricted_container(
            "migrate", image, resources(cpu="100m", memory="384Mi", memory_limit="1Gi"), database.access.mounts
        ),
        # The URL has no password in it, see `Database.env`.
        "command": ["python3", "-m", "mlflow", "db", "upgrade", "$(MLFLOW_BACKEND_STORE_URI)"],
        "env": database_env(database),
    }
    job = k8s.batch.v1.Job(
        f"{name}-migration",
        metadata={**metadata, "name": job_name(f"{name}-migration", image, database.host, database.name)},
        spec={
            "backoff_limit": 4,
            "template": {
                "metadata": {"labels": {**labels(app, name, "migration"), **database.access.labels}},
                "spec": {
                    **pod(container, volumes=database.access.volumes, service_account=object_name(account)),
                    "restart_policy": "Never",
                },
            },
        },
        opts=opts,
    )
    return object_name(job)


def database_env(database: Database) -> list[Env]:
    """What MLflow reads, as a server too."""
    # The driver is named because SQLAlchemy 2.1 takes plain postgresql:// for psycopg 3, which the image doesn't have.
    url = Output.concat("postgresql+psycopg2://", database.host, f":{database.port}/{database.name}")
    return [
        *database.access.env,
        *plain_env({"MLFLOW_BACKEND_STORE_URI": url, "MLFLOW_DISABLE_TELEMETRY": "true", "HOME": SCRATCH}),
    ]
