"""A small S3 service for a laptop or a shared development cluster: versitygw on one volume. One pod, no backups."""

from dataclasses import dataclass, replace

import pulumi
import pulumi_kubernetes as k8s
from pulumi import Output, ResourceOptions

from components.client_job import client_job
from components.connections import ACCESS_KEY_ID, SECRET_ACCESS_KEY, Bucket
from components.custom import object_name
from components.labels import labels, selector
from components.network import Traffic, allow, pods
from components.pod import (
    Container,
    Volume,
    plain_env,
    pod,
    resources,
    restricted_container,
    secret_env,
    volume_claim,
)

APP = "versitygw"
PORT = 7070
REGION = "us-east-1"
"""versitygw's own default; clients sign for the same."""
ACCESS_KEY = "ml-loop"
CREATE_BUCKET = """\
import os, boto3
s3, bucket = boto3.client("s3"), os.environ["BUCKET"]
if bucket not in [found["Name"] for found in s3.list_buckets()["Buckets"]]:
    s3.create_bucket(Bucket=bucket)
"""


@dataclass(frozen=True, kw_only=True)
class VersityGwArgs:
    """The service's size and its key."""

    namespace: pulumi.Input[str]
    storage: str
    """Size of the volume."""
    secret_key: pulumi.Input[str]
    """Secret key of the service's only identity; a Pulumi secret."""
    image: str
    client_image: str
    """An image with Python and boto3, for the Job that makes the bucket."""
    bucket: str = "mlflow"
    storage_class: str | None = None
    """None: the cluster's default."""
    protect: bool = False
    """Whether Pulumi refuses to delete the volume."""


class VersityGw(pulumi.ComponentResource):
    """Creates a Secret, a volume claim, a Deployment, its Service and NetworkPolicies, and a Job that makes the bucket.

    The identity in the Secret owns everything in the store: the loop reaches artifacts through MLflow only.
    """

    bucket: Bucket

    def __init__(self, name: str, args: VersityGwArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("ml-loop:storage:VersityGw", name, None, opts)
        child = ResourceOptions(parent=self)

        secret = k8s.core.v1.Secret(
            f"{name}-root",
            metadata={"name": f"{name}-root", "namespace": args.namespace, "labels": labels(APP, name)},
            string_data={ACCESS_KEY_ID: ACCESS_KEY, SECRET_ACCESS_KEY: args.secret_key},
            opts=child,
        )
        secret_name = object_name(secret)
        server = _server(name, args, secret_name, child)

        client_labels = {f"ml-loop.dev/client-of-{name}": "true"}
        allow(
            f"{name}-server",
            namespace=args.namespace,
            selector=selector(APP, name, "server"),
            ingress=[Traffic(ports=(PORT,), peers=(pods(client_labels),))],
            opts=child,
        )
        service = k8s.core.v1.Service(
            f"{name}-service",
            metadata={"name": "s3", "namespace": args.namespace, "labels": labels(APP, name)},
            spec={
                "selector": selector(APP, name, "server"),
                "ports": [{"name": "s3", "port": PORT, "target_port": "s3"}],
            },
            # No data flows from the Deployment, but without it the Service has nobody to wait for.
            opts=ResourceOptions.merge(child, ResourceOptions(depends_on=[server])),
        )
        store = Bucket(
            name=Output.from_input(args.bucket),
            region=REGION,
            endpoint=Output.concat("http://", object_name(service), ".", args.namespace, f".svc.cluster.local:{PORT}"),
            credentials_secret=secret_name,
            client_labels=client_labels,
            egress=(Traffic(ports=(PORT,), peers=(pods(selector(APP, name, "server")),)),),
        )
        self.bucket = replace(store, name=_create_bucket(name, args, store, child))
        self.register_outputs({"bucket": self.bucket.name, "endpoint": self.bucket.endpoint})


def _server(name: str, args: VersityGwArgs, secret_name: Output[str], child: ResourceOptions) -> k8s.apps.v1.Deployment:
    spec = volume_claim(args.storage)
    if args.storage_class:
        spec["storage_class_name"] = args.storage_class
    claim = k8s.core.v1.PersistentVolumeClaim(
        f"{name}-data",
        metadata={
            "name": f"{name}-data",
            "namespace": args.namespace,
            "labels": labels(APP, name),
            # The claim is bound when the first pod is scheduled; whoever waits for it before that waits forever.
            "annotations": {"pulumi.com/skipAwait": "true"},
        },
        spec=spec,
        opts=ResourceOptions.merge(child, ResourceOptions(protect=args.protect)),
    )
    health: k8s.core.v1.ProbeArgsDict = {"http_get": {"path": "/health", "port": "s3"}, "period_seconds": 5}
    container: Container = {
        **restricted_container(
            "versitygw",
            args.image,
            resources(cpu="20m", memory="64Mi", memory_limit="512Mi"),
            [
                {"name": "data", "mount_path": "/data/buckets", "sub_path": "buckets"},
                {"name": "data", "mount_path": "/data/meta", "sub_path": "meta"},
            ],
        ),
        "args": [
            *("--port", f":{PORT}", "--health", "/health", "--quiet"),
            # Not every volume has user attributes: metadata goes beside the objects.
            *("posix", "--sidecar", "/data/meta", "/data/buckets"),
        ],
        "env": [
            secret_env("ROOT_ACCESS_KEY_ID", secret_name, ACCESS_KEY_ID),
            secret_env("ROOT_SECRET_ACCESS_KEY", secret_name, SECRET_ACCESS_KEY),
        ],
        "ports": [{"name": "s3", "container_port": PORT}],
        "readiness_probe": health,
        "liveness_probe": {**health, "failure_threshold": 6},
    }
    data: Volume = {"name": "data", "persistent_volume_claim": {"claim_name": object_name(claim)}}
    return k8s.apps.v1.Deployment(
        f"{name}-server",
        metadata={"name": name, "namespace": args.namespace, "labels": labels(APP, name, "server")},
        spec={
            "replicas": 1,
            # One volume, one writer.
            "strategy": {"type": "Recreate"},
            "selector": {"match_labels": selector(APP, name, "server")},
            "template": {
                "metadata": {"labels": labels(APP, name, "server")},
                "spec": pod(container, volumes=[data]),
            },
        },
        opts=child,
    )


def _create_bucket(name: str, args: VersityGwArgs, store: Bucket, child: ResourceOptions) -> Output[str]:
    """Makes the bucket unless it exists. Returns its name, known once it does."""
    job = client_job(
        name,
        "bucket",
        store,
        app=APP,
        namespace=args.namespace,
        image=args.client_image,
        script=CREATE_BUCKET,
        env=plain_env({"BUCKET": args.bucket}),
        work=args.bucket,
        opts=child,
    )
    return job.apply(lambda _: args.bucket)
