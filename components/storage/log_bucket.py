"""The bundled store's bucket for logs: who may add to it, and how long what is in it stays."""

from dataclasses import dataclass
from typing import Final

import pulumi
from pulumi import ResourceOptions

from components.kit.client_job import client_cron_job
from components.kit.connections import Bucket
from components.kit.pod import plain_env
from components.storage.accounts import granted
from components.storage.iam import Statement, document

ACCESS_KEY: Final = "ml-loop-logs"
DAILY: Final = "17 4 * * *"
EXPIRE: Final = """\
import datetime, os, boto3
s3, bucket = boto3.client("s3"), os.environ["BUCKET"]
oldest = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=int(os.environ["DAYS"]))
pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
old = [each["Key"] for page in pages for each in page.get("Contents", []) if each["LastModified"] < oldest]
for key in old:
    s3.delete_object(Bucket=bucket, Key=key)
print(len(old), "objects expired in", bucket)
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


def bucket_policy(bucket: str) -> str:
    """What the account may do, of all that the store holds: add objects to this bucket."""
    add: Statement = {"Effect": "Allow", "Action": ["s3:PutObject"], "Resource": [f"arn:aws:s3:::{bucket}/*"]}
    return document(granted(ACCESS_KEY, add))


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
