"""A bucket on AWS that only its owners' pods reach: private, versioned, encrypted, over TLS alone.

Beside the folders of its owners it has one for logs, to which the accounts of trainings add, and which no account of
the stack reads.

Pods get credentials by their service account (`components.storage.iam`): there is no key that could leak.
External: the account.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
from pulumi import Output, ResourceOptions

from components.kit.connections import Bucket
from components.kit.network import ANYWHERE, Allowance
from components.kit.options import depending_on
from components.storage.iam import Folder, Irsa, PodIdentity, Statement, account_role, document, use
from components.storage.log_archive import FOLDER as LOGS
from components.storage.log_archive import folder as log_folder

KEEP_OLD_VERSIONS_DAYS = 90
ABORT_UPLOADS_DAYS = 7


@dataclass(frozen=True, kw_only=True)
class LogFolderArgs:
    """Who adds logs to the bucket, and how long they stay."""

    namespace: pulumi.Input[str]
    accounts: Mapping[str, str]
    """Service account of the namespace → the model whose logs its pods write."""
    days: int


@dataclass(frozen=True, kw_only=True)
class S3BucketArgs:
    """The bucket, and who may use which part of it."""

    bucket: str | None
    """Its name, unique in all of AWS; None: Pulumi makes one from the component's."""
    region: str
    """Where the stack's AWS provider makes it."""
    identity: PodIdentity | Irsa
    """How pods come to their roles."""
    namespace: pulumi.Input[str]
    kms_key: str | None = None
    """ARN of the key that encrypts the objects; None: S3's own."""
    folders: Mapping[str, Folder]
    """Service account of the namespace → the one folder its pods may list, read, write and delete in."""
    logs: LogFolderArgs
    protect: bool = False
    """Whether Pulumi refuses to delete the bucket."""


