"""A small S3 service for a laptop or a shared development cluster: versitygw on one volume. One pod, no backups."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pulumi
import pulumi_kubernetes as k8s
from pulumi import Output, ResourceOptions

from components.kit.client_job import client_job
from components.kit.connections import ACCESS_KEY_ID, SECRET_ACCESS_KEY, Bucket, RecordStore
from components.kit.custom import object_name
from components.kit.labels import labels, selector
from components.kit.network import Allowance, Peer, allow, pods
from components.kit.options import depending_on
from components.kit.pod import (
    Container,
    Volume,
    plain_env,
    pod,
    resources,
    restricted_container,
    secret_env,
    volume_claim,
)
from components.storage.accounts import USERS, credentials, derived, granted, users
from components.storage.expiry import expire
from components.storage.iam import Folder, document, use
from components.storage.log_bucket import ACCESS_KEY as LOGS_ACCESS_KEY
from components.storage.log_bucket import LogBucketArgs, bucket_policy
from components.storage.record_bucket import RecordBucketArgs, keys, record_bucket

APP = "versitygw"
PORT = 7070
REGION = "us-east-1"
"""versitygw's own default; clients sign for the same."""
ACCESS_KEY = "ml-loop"
CREATE_BUCKETS = """\
import os, boto3
s3, logs = boto3.client("s3"), os.environ["LOG_BUCKET"]
there = [found["Name"] for found in s3.list_buckets()["Buckets"]]
for bucket in (os.environ["BUCKET"], logs):
    if bucket not in there:
        s3.create_bucket(Bucket=bucket)
s3.put_bucket_policy(Bucket=os.environ["BUCKET"], Policy=os.environ["POLICY"])
s3.put_bucket_policy(Bucket=logs, Policy=os.environ["LOG_POLICY"])
"""


@dataclass(frozen=True, kw_only=True)
class VersityGwArgs:
    """The service's size, its keys and its buckets."""

    namespace: pulumi.Input[str]
    storage: str
    """Size of the volume."""
    secret_key: pulumi.Input[str]
    """Secret key of the identity that owns everything; a Pulumi secret."""
    folders: Mapping[str, Folder]
    """Who uses the bucket → which part of it."""
    logs: LogBucketArgs
    record: RecordBucketArgs | None = None
    """None: no model's predictions are recorded."""
    image: str
    client_image: str
    """An image with Python and boto3, for the Jobs that make buckets and expire logs."""
    bucket: str = "mlflow"
    storage_class: str | None = None
    """None: the cluster's default."""
    further_clients: Sequence[Mapping[str, str]] = ()
    """Labels of pods that call it without the label of its clients, such as those that operators make."""
    protect: bool = False
    """Whether Pulumi refuses to delete the volume."""


