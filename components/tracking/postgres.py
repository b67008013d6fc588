"""MLflow's database: a PostgreSQL cluster that the CloudNativePG operator runs.

No pooler: MLflow's servers hold a few dozen connections of the hundred that PostgreSQL allows by default. Restoring
makes a new cluster from an archive; nothing restores into one that exists.
"""

from dataclasses import dataclass, field
from typing import Any

import pulumi
from pulumi import Output, ResourceOptions

from components.kit.connections import ACCESS_KEY_ID, SECRET_ACCESS_KEY, Bucket, Database
from components.kit.custom import custom_resource, object_name
from components.kit.labels import labels
from components.kit.network import API_SERVER, Allowance, allow, pods
from components.kit.options import depending_on
from components.kit.pod import Resources, resources
from components.platform.cloudnativepg import INSTANCE_PORTS, OPERATOR
from settings.values.cron import with_seconds

API_VERSION = "postgresql.cnpg.io/v1"
PORT = 5432
BACKUPS_FOLDER = "postgres"
"""Where in the bucket the archive is."""
BACKUP_PLUGIN = "barman-cloud.cloudnative-pg.io"
"""In-tree backups leave CloudNativePG in 1.31; this plugin is their successor."""


@dataclass(frozen=True, kw_only=True)
class PostgresRestore:
    """An archive in the same bucket, read once."""

    archive: str
    until: str | None
    """RFC 3339, such as 2027-01-31T12:00:00Z; None: all that was archived."""


@dataclass(frozen=True, kw_only=True)
class PostgresBackup:
    """Continuous archiving of the log, and scheduled base backups. The cluster must have the barman-cloud plugin."""

    bucket: Bucket
    schedule: str
    """When base backups are taken: cron in UTC."""
    days: int
    """How far back one can restore."""
    archive: str
    """Folder below `BACKUPS_FOLDER` that this database writes. The plugin refuses one that another has written."""
    restore: PostgresRestore | None = None
    """What a new database begins with; an existing one ignores it. None: it begins empty."""


@dataclass(frozen=True, kw_only=True)
class PostgresArgs:
    """The size of the database, and what it holds."""

    namespace: pulumi.Input[str]
    instances: int
    """One primary, the others replicas. The operator keeps a PodDisruptionBudget for them."""
    storage: str
    """Size of each instance's volume."""
    image: str
    """Its tag starts with PostgreSQL's version: the operator reads it there, also beside a digest."""
    operator_namespace: str
    database: str = "mlflow"
    """Name of the database and of its owner."""
    storage_class: str | None = None
    """None: the cluster's default."""
    resources: Resources = field(default_factory=lambda: resources(cpu="100m", memory="256Mi", memory_limit="1Gi"))
    backup: PostgresBackup | None = None
    protect: bool = False
    """Whether Pulumi refuses to delete the database."""