class S3Bucket(pulumi.ComponentResource):
    """Creates the bucket with its settings, and an IAM role for each service account."""

    bucket: Bucket
    logs: Bucket
    """The bucket for the logs of pods."""

    def __init__(self, name: str, args: S3BucketArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("ml-loop:storage:S3Bucket", name, None, opts)
        child = ResourceOptions(parent=self)

        guarded = ResourceOptions.merge(child, ResourceOptions(protect=args.protect))
        bucket = aws.s3.Bucket(f"{name}-bucket", bucket=args.bucket, force_destroy=False, opts=guarded)
        _harden(name, bucket, args, child)
        owners = {account: _grant(f"{name}-{account}", bucket.arn, account, args, child) for account in args.folders}
        writers = {
            account: _grant_logs(f"{name}-{account}", bucket.arn, account, args, child)
            for account in args.logs.accounts
        }
        self.bucket = _reached(bucket, args, owners)
        self.logs = _reached(bucket, args, writers)
        self.register_outputs({"bucket": self.bucket.name})


def _reached(bucket: aws.s3.Bucket, args: S3BucketArgs, roles: Mapping[str, Output[Mapping[str, str]]]) -> Bucket:
    """The bucket for the pods that have these roles: known once they may use it."""
    return Bucket(
        name=Output.all(bucket.bucket, *roles.values()).apply(lambda known: str(known[0])),
        region=args.region,
        endpoint=None,
        credentials_secret=None,
        client_labels={},
        egress=(Allowance(ports=(443,), peers=ANYWHERE), *args.identity.egress),
        annotations=roles,
    )


def _harden(name: str, bucket: aws.s3.Bucket, args: S3BucketArgs, child: ResourceOptions) -> None:
    """What keeps the bucket private and its objects recoverable."""
    aws.s3.BucketOwnershipControls(
        f"{name}-ownership", bucket=bucket.id, rule={"object_ownership": "BucketOwnerEnforced"}, opts=child
    )
    aws.s3.BucketVersioning(
        f"{name}-versioning", bucket=bucket.id, versioning_configuration={"status": "Enabled"}, opts=child
    )
    aws.s3.BucketServerSideEncryptionConfiguration(
        f"{name}-encryption",
        bucket=bucket.id,
        rules=[_encryption(args.kms_key)],
        opts=child,
    )
    aws.s3.BucketLifecycleConfiguration(
        f"{name}-lifecycle",
        bucket=bucket.id,
        rules=[
            {
                "id": "forget-what-nobody-sees",
                "status": "Enabled",
                "filter": {"prefix": ""},
                "noncurrent_version_expiration": {"noncurrent_days": KEEP_OLD_VERSIONS_DAYS},
                "abort_incomplete_multipart_upload": {"days_after_initiation": ABORT_UPLOADS_DAYS},
            },
            {
                "id": "forget-logs",
                "status": "Enabled",
                "filter": {"prefix": f"{LOGS}/"},
                "expiration": {"days": args.logs.days},
                # Expiring only marks the object as deleted: the log itself is an old version from then on.
                "noncurrent_version_expiration": {"noncurrent_days": 1},
            },
        ],
        opts=child,
    )
    block = aws.s3.BucketPublicAccessBlock(
        f"{name}-private",
        bucket=bucket.id,
        block_public_acls=True,
        block_public_policy=True,
        ignore_public_acls=True,
        restrict_public_buckets=True,
        opts=child,
    )
    aws.s3.BucketPolicy(
        f"{name}-tls-only",
        bucket=bucket.id,
        policy=bucket.arn.apply(lambda arn: document(_deny_plain_http(arn))),
        # S3 refuses a second change to the access of a bucket while the first is under way (OperationAborted).
        opts=depending_on(child, block),
    )


def _grant(
    name: str, bucket_arn: Output[str], account: str, args: S3BucketArgs, child: ResourceOptions
) -> Output[Mapping[str, str]]:
    """A role that may use the account's folder and nothing else. Returns the account's annotations."""
    folder = args.folders[account]
    return account_role(
        name,
        args.identity,
        namespace=args.namespace,
        account=account,
        description=f"Service account {account}: {folder.name}/ of the artifact store",
        policy=bucket_arn.apply(lambda arn: document(*use(arn, folder), *_decrypt(args))),
        opts=child,
    )


def _grant_logs(
    name: str, bucket_arn: Output[str], account: str, args: S3BucketArgs, child: ResourceOptions
) -> Output[Mapping[str, str]]:
    """A role that may add logs of the account's model and nothing else. Returns the account's annotations."""
    folder = log_folder(args.logs.accounts[account])
    return account_role(
        name,
        args.identity,
        namespace=args.logs.namespace,
        account=account,
        description=f"Service account {account}: adds to {folder}/ of the artifact store",
        policy=bucket_arn.apply(lambda arn: document(_add(arn, folder), *_decrypt(args))),
        opts=child,
    )


def _add(bucket_arn: str, folder: str) -> Statement:
    return {
        "Effect": "Allow",
        "Action": ["s3:PutObject", "s3:AbortMultipartUpload"],
        "Resource": f"{bucket_arn}/{folder}/*",
    }


def _encryption(kms_key: str | None) -> aws.s3.BucketServerSideEncryptionConfigurationRuleArgsDict:
    if kms_key is None:
        return {"apply_server_side_encryption_by_default": {"sse_algorithm": "AES256"}}
    return {
        "apply_server_side_encryption_by_default": {"sse_algorithm": "aws:kms", "kms_master_key_id": kms_key},
        # One request to KMS for many objects.
        "bucket_key_enabled": True,
    }


def _decrypt(args: S3BucketArgs) -> list[Statement]:
    """The right to use the key through S3, and in no other way."""
    if args.kms_key is None:
        return []
    return [
        {
            "Effect": "Allow",
            "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
            "Resource": args.kms_key,
            "Condition": {"StringEquals": {"kms:ViaService": f"s3.{args.region}.amazonaws.com"}},
        }
    ]


def _deny_plain_http(bucket_arn: str) -> Statement:
    return {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [bucket_arn, f"{bucket_arn}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
