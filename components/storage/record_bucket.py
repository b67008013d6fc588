"""The bundled store's bucket for what models answered and what became of it: who adds, who reads, how long it stays.

A model's record is the folder of its name. No pod of the loop's namespace may delete: only root erases and expires
files.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import pulumi
from pulumi import Output, ResourceOptions

from components.kit.client_job import client_job
from components.kit.connections import Bucket, RecordStore
from components.kit.network import Allowance
from components.kit.pod import plain_env
from components.storage.accounts import credentials, derived, granted
from components.storage.expiry import expire
from components.storage.iam import Statement, document
from contract.training_data import TRAININGS

RECORDER: Final = "ml-loop-record"
WATCHER: Final = "ml-loop-performance"
CREATE: Final = """\
import os, boto3
s3, bucket = boto3.client("s3"), os.environ["BUCKET"]
if bucket not in [found["Name"] for found in s3.list_buckets()["Buckets"]]:
    s3.create_bucket(Bucket=bucket)
s3.put_bucket_policy(Bucket=bucket, Policy=os.environ["POLICY"])
"""


@dataclass(frozen=True, kw_only=True)
class RecordBucketArgs:
    """A bucket that pods of another namespace than the store's may add to and read."""

    namespace: pulumi.Input[str]
    """Whose pods record and read."""
    days: int
    """How long a file is kept."""
    bucket: str = "ml-loop-record"
    learning: Sequence[str] = ()
    """Models that train on rows of their record."""


def freezer(model: str) -> str:
    """Access key of the pod that sets down the rows of a model's trainings."""
    return f"ml-loop-freeze-{model}"


def trainer(model: str) -> str:
    """Access key of the code that trains a model."""
    return f"ml-loop-rows-{model}"


def keys(root: pulumi.Input[str], learning: Sequence[str] = ()) -> Mapping[str, Output[str]]:
    """Access key → secret key of the record's accounts."""
    of_models = [key(model) for model in learning for key in (freezer, trainer)]
    return {each: derived(root, each) for each in (RECORDER, WATCHER, *of_models)}


def policy(bucket: str, learning: Sequence[str] = ()) -> str:
    """All that the accounts may do in the store."""
    arn = f"arn:aws:s3:::{bucket}"
    return document(
        *(statement for model in learning for statement in _learning(arn, model)),
        granted(RECORDER, {"Effect": "Allow", "Action": ["s3:PutObject"], "Resource": [f"{arn}/*"]}),
        granted(WATCHER, {"Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": [arn]}),
        granted(WATCHER, {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": [f"{arn}/*"]}),
        granted(WATCHER, {"Effect": "Allow", "Action": ["s3:PutObject"], "Resource": [f"{arn}/*/performance/*"]}),
    )


def _learning(arn: str, model: str) -> list[Statement]:
    own = f"{arn}/{model}"
    return [
        granted(freezer(model), {"Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": [arn]}),
        granted(freezer(model), {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": [f"{own}/*"]}),
        granted(freezer(model), {"Effect": "Allow", "Action": ["s3:PutObject"], "Resource": [f"{own}/{TRAININGS}/*"]}),
        granted(trainer(model), {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": [f"{own}/{TRAININGS}/*"]}),
    ]


def record_bucket(
    name: str,
    app: str,
    store: Bucket,
    args: RecordBucketArgs,
    *,
    root: pulumi.Input[str],
    egress: Allowance,
    namespace: pulumi.Input[str],
    image: str,
    opts: ResourceOptions,
) -> RecordStore:
    """Makes the bucket unless it exists, its accounts' Secrets in the loop's namespace, and a Job that expires files.

    `store` is how root reaches the server in `namespace`, `egress` what a pod of another namespace must be allowed.
    """
    granting = policy(args.bucket, args.learning)
    made = client_job(
        name,
        "record",
        store.access,
        app=app,
        namespace=namespace,
        image=image,
        script=CREATE,
        env=plain_env({"BUCKET": args.bucket, "POLICY": granting}),
        work=f"{args.bucket} {granting}",
        opts=opts,
    )
    expire(
        name,
        "record-expiry",
        store,
        bucket=args.bucket,
        days=args.days,
        app=app,
        namespace=namespace,
        image=image,
        opts=opts,
    )
    reached = replace(store, name=made.apply(lambda _: args.bucket), egress=(egress,))
    buckets = {
        account: replace(
            reached,
            credentials_secret=credentials(
                f"{name}-{account.removeprefix('ml-loop-')}",
                app,
                access_key=account,
                secret_key=key,
                namespace=args.namespace,
                opts=opts,
            ),
        )
        for account, key in keys(root, args.learning).items()
    }
    return RecordStore(
        recorder=buckets[RECORDER],
        watcher=buckets[WATCHER],
        freezers={model: buckets[freezer(model)] for model in args.learning},
        trainers={model: buckets[trainer(model)] for model in args.learning},
    )
