"""Where the stack of these settings keeps MLflow's artifacts, its database's archive, and the logs of pods."""

from collections.abc import Mapping

from pulumi import Output, ResourceOptions

from components.kit.images import image
from components.storage.artifact_store import (
    ArtifactStore,
    ArtifactStoreArgs,
    ExternalLogsArgs,
    ExternalRecordArgs,
    ExternalS3Args,
    Store,
)
from components.storage.iam import Folder, Irsa, PodIdentity
from components.storage.log_bucket import LogBucketArgs
from components.storage.record_bucket import RecordBucketArgs
from components.storage.s3_bucket import LogFolderArgs, S3BucketArgs
from components.storage.versitygw import VersityGwArgs
from components.tracking import DATABASE, MLFLOW
from components.tracking.mlflow import ARTIFACTS_FOLDER
from components.tracking.postgres import BACKUPS_FOLDER, instances
from settings import AwsS3, BundledStore, ImageName, S3Compatible, Settings


def artifact_store(
    stack: Settings,
    namespace: Output[str],
    loop: Output[str],
    writers: Mapping[str, str],
    *,
    protect: bool,
    opts: ResourceOptions,
) -> ArtifactStore:
    """The store, for MLflow and its database in `namespace`.

    `writers` are the service accounts in `loop` that add logs, each with the model whose logs they are.
    """
    store = _store(stack, namespace, loop, writers, protect=protect)
    return ArtifactStore("artifacts", ArtifactStoreArgs(store=store), opts)


def _store(
    stack: Settings, namespace: Output[str], loop: Output[str], writers: Mapping[str, str], *, protect: bool
) -> Store:
    backups = stack.tracking.postgres.backup is not None
    folders = {MLFLOW: Folder(ARTIFACTS_FOLDER)}
    if backups:
        folders[DATABASE] = Folder(BACKUPS_FOLDER, lists_bucket=True)
    match stack.artifacts, stack.store_secret_key, stack.logs_secret_key:
        case AwsS3(bucket=bucket, region=region, kms_key=key, log_retention_days=days) as aws, _, _:
            return S3BucketArgs(
                bucket=bucket,
                region=region,
                namespace=namespace,
                folders=folders,
                logs=LogFolderArgs(namespace=loop, accounts=writers, days=days),
                identity=_identity(aws, stack.cluster.context),
                kms_key=key,
                protect=protect,
            )
        case S3Compatible(endpoint=str(url), bucket=str(bucket), credentials_secret=str(secret), logs=logs) as s3, _, _:
            return ExternalS3Args(
                endpoint=url,
                bucket=bucket,
                credentials_secret=secret,
                region=s3.region,
                ca_secret=s3.ca_secret,
                checksums=s3.checksums,
                path_style=s3.path_style,
                accounts=tuple(folders),
                logs=logs and ExternalLogsArgs(bucket=logs.bucket, credentials_secret=logs.credentials_secret),
                record=_external_record(stack, s3),
            )
        case S3Compatible(
            bundled=BundledStore(storage=storage, log_retention_days=days, record_retention_days=kept)
        ), Output() as key, Output() as add:
            return VersityGwArgs(
                namespace=namespace,
                storage=storage,
                secret_key=key,
                folders=folders,
                logs=LogBucketArgs(namespace=loop, secret_key=add, days=days),
                record=_record(stack, loop, kept),
                protect=protect,
                image=image(stack, ImageName.VERSITYGW),
                client_image=image(stack, ImageName.MLFLOW),
                # CloudNativePG labels the pods of instances as asked, but not the pod of the Job that reads an archive.
                further_clients=[instances(DATABASE)] if backups else [],
            )
        case other, _, _:
            raise AssertionError(f"settings let a store pass that is none: {other}")


def _record(stack: Settings, loop: Output[str], days: int) -> RecordBucketArgs | None:
    """Settings allow outcomes only where there is Kafka."""
    taken = any(model.outcomes for model in stack.models.values())
    return RecordBucketArgs(namespace=loop, days=days, learning=_learning(stack)) if taken else None


def _external_record(stack: Settings, store: S3Compatible) -> ExternalRecordArgs | None:
    if store.record is None:
        return None
    return ExternalRecordArgs(
        bucket=store.record.bucket,
        credentials_secret=store.record.credentials_secret,
        training_secret=store.record.training_secret,
        learning=_learning(stack),
    )


def _learning(stack: Settings) -> list[str]:
    """Models that train on their record."""
    return [name for name, model in stack.models.items() if model.training.data]


def _identity(store: AwsS3, context: str) -> PodIdentity | Irsa:
    """How pods get their roles: by what the settings name, else by Pod Identity of the context's own cluster."""
    if store.oidc_provider is not None:
        return Irsa(provider=store.oidc_provider)
    # `aws eks update-kubeconfig` names a context after its cluster: arn:aws:eks:…:cluster/<name>.
    return PodIdentity(cluster=store.eks_cluster or context.rpartition("/")[2])
