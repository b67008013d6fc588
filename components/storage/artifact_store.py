"""Where MLflow keeps artifacts, and trainings their logs.

A bucket on AWS, a service that exists already, or one that the stack runs itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

import pulumi
from pulumi import Output, ResourceOptions

from components.kit.connections import Bucket, RecordStore
from components.kit.network import ANYWHERE, Allowance
from components.storage.s3_bucket import S3Bucket, S3BucketArgs
from components.storage.versitygw import VersityGw, VersityGwArgs


@dataclass(frozen=True, kw_only=True)
class ExternalLogsArgs:
    """A bucket of the same service for logs, and an account that may add to it."""

    bucket: str
    credentials_secret: str
    """Secret like that of the models' bucket, in the namespace of the pods that log."""


@dataclass(frozen=True, kw_only=True)
class ExternalRecordArgs:
    """A bucket of the same service for predictions and outcomes, and who may do what in it."""

    bucket: str
    credentials_secret: str
    """Secret of an account that lists, reads and adds; in the namespace of the pods that record."""
    training_secret: str | None
    """Secret of an account that reads only the rows of trainings; None: no model trains on its record."""
    learning: Sequence[str] = ()
    """Models that train on their record."""


@dataclass(frozen=True, kw_only=True)
class ExternalS3Args:
    """An S3-compatible service that exists, and a bucket in it."""

    endpoint: str
    """URL with scheme; its port is 443 or 80 where it names none."""
    bucket: str
    credentials_secret: str
    """Secret in the clients' namespace, with keys `access-key-id` and `secret-access-key`. The stack never reads it."""
    region: str = "us-east-1"
    """The region that requests are signed for; S3-compatible services default to this one."""
    ca_secret: str | None = None
    """Secret with the key `ca.crt` in the clients' namespaces; None: the public authorities."""
    checksums: str = "when_required"
    """When clients add checksums of AWS's newer kinds."""
    path_style: bool = True
    """Whether the bucket is in the path of URLs."""
    accounts: Sequence[str]
    """Who uses the bucket, all with the same key."""
    logs: ExternalLogsArgs | None = None
    """None: logs are not kept there."""
    record: ExternalRecordArgs | None = None
    """None: predictions and outcomes are not kept there."""


Store = S3BucketArgs | ExternalS3Args | VersityGwArgs


@dataclass(frozen=True, kw_only=True)
class ArtifactStoreArgs:
    """Which store it is: the kind of `store` decides."""

    store: Store


class ArtifactStore(pulumi.ComponentResource):
    """Creates an `S3Bucket` on AWS, a `VersityGw` in the cluster, or nothing where the service exists already."""

    logs: Bucket | None
    """The bucket for the logs of the loop's workflows. None: their logs stay with their pods."""
    record: RecordStore | None = None
    """The buckets for the pods of the loop's namespace. None: predictions and outcomes are not recorded."""

    def __init__(self, name: str, args: ArtifactStoreArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("ml-loop:storage:ArtifactStore", name, None, opts)
        child = ResourceOptions(parent=self)
        match args.store:
            case S3BucketArgs(folders=folders):
                made = S3Bucket(f"{name}-s3", args.store, child)
                self._buckets, self.logs = dict.fromkeys(folders, made.bucket), made.logs
            case VersityGwArgs():
                server = VersityGw(f"{name}-s3", args.store, child)
                self._buckets, self.logs, self.record = server.buckets, server.logs, server.record
            case ExternalS3Args(logs=logs, record=record, accounts=accounts):
                bucket = _external(args.store)
                self._buckets = dict.fromkeys(accounts, bucket)
                self.logs = logs and replace(
                    bucket,
                    name=Output.from_input(logs.bucket),
                    credentials_secret=Output.from_input(logs.credentials_secret),
                )
                self.record = record and _external_record(bucket, record)
        first = next(iter(self._buckets.values()))
        self.register_outputs({"bucket": first.name, "endpoint": first.endpoint})

    def bucket(self, account: str) -> Bucket:
        """The bucket as the pods of this account use it. At your own service all use the one key that you gave."""
        return self._buckets[account]


def _external_record(store: Bucket, args: ExternalRecordArgs) -> RecordStore:
    kept = replace(
        store, name=Output.from_input(args.bucket), credentials_secret=Output.from_input(args.credentials_secret)
    )
    if args.training_secret is None:
        return RecordStore(recorder=kept, watcher=kept)
    trainer = replace(kept, credentials_secret=Output.from_input(args.training_secret))
    return RecordStore(
        recorder=kept,
        watcher=kept,
        freezers=dict.fromkeys(args.learning, kept),
        trainers=dict.fromkeys(args.learning, trainer),
    )


def _external(store: ExternalS3Args) -> Bucket:
    url = urlsplit(store.endpoint)
    port = url.port or (443 if url.scheme == "https" else 80)
    return Bucket(
        name=Output.from_input(store.bucket),
        region=store.region,
        endpoint=Output.from_input(store.endpoint),
        credentials_secret=Output.from_input(store.credentials_secret),
        ca_secret=store.ca_secret,
        checksums=store.checksums,
        path_style=store.path_style,
        client_labels={},
        # The address behind a host name changes: no policy can name it.
        egress=(Allowance(ports=(port,), peers=ANYWHERE),),
    )
