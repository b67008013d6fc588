"""Stores as the tests of this room record them."""

from dataclasses import replace
from typing import Any

from components.storage.artifact_store import ArtifactStore, ArtifactStoreArgs, Store
from components.storage.s3_bucket import S3Bucket, S3BucketArgs
from components.storage.versitygw import VersityGw, VersityGwArgs
from components.training.training import Training
from tests.components.arguments import training_args
from tests.components.given import providers
from tests.program.mocks import Recording, record


def build(store: Store) -> tuple[Recording, ArtifactStore]:
    made: list[ArtifactStore] = []
    recording = record(lambda: made.append(ArtifactStore("store", ArtifactStoreArgs(store=store), providers())))
    return recording, made[0]


def versitygw(args: VersityGwArgs) -> Recording:
    return record(lambda: VersityGw("it", args, providers()))


def s3(args: S3BucketArgs) -> Recording:
    return record(lambda: S3Bucket("it", args, providers()))


def trained(store: Store) -> Recording:
    """A store and a training that logs there."""

    def program() -> None:
        opts = providers()
        logs = ArtifactStore("store", ArtifactStoreArgs(store=store), opts).logs
        Training("training", replace(training_args(), logs=logs), opts)

    return record(program)


def archive(recording: Recording) -> dict[str, Any]:
    return recording.inputs("WorkflowTemplate")["spec"]["templates"][0]["archiveLocation"]["s3"]
