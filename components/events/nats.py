"""One nats-server with JetStream on a volume: a bus for Argo Events where the operator itself can run none."""

from dataclasses import dataclass
from typing import Any, Final

import pulumi
import pulumi_kubernetes as k8s
from pulumi import Output, ResourceOptions

from components.kit.access import Access
from components.kit.custom import object_name
from components.kit.identities import RoleRule, account_with
from components.kit.labels import labels, selector
from components.kit.network import API_SERVER, Allowance, allow, pods
from components.kit.options import depending_on
from components.kit.pod import (
    Container,
    PodSpec,
    Volume,
    arguments,
    config_map,
    job_name,
    pod,
    resources,
    restricted_container,
    secret_env,
    volume_claim,
)
from contract.commands import BusCredentials

APP: Final = "nats"
PORT: Final = 4222
MONITOR_PORT: Final = 8222
CONFIG_FOLDER, TLS_FOLDER, DATA_FOLDER = "/etc/nats", "/etc/nats-tls", "/data"
CONFIG: Final = f"""\
port: {PORT}
http_port: {MONITOR_PORT}
# What is acknowledged is on disk, not two minutes later: Kafka's offset moves on with it.
jetstream {{ store_dir: {DATA_FOLDER}, sync_interval: always }}
# Argo Events' client speaks nothing but TLS.
tls {{ cert_file: {TLS_FOLDER}/tls.crt, key_file: {TLS_FOLDER}/tls.key }}
authorization {{ user: $BUS_USERNAME, password: $BUS_PASSWORD }}
"""


@dataclass(frozen=True, kw_only=True)
class NatsServerArgs:
    """The server's size and its images."""

    namespace: pulumi.Input[str]
    image: str
    loop_image: str
    """Image with the command that makes the certificate and the password."""
    storage: str = "1Gi"
    """Size of the volume."""