class VersityGw(pulumi.ComponentResource):
    """Creates Secrets, a volume claim, a Deployment, its Service and NetworkPolicies, and Jobs for the buckets.

    The root identity owns everything in the store; the server and the Jobs for its buckets have its key. Each user of
    the bucket has an account for its own folder. The account in the loop's namespace adds logs to a bucket of their
    own.
    """

    buckets: Mapping[str, Bucket]
    """User of the bucket → how its pods reach it."""
    logs: Bucket
    """The bucket for the logs of pods in the loop's namespace."""
    record: RecordStore | None
    """The record's buckets for the pods of the loop's namespace; None: there is none."""

    def __init__(self, name: str, args: VersityGwArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("ml-loop:storage:VersityGw", name, None, opts)
        child = ResourceOptions(parent=self)

        secret = k8s.core.v1.Secret(
            f"{name}-root",
            metadata={"name": f"{name}-root", "namespace": args.namespace, "labels": labels(APP, name)},
            string_data={ACCESS_KEY_ID: ACCESS_KEY, SECRET_ACCESS_KEY: args.secret_key},
            opts=child,
        )
        root = object_name(secret)
        own = {user: derived(args.secret_key, access_key(user)) for user in args.folders}
        accounts = {access_key(user): key for user, key in own.items()} | {LOGS_ACCESS_KEY: args.logs.secret_key}
        accounts |= keys(args.secret_key, args.record.learning) if args.record else {}
        server = _server(name, args, root, users(name, APP, accounts, args.namespace, child), child)
        store = _store(name, args, root, server, child)
        made = _create_buckets(name, args, store, child)

        def account(user: str, access: str, key: pulumi.Input[str], namespace: pulumi.Input[str]) -> Output[str]:
            return credentials(
                f"{name}-{user}", APP, access_key=access, secret_key=key, namespace=namespace, opts=child
            )

        mine = replace(store, name=made.apply(lambda _: args.bucket))
        self.buckets = {
            user: replace(mine, credentials_secret=account(user, access_key(user), key, args.namespace))
            for user, key in own.items()
        }
        from_elsewhere = Allowance(ports=(PORT,), peers=(pods(selector(APP, name, "server"), args.namespace),))
        self.logs = replace(
            store,
            name=made.apply(lambda _: args.logs.bucket),
            credentials_secret=account("logs", LOGS_ACCESS_KEY, args.logs.secret_key, args.logs.namespace),
            egress=(from_elsewhere,),
        )
        logs, where, image = args.logs, args.namespace, args.client_image
        expire(
            name, "expiry", store, bucket=logs.bucket, days=logs.days, app=APP, namespace=where, image=image, opts=child
        )
        self.record = args.record and record_bucket(
            name,
            APP,
            store,
            args.record,
            root=args.secret_key,
            egress=from_elsewhere,
            namespace=where,
            image=image,
            opts=child,
        )
        self.register_outputs({"bucket": mine.name, "logs": self.logs.name, "endpoint": store.endpoint})


def _store(
    name: str, args: VersityGwArgs, root: Output[str], server: k8s.apps.v1.Deployment, child: ResourceOptions
) -> Bucket:
    """How root reaches the server in its namespace: by a Service, which the policies of its clients let them call."""
    client_labels = {f"ml-loop.dev/client-of-{name}": "true"}
    found = selector(APP, name, "server")
    allow(
        f"{name}-server",
        namespace=args.namespace,
        selector=found,
        ingress=[Allowance(ports=(PORT,), peers=_clients(args, client_labels))],
        opts=child,
    )
    service = k8s.core.v1.Service(
        f"{name}-service",
        metadata={"name": "s3", "namespace": args.namespace, "labels": labels(APP, name)},
        spec={"selector": found, "ports": [{"name": "s3", "port": PORT, "target_port": "s3"}]},
        opts=depending_on(child, server),
    )
    return Bucket(
        name=Output.from_input(args.bucket),
        region=REGION,
        endpoint=Output.concat("http://", object_name(service), ".", args.namespace, f".svc.cluster.local:{PORT}"),
        credentials_secret=root,
        client_labels=client_labels,
        egress=(Allowance(ports=(PORT,), peers=(pods(found),)),),
    )


def access_key(user: str) -> str:
    """The access key of one of the bucket's users."""
    return f"{ACCESS_KEY}-{user}"


def _clients(args: VersityGwArgs, client_labels: Mapping[str, str]) -> tuple[Peer, ...]:
    own, loop = pods(client_labels), pods(client_labels, args.logs.namespace)
    return (own, loop, *map(pods, args.further_clients))


def _server(
    name: str, args: VersityGwArgs, secret_name: Output[str], accounts: Volume, child: ResourceOptions
) -> k8s.apps.v1.Deployment:
    spec = volume_claim(args.storage)
    if args.storage_class:
        spec["storage_class_name"] = args.storage_class
    claim = k8s.core.v1.PersistentVolumeClaim(
        f"{name}-data",
        metadata={
            "name": f"{name}-data",
            "namespace": args.namespace,
            "labels": labels(APP, name),
            # The claim is bound when the first pod is scheduled; waiting for it before that would never end.
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
                USERS,
            ],
        ),
        "args": [
            *("--port", f":{PORT}", "--health", "/health", "--quiet"),
            *("--iam-dir", USERS["mount_path"]),
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
                "spec": pod(container, volumes=[data, accounts]),
            },
        },
        opts=child,
    )


def _create_buckets(name: str, args: VersityGwArgs, store: Bucket, child: ResourceOptions) -> Output[str]:
    """Makes the buckets unless they exist, and says who may do what in them. Returns the Job's name, known then.

    The server accepts no policy that names an account it has not read yet: the Job ends once all accounts are read.
    """
    arn = f"arn:aws:s3:::{args.bucket}"
    grants = [granted(access_key(user), each) for user, folder in args.folders.items() for each in use(arn, folder)]
    policy, log_policy = document(*grants), bucket_policy(args.logs.bucket)
    return client_job(
        name,
        "bucket",
        store.access,
        app=APP,
        namespace=args.namespace,
        image=args.client_image,
        script=CREATE_BUCKETS,
        env=plain_env(
            {"BUCKET": args.bucket, "POLICY": policy, "LOG_BUCKET": args.logs.bucket, "LOG_POLICY": log_policy}
        ),
        work=f"{args.bucket} {policy} {log_policy}",
        opts=child,
    )
