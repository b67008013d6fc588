"""MLflow: tracking server and model registry, on PostgreSQL and an S3 bucket.

One image runs twice: first a Job that brings the database's schema to the image's version (`mlflow db upgrade`, which
initializes an empty database too), then the servers, which refuse to start on any other schema.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_kubernetes as k8s
from pulumi import Output, ResourceOptions

from components.kit import metrics
from components.kit.connections import Bucket, Database, Tracking
from components.kit.custom import object_name
from components.kit.labels import labels, selector
from components.kit.network import ANYWHERE, API_SERVER, Allowance, Peers, allow, namespaced, pods
from components.kit.options import depending_on
from components.kit.pod import (
    Container,
    Resources,
    Volume,
    plain_env,
    pod,
    resources,
    restricted_container,
    secret_env,
    spread,
)
from components.tracking import identity
from components.tracking.addresses import allowed_hosts, allowed_origins
from components.tracking.application import ArgoCdTarget, application, chart_values
from components.tracking.migration import database_env, migrate
from contract.names import IDENTITY_APP

APP = "mlflow"
PORT = 5000
ARTIFACTS_FOLDER = "artifacts"
"""Where in the bucket the server keeps artifacts."""
SESSION_KEY = "MLFLOW_FLASK_SERVER_SECRET_KEY"
"""The variable, and its key in the Secret: the chart takes a Secret's keys for variables."""
DRAIN_SECONDS = 10
"""How long a server that ends keeps answering: by then no proxy sends it new requests."""


@dataclass(frozen=True, kw_only=True)
class MlflowArgs:
    """The servers, what they stand on, and who may reach them."""

    namespace: pulumi.Input[str]
    image: str
    database: Database
    bucket: Bucket
    session_key: pulumi.Input[str]
    """What sessions are signed with: one key for all servers and over restarts. A Pulumi secret."""
    client_namespaces: Sequence[str]
    """Namespaces whose pods may reach the server."""
    callers_namespace: pulumi.Input[str]
    """Namespace whose pods call with a token."""
    guards: identity.Guards
    """Who may change what of which model."""
    replicas: int = 2
    workers: int = 2
    """Processes of each server."""
    resources: Resources = field(default_factory=lambda: resources(cpu="250m", memory="1Gi", memory_limit="2Gi"))
    host: str | None = None
    """Public host name, where a gateway offers one."""
    scheme: str = "http"
    """How the gateway offers it: `http`, or `https`."""
    proxies: Peers = ANYWHERE
    """Where requests for `host` come from; ANYWHERE: unknown, or from outside the cluster."""
    node_port: int | None = None
    """Port on every node, without TLS, where one is wanted."""
    node_address: str | None = None
    """Address of a node, where the port is reached from outside."""
    argo_cd: ArgoCdTarget | None = None
    """Who makes the servers from a chart; None: Pulumi makes them."""


