"""The bundled store's bucket for logs: who may add to it, and how long what is in it stays."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import pulumi
import pulumi_kubernetes as k8s
from pulumi import Output, ResourceOptions

from components.kit.client_job import client_cron_job
from components.kit.connections import ACCESS_KEY_ID, SECRET_ACCESS_KEY, Bucket
from components.kit.custom import object_name
from components.kit.labels import labels
from components.kit.pod import Mount, Volume, plain_env
from components.storage.iam import document

ACCESS_KEY: Final = "ml-loop-logs"
USERS: Final[Mount] = {"name": "users", "mount_path": "/etc/versitygw", "read_only": True}
"""Where the server finds its accounts besides root. It reads the file again when it changes, and never writes it."""
DAILY: Final = "17 4 * * *"
EXPIRE: Final = """\
import datetime, os, boto3
s3, bucket = boto3.client("s3"), os.environ["BUCKET"]
oldest = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=int(os.environ["DAYS"]))
pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
old = [each["Key"] for page in pages for each in page.get("Contents", []) if each["LastModified"] < oldest]
for key in old:
    s3.delete_object(Bucket=bucket, Key=key)
print(len(old), "logs expired in", bucket)
"""


@dataclass(frozen=True, kw_only=True)
class LogBucketArgs:
    """A bucket that pods of another namespace than the store's may add to."""

    namespace: pulumi.Input[str]
    """Whose pods write logs."""
    secret_key: pulumi.Input[str]
    """Secret key of the account that they write as; a Pulumi secret."""
    days: int
    """How long a log is kept."""
    bucket: str = "ml-loop-logs"


def users(name: str, app: str, args: LogBucketArgs, namespace: pulumi.Input[str], opts: ResourceOptions) -> Volume:
    """The file of the store's accounts, for `USERS`: one, which owns nothing and may make no bucket."""
    account = {"access": ACCESS_KEY, "secret": args.secret_key, "role": "user"}
    secret = k8s.core.v1.Secret(
        f"{name}-users",
        metadata={"name": f"{name}-users", "namespace": namespace, "labels": labels(app, name)},
        string_data={"users.json": Output.json_dumps({"accessAccounts": {ACCESS_KEY: account}})},
        opts=opts,
    )
    return {"name": USERS["name"], "secret": {"secret_name": object_name(secret)}}


def credentials(name: str, app: str, args: LogBucketArgs, opts: ResourceOptions) -> Output[str]:
    """The account's key, in the namespace that uses it. Returns the Secret's name."""
    secret = k8s.core.v1.Secret(
        f"{name}-logs",
        metadata={"name": f"{name}-logs", "namespace": args.namespace, "labels": labels(app, name)},
        string_data={ACCESS_KEY_ID: ACCESS_KEY, SECRET_ACCESS_KEY: args.secret_key},
        opts=opts,
    )
    return object_name(secret)


def bucket_policy(bucket: str) -> str:
    """What the account may do, of all that the store holds: add objects to this bucket."""
    grant: Mapping[str, Any] = {
        "Effect": "Allow",
        "Principal": {"AWS": [ACCESS_KEY]},
        "Action": ["s3:PutObject"],
        "Resource": [f"arn:aws:s3:::{bucket}/*"],
    }
    return document(grant)


def expire(
    name: str, app: str, store: Bucket, args: LogBucketArgs, *, namespace: pulumi.Input[str], image: str,
    opts: ResourceOptions,
) -> None:  # fmt: skip
    """Deletes old logs each day, as root and far from the trainings: versitygw has no lifecycle rules."""
    client_cron_job(
        name,
        "expiry",
        store.access,
        app=app,
        namespace=namespace,
        image=image,
        script=EXPIRE,
        env=plain_env({"BUCKET": args.bucket, "DAYS": str(args.days)}),
        schedule=DAILY,
        opts=opts,
    )