class Postgres(pulumi.ComponentResource):
    """Creates a Cluster and its NetworkPolicy; with `backup`, an ObjectStore and a ScheduledBackup as well.

    External: the operator. It makes the pods, volumes, services and certificates, and a Secret `<name>-app` with a
    password that only it knows.
    """

    database: Database

    def __init__(self, name: str, args: PostgresArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("ml-loop:tracking:Postgres", name, None, opts)
        child = ResourceOptions(parent=self)
        selector = instances(name)
        client_labels = {f"ml-loop.dev/client-of-{name}": "true"}

        each_other = Allowance(ports=INSTANCE_PORTS, peers=(pods(selector),))
        clients = Allowance(ports=(PORT,), peers=(pods(client_labels),))
        operator = Allowance(ports=INSTANCE_PORTS, peers=(pods(OPERATOR, args.operator_namespace),))
        policy = allow(
            f"{name}-instances",
            namespace=args.namespace,
            selector=selector,
            ingress=[each_other, clients, operator],
            # Each instance keeps its own state in the API; so does the Job that initializes the first.
            egress=[each_other, API_SERVER, *(args.backup.bucket.egress if args.backup else ())],
            opts=child,
        )

        spec: dict[str, Any] = {
            "instances": args.instances,
            "imageName": args.image,
            "imagePullPolicy": "IfNotPresent",
            "bootstrap": {"initdb": {"database": args.database, "owner": args.database}},
            "storage": {"size": args.storage},
            "resources": args.resources,
        }
        if args.storage_class:
            spec["storage"]["storageClass"] = args.storage_class
        if args.backup:
            store = _store(name, args.namespace, args.backup, child)
            spec["plugins"] = [{**_plugin(store, args.backup.archive), "isWALArchiver": True}]
            if args.backup.restore:
                spec |= _restored(store, args.backup.restore, args.database)
            spec["inheritedMetadata"] = {"labels": args.backup.bucket.client_labels}
            if name in args.backup.bucket.annotations:
                # The operator makes the service account, by the cluster's name.
                spec["serviceAccountTemplate"] = {"metadata": {"annotations": args.backup.bucket.annotations[name]}}
        cluster = custom_resource(
            f"{name}-cluster",
            API_VERSION,
            "Cluster",
            {"name": name, "namespace": args.namespace, "labels": labels("postgresql", name)},
            spec,
            wait_for="condition=Ready",
            # Pods, volumes and services are named after it: a restore makes the new one when the old one is gone.
            opts=ResourceOptions.merge(
                depending_on(child, policy), ResourceOptions(protect=args.protect, delete_before_replace=True)
            ),
        )
        ready = object_name(cluster)
        if args.backup:
            _schedule(name, args.namespace, args.backup, ready, child)

        self.database = Database(
            host=Output.concat(ready, "-rw.", args.namespace, ".svc.cluster.local"),
            port=PORT,
            name=args.database,
            credentials_secret=f"{name}-app",
            ca_secret=f"{name}-ca",
            client_labels=client_labels,
            egress=(Allowance(ports=(PORT,), peers=(pods(selector),)),),
        )
        self.register_outputs({"host": self.database.host, "database": args.database, "secret": f"{name}-app"})


def instances(name: str) -> dict[str, str]:
    """Labels of every pod that the operator makes for a database: its instances, and the Jobs that initialize them."""
    return {"cnpg.io/cluster": name}


def _store(name: str, namespace: pulumi.Input[str], backup: PostgresBackup, child: ResourceOptions) -> Output[str]:
    """Makes the ObjectStore that archives are in. Returns its name."""
    bucket = backup.bucket
    configuration: dict[str, Any] = {
        "destinationPath": Output.concat("s3://", bucket.name, "/", BACKUPS_FOLDER),
        "s3Credentials": _s3_credentials(bucket),
        "wal": {"compression": "gzip"},
        "data": {"compression": "gzip"},
    }
    if bucket.endpoint is not None:
        configuration["endpointURL"] = bucket.endpoint
    if bucket.ca_secret is not None:
        configuration["endpointCA"] = {"name": bucket.ca_secret, "key": "ca.crt"}
    variables = {"AWS_DEFAULT_REGION": bucket.region, **bucket.client_settings()}
    store = custom_resource(
        f"{name}-archive",
        "barmancloud.cnpg.io/v1",
        "ObjectStore",
        {"name": name, "namespace": namespace, "labels": labels("postgresql", name)},
        {
            "configuration": configuration,
            "retentionPolicy": f"{backup.days}d",
            "instanceSidecarConfiguration": {
                "env": [{"name": name, "value": value} for name, value in variables.items()],
                # Two uploads at once, in parts that stay small for a database of this size.
                "resources": resources(cpu="20m", memory="128Mi", memory_limit="512Mi"),
            },
        },
        opts=child,
    )
    return object_name(store)


def _plugin(store: Output[str], archive: str) -> dict[str, Any]:
    return {"name": BACKUP_PLUGIN, "parameters": {"barmanObjectName": store, "serverName": archive}}


def _restored(store: Output[str], restore: PostgresRestore, database: str) -> dict[str, Any]:
    """The parts of a Cluster's spec that fill it from an archive instead of making an empty database."""
    recovery: dict[str, Any] = {"source": restore.archive, "database": database, "owner": database}
    if restore.until is not None:
        recovery["recoveryTarget"] = {"targetTime": restore.until}
    return {
        "bootstrap": {"recovery": recovery},
        "externalClusters": [{"name": restore.archive, "plugin": _plugin(store, restore.archive)}],
    }


def _s3_credentials(bucket: Bucket) -> dict[str, Any]:
    if bucket.credentials_secret is None:
        return {"inheritFromIAMRole": True}
    return {
        "accessKeyId": {"name": bucket.credentials_secret, "key": ACCESS_KEY_ID},
        "secretAccessKey": {"name": bucket.credentials_secret, "key": SECRET_ACCESS_KEY},
    }


def _schedule(
    name: str, namespace: pulumi.Input[str], backup: PostgresBackup, cluster: Output[str], child: ResourceOptions
) -> None:
    custom_resource(
        f"{name}-schedule",
        API_VERSION,
        "ScheduledBackup",
        {"name": name, "namespace": namespace, "labels": labels("postgresql", name)},
        {
            "cluster": {"name": cluster},
            "schedule": with_seconds(backup.schedule),
            "immediate": True,
            "backupOwnerReference": "self",
            "method": "plugin",
            "pluginConfiguration": {"name": BACKUP_PLUGIN},
        },
        opts=child,
    )