class Mlflow(pulumi.ComponentResource):
    """Creates a migration Job, and a Deployment with Service, ServiceAccount, Secret, disruption budget and policies.

    With Argo CD an Application takes the Deployment's place, which leads to the same pods.

    The servers know who asks and what each may change (`components.tracking.identity`, docs/identities.md).

    External: the database and the bucket. A new image means a new Job, and servers that start only after it; the old
    ones answer until then, as they read the schema's version at start only.
    """

    tracking: Tracking
    """How pods of the client namespaces use it."""
    url: Output[str]
    """Where pods reach the server: scheme, host and port, no trailing slash. Known once a server answers."""
    external_url: str | None
    """Where clients outside the cluster reach it without a gateway; None without a node's address and port."""
    service: Output[str]
    """The Service's name, for a route. Its port is `PORT`."""

    def __init__(self, name: str, args: MlflowArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("ml-loop:tracking:Mlflow", name, None, opts)
        child = ResourceOptions(parent=self)
        server = selector(APP, name, "server")

        account = k8s.core.v1.ServiceAccount(
            f"{name}-account",
            metadata={
                "name": name,
                "namespace": args.namespace,
                "labels": labels(APP, name),
                "annotations": args.bucket.annotations.get(name, {}),
            },
            automount_service_account_token=False,
            opts=child,
        )
        secret = k8s.core.v1.Secret(
            f"{name}-session",
            metadata={"name": f"{name}-session", "namespace": args.namespace, "labels": labels(APP, name)},
            string_data={SESSION_KEY: args.session_key},
            opts=child,
        )
        policies = _policies(name, args, child)
        allowed = depending_on(child, *policies)
        migration = migrate(name, APP, namespace=args.namespace, image=args.image, database=args.database, opts=allowed)
        reviewer = identity.Reviewer(
            namespace=args.namespace, account=object_name(account), callers=args.callers_namespace
        )
        guarding = identity.volumes(name, args.namespace, APP, args.guards, child)
        container = _server(name, args, object_name(secret))
        servers = _servers(
            name,
            args,
            container,
            guarding=guarding,
            account=identity.may_review(name, reviewer, APP, child),
            migration=migration,
        )
        delivered = _deliver(name, args, servers, child)
        k8s.policy.v1.PodDisruptionBudget(
            f"{name}-disruption",
            metadata={"name": name, "namespace": args.namespace, "labels": labels(APP, name)},
            # maxUnavailable, as minAvailable would block the drain of a node forever where there is one replica.
            spec={"max_unavailable": 1, "selector": {"match_labels": server}},
            opts=child,
        )
        port: k8s.core.v1.ServicePortArgsDict = {"name": "http", "port": PORT, "target_port": "http"}
        if args.node_port is not None:
            port["node_port"] = args.node_port
        service = k8s.core.v1.Service(
            f"{name}-service",
            metadata={"name": name, "namespace": args.namespace, "labels": labels(APP, name)},
            spec={
                "type": "ClusterIP" if args.node_port is None else "NodePort",
                "selector": server,
                "ports": [port],
            },
            # What has the URL expects an answer.
            opts=depending_on(child, delivered),
        )

        self.service = object_name(service)
        self.url = Output.concat("http://", self.service, ".", args.namespace, f".svc.cluster.local:{PORT}")
        servers = pods(selector(APP, name, "server"), args.namespace)
        self.tracking = Tracking(url=self.url, egress=(Allowance(ports=(PORT,), peers=(servers,)),))
        self.external_url = _external_url(args)
        self.register_outputs({"url": self.url, "external_url": self.external_url, "service": self.service})


def _external_url(args: MlflowArgs) -> str | None:
    exposed = args.node_address and args.node_port
    return f"http://{args.node_address}:{args.node_port}" if exposed else None


def _policies(name: str, args: MlflowArgs, child: ResourceOptions) -> list[k8s.networking.v1.NetworkPolicy]:
    """All pods go to the database and the bucket; servers are called, and have tokens reviewed by the API server."""
    # The address of a gateway outside the cluster, or of a client behind a node, is not known here.
    exposed = args.node_port is not None or (args.host is not None and args.proxies is ANYWHERE)
    proxies = (args.proxies if args.host else None) or ()
    callers = ANYWHERE if exposed else (*(namespaced(each) for each in args.client_namespaces), *proxies)
    return [
        allow(
            f"{name}-egress",
            namespace=args.namespace,
            selector=selector(APP, name),
            egress=[*args.database.access.egress, *args.bucket.access.egress],
            opts=child,
        ),
        allow(
            f"{name}-ingress",
            namespace=args.namespace,
            selector=selector(APP, name, "server"),
            ingress=[Allowance(ports=(PORT,), peers=callers)],
            opts=child,
        ),
        allow(
            f"{name}-identity",
            namespace=args.namespace,
            selector=selector(APP, name, "server"),
            ingress=[metrics.ingress(identity.METRICS_PORT)],
            egress=[API_SERVER],
            opts=child,
        ),
    ]


def _deliver(
    name: str, args: MlflowArgs, servers: k8s.apps.v1.DeploymentSpecArgsDict, child: ResourceOptions
) -> pulumi.Resource:
    """The servers, or what makes Argo CD make them."""
    if args.argo_cd is None:
        return k8s.apps.v1.Deployment(
            f"{name}-server",
            metadata={"name": name, "namespace": args.namespace, "labels": labels(APP, name, "server")},
            spec=servers,
            opts=child,
        )
    values = chart_values(name, servers, database=args.database, bucket=args.bucket, folder=ARTIFACTS_FOLDER)
    return application(name, args.argo_cd, args.namespace, values, child)


def _servers(
    name: str,
    args: MlflowArgs,
    container: Container,
    *,
    guarding: Sequence[Volume],
    account: Output[str],
    migration: Output[str],
) -> k8s.apps.v1.DeploymentSpecArgsDict:
    """The servers: spread over nodes, replaced one by one, and none before the migration has finished."""
    server = selector(APP, name, "server")
    pod_labels = {**labels(APP, name, "server"), **args.database.access.labels, **args.bucket.access.labels}
    volumes = [*args.database.access.volumes, *args.bucket.access.volumes, *guarding]
    return {
        "replicas": args.replicas,
        "strategy": {"type": "RollingUpdate", "rolling_update": {"max_unavailable": 0, "max_surge": 1}},
        "selector": {"match_labels": server},
        "template": {
            # The migration's name makes servers come after it, and restart for a new one.
            "metadata": {
                "labels": pod_labels,
                "annotations": {
                    "ml-loop.dev/migration": migration,
                    **metrics.annotations(identity.METRICS_PORT),
                },
            },
            "spec": {
                **pod(container, volumes=volumes, service_account=account),
                "automount_service_account_token": True,
                "termination_grace_period_seconds": DRAIN_SECONDS + 50,
                "affinity": spread(server),
            },
        },
    }


def _server(name: str, args: MlflowArgs, session: Output[str]) -> Container:
    health: k8s.core.v1.ProbeArgsDict = {"http_get": {"path": "/health", "port": "http"}, "timeout_seconds": 5}
    public = (args.host, args.node_address)
    origins = allowed_origins(_external_url(args), args.host, args.scheme)
    hosts = Output.from_input(args.namespace).apply(lambda namespace: allowed_hosts(name, namespace, *public))
    mounts = [*args.database.access.mounts, *args.bucket.access.mounts, *identity.MOUNTS]
    return {
        **restricted_container("mlflow", args.image, args.resources, mounts),
        "command": [
            *("python3", "-m", "mlflow", "server", "--app-name", IDENTITY_APP),
            *("--host", "0.0.0.0", "--port", str(PORT), "--workers", str(args.workers)),  # noqa: S104  in a pod
            *("--serve-artifacts", "--artifacts-destination", "$(ARTIFACTS_DESTINATION)"),
        ],
        "env": [
            *database_env(args.database),
            *args.bucket.access.env,
            *identity.plugin_env(),
            *plain_env(
                {
                    "ARTIFACTS_DESTINATION": Output.concat("s3://", args.bucket.name, "/", ARTIFACTS_FOLDER),
                    "MLFLOW_SERVER_ALLOWED_HOSTS": hosts.apply(",".join),
                    "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS": ",".join(origins),
                    # It runs jobs that users submit, on the server; the loop submits none.
                    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
                    # The AI gateway calls others with keys that anyone could use; the guard closes its writes, this its
                    # reads.
                    "MLFLOW_ENABLE_AI_GATEWAY": "false",
                }
            ),
            secret_env(SESSION_KEY, session, SESSION_KEY),
        ],
        "ports": [
            {"name": "http", "container_port": PORT},
            {"name": "metrics", "container_port": identity.METRICS_PORT},
        ],
        "startup_probe": {**health, "period_seconds": 2, "failure_threshold": 90},
        "readiness_probe": {**health, "period_seconds": 5},
        "liveness_probe": {**health, "period_seconds": 10, "failure_threshold": 6},
        # A pod that ends is taken out of the Service while it still answers; then uvicorn finishes what it has begun.
        "lifecycle": {"pre_stop": {"sleep": {"seconds": DRAIN_SECONDS}}},
    }
