"""How long objects stay in a bucket of the bundled store, which has no lifecycle rules."""

from typing import Final

import pulumi
import pulumi_kubernetes as k8s
from pulumi import ResourceOptions

from components.kit.client_job import client_template
from components.kit.connections import Bucket
from components.kit.labels import labels, selector
from components.kit.network import allow
from components.kit.pod import plain_env

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


def expire(
    name: str,
    role: str,
    store: Bucket,
    *,
    bucket: str,
    days: int,
    app: str,
    namespace: pulumi.Input[str],
    image: str,
    opts: ResourceOptions,
) -> None:
    """Deletes older objects each day, as root and in the store's namespace, which no training reaches."""
    pod_labels, uses = labels(app, name, role), store.access
    allow(
        f"{name}-{role}",
        namespace=namespace,
        selector=selector(app, name, role),
        egress=uses.egress,
        opts=opts,
    )
    env = plain_env({"BUCKET": bucket, "DAYS": str(days)})
    template = client_template(role, uses, pod_labels, image=image, script=EXPIRE, env=env)
    k8s.batch.v1.CronJob(
        f"{name}-{role}",
        metadata={"name": f"{name}-{role}", "namespace": namespace, "labels": pod_labels},
        spec={
            "schedule": DAILY,
            "concurrency_policy": "Forbid",
            "successful_jobs_history_limit": 1,
            "failed_jobs_history_limit": 1,
            "job_template": {"spec": {"backoff_limit": 2, "template": template}},
        },
        opts=opts,
    )