class NatsServer(pulumi.ComponentResource):
    """Creates a StatefulSet of one, its Service, ConfigMap and NetworkPolicies, and a Job that fills a Secret.

    The Secret is created empty: certificate, key and password are made in the cluster and are in no state. The Job may
    change that one object and nothing else, and leaves alone what it has made once. To renew them, delete the Job and
    the Secret and run `pulumi up --refresh`.
    """

    credentials: Output[str]
    """Secret with `tls.crt`, which clients trust, and `auth.yaml`, which Argo Events logs in with."""
    url: Output[str]
    """Known once the server answers."""
    access: Access
    """What a client uses."""

    def __init__(self, name: str, args: NatsServerArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("ml-loop:events:NatsServer", name, None, opts)
        child = ResourceOptions(parent=self)
        server = selector(APP, name, "server")
        clients = {f"ml-loop.dev/client-of-{name}": "true"}
        self.access = Access(labels=clients, egress=[Allowance(ports=(PORT,), peers=(pods(server),))])
        allow(
            f"{name}-server",
            namespace=args.namespace,
            selector=server,
            ingress=[Allowance(ports=(PORT,), peers=(pods(clients),))],
            opts=child,
        )
        service = k8s.core.v1.Service(
            f"{name}-service",
            metadata={
                "name": name,
                "namespace": args.namespace,
                "labels": labels(APP, name),
                # The pods come after their Service, which would wait for them.
                "annotations": {"pulumi.com/skipAwait": "true"},
            },
            spec={"selector": server, "ports": [{"name": "nats", "port": PORT, "target_port": "nats"}]},
            opts=child,
        )
        host = Output.concat(object_name(service), ".", args.namespace, ".svc.cluster.local")
        self.credentials = _make_credentials(name, args, host, child)
        stateful = _server(name, args, self.credentials, object_name(service), child)
        self.url = Output.all(host, object_name(stateful)).apply(lambda known: f"tls://{known[0]}:{PORT}")
        self.register_outputs({"url": self.url, "credentials": self.credentials})


def _make_credentials(name: str, args: NatsServerArgs, host: Output[str], child: ResourceOptions) -> Output[str]:
    """Fills the Secret unless it is filled. Returns its name, known once it is."""
    secret_name = f"{name}-credentials"
    metadata: k8s.meta.v1.ObjectMetaArgsDict = {
        "name": secret_name,
        "namespace": args.namespace,
        "labels": labels(APP, name, "credentials"),
    }
    secret = k8s.core.v1.Secret(f"{name}-secret", metadata=metadata, opts=child)
    fill: RoleRule = {
        "api_groups": [""],
        "resources": ["secrets"],
        "resource_names": [object_name(secret)],
        "verbs": ["get", "patch"],
    }
    account = account_with(
        name, secret_name, [fill], namespace=args.namespace, labels=labels(APP, name, "credentials"), opts=child
    )
    policy = allow(
        f"{name}-credentials",
        namespace=args.namespace,
        selector=selector(APP, name, "credentials"),
        egress=[API_SERVER],
        opts=child,
    )
    container: Container = {
        **restricted_container(
            "credentials", args.loop_image, resources(cpu="50m", memory="128Mi", memory_limit="512Mi")
        ),
        "command": BusCredentials.entry(),
        "args": host.apply(lambda known: arguments(BusCredentials(secret=secret_name, host=known))),
    }
    spec: PodSpec = {
        **pod(container, service_account=account),
        "automount_service_account_token": True,
        "restart_policy": "OnFailure",
    }
    job = k8s.batch.v1.Job(
        f"{name}-credentials-job",
        metadata={**metadata, "name": job_name(secret_name, args.loop_image, host)},
        spec={
            "backoff_limit": 5,
            "template": {"metadata": {"labels": labels(APP, name, "credentials")}, "spec": spec},
        },
        opts=depending_on(child, policy),
    )
    return object_name(job).apply(lambda _: secret_name)


def _server(
    name: str, args: NatsServerArgs, credentials: Output[str], service: Output[str], child: ResourceOptions
) -> k8s.apps.v1.StatefulSet:
    metadata: k8s.meta.v1.ObjectMetaArgsDict = {
        "name": name,
        "namespace": args.namespace,
        "labels": labels(APP, name, "server"),
    }
    config = config_map(f"{name}-config", name, metadata, {"nats.conf": CONFIG}, opts=child)
    ready: k8s.core.v1.ProbeArgsDict = {"http_get": {"path": "/healthz", "port": "monitor"}, "period_seconds": 2}
    container: Container = {
        **restricted_container(
            "nats",
            args.image,
            resources(cpu="20m", memory="64Mi", memory_limit="256Mi"),
            [
                {"name": "config", "mount_path": CONFIG_FOLDER, "read_only": True},
                {"name": "tls", "mount_path": TLS_FOLDER, "read_only": True},
                {"name": "data", "mount_path": DATA_FOLDER},
            ],
        ),
        "args": ["--config", f"{CONFIG_FOLDER}/nats.conf"],
        "env": [
            secret_env("BUS_USERNAME", credentials, "username"),
            secret_env("BUS_PASSWORD", credentials, "password"),
        ],
        "ports": [
            {"name": "nats", "container_port": PORT},
            {"name": "monitor", "container_port": MONITOR_PORT},
        ],
        "readiness_probe": ready,
        "liveness_probe": {**ready, "period_seconds": 10, "failure_threshold": 6},
    }
    tls: Volume = {
        "name": "tls",
        "secret": {
            "secret_name": credentials,
            "items": [{"key": key, "path": key} for key in ("tls.crt", "tls.key")],
        },
    }
    return k8s.apps.v1.StatefulSet(
        f"{name}-server",
        metadata=metadata,
        spec={
            "replicas": 1,
            "service_name": service,
            "selector": {"match_labels": selector(APP, name, "server")},
            "volume_claim_templates": [
                {
                    "metadata": {"name": "data", "labels": labels(APP, name)},
                    "spec": volume_claim(args.storage),
                }
            ],
            "template": {
                "metadata": {"labels": labels(APP, name, "server")},
                "spec": pod(container, volumes=[{"name": "config", "config_map": {"name": config}}, tls]),
            },
        },
        opts=child,
    )


def exotic(server: NatsServer, stream_config: str) -> dict[str, Any]:
    """The `jetstreamExotic` of an EventBus on this server."""
    return {
        "url": server.url,
        "accessSecret": {"name": server.credentials, "key": "auth.yaml"},
        "tls": {"caCertSecret": {"name": server.credentials, "key": "tls.crt"}},
        "streamConfig": stream_config,
    }
