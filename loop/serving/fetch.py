"""KServe's storage initializer for `mlflow://`: downloads one model version, checks it, and notes which it is.

KServe calls it as `fetch URI /mnt/models`. While nothing has the alias, and while the registry is down, it waits and
says so; a final answer (no such version, forbidden, disk full, not a model) ends it at once with one sentence, which is
also the container's termination message.
"""

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import requests
from mlflow.exceptions import MlflowException
from mlflow.models import Model
from mlflow.store.artifact.artifact_repo import ArtifactRepository
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from contract.commands import Fetch
from contract.names import Env, Tag
from loop.runtime import command, digests
from loop.runtime.registry import Registry, RegistryError, UnavailableError
from loop.runtime.signatures import Signatures
from loop.serving import uri as storage_uri
from loop.serving.resolve import NoVersionYetError, refusal, resolve
from loop.serving.served import REFERENCE, ServedModel
from loop.serving.uri import ModelRef

PATIENCE = 300.0
"""Seconds that a new pod waits for a registry that is down before it fails and the kubelet restarts it."""
PAUSE = 2.0
SAY_AGAIN = 60.0
"""Seconds between two equal lines of the log."""


def fetch(uri: str, folder: Path, patience: float = PATIENCE) -> ServedModel:
    """Downloads the version that `uri` names into `folder`. Raises RegistryError, BadUriError."""
    ref = storage_uri.parse(uri)
    registry = Registry(patience)
    served = _resolved(registry, ref)
    wanted = f"version {served.version} of {served.name}"
    tags = registry.resolve(served.name, served.version).tags
    if warning := digests.unbound(tags):
        print(f"warning: {wanted} {warning}", file=sys.stderr, flush=True)
    _fetch_reference(registry, served, folder, tags)
    try:
        registry.ask(lambda: _download(served, folder, wanted, tags))
    except MlflowException as error:
        raise refusal(error, wanted) from error
    return served


def _fetch_reference(registry: Registry, served: ServedModel, folder: Path, tags: Mapping[str, str]) -> None:
    """The rows of the training's reference, for the server to try the model with.

    A version is served without them, too, but not with a reference other than the registered one.
    """
    target = folder / REFERENCE
    shutil.rmtree(target, ignore_errors=True)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".fetch-", dir=folder) as scratch:
            found = registry.reference(served.run_id, Path(scratch))
            other = digests.difference(tags, Tag.REFERENCE_DIGEST, digests.digest(found))
            if other is None and found.is_dir():
                found.rename(target)
    except (MlflowException, RegistryError, OSError) as error:
        print(f"fetch: no reference of run {served.run_id}: {' '.join(str(error).split())[:300]}", flush=True)
        return
    if other:
        raise RegistryError(f"version {served.version} of {served.name} is refused: {other}")


def _resolved(registry: Registry, ref: ModelRef) -> ServedModel:
    """The version that `ref` names; waits for an alias's first version, however long that takes."""
    said, at = "", 0.0
    while True:
        try:
            return resolve(registry, ref)
        except NoVersionYetError as reason:
            if str(reason) != said or time.monotonic() > at + SAY_AGAIN:
                said, at = str(reason), time.monotonic()
                print(f"waiting for the first version of {ref.name}@{ref.alias}: {said}", flush=True)
            time.sleep(PAUSE)


def _download(served: ServedModel, folder: Path, wanted: str, tags: Mapping[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    # Beside the target first: a container killed half-way must not leave half a model for the next attempt.
    staging = Path(tempfile.mkdtemp(prefix=".fetch-", dir=folder))
    try:
        repository = get_artifact_repository(f"models:/{served.name}/{served.version}")
        sizes = dict(_files(repository))
        _check_space(sum(sizes.values()), folder, wanted)
        repository.download_artifacts("", dst_path=str(staging))
        _verify(staging, sizes, served, wanted)
        if other := digests.difference(tags, Tag.MODEL_DIGEST, digests.digest(staging)):
            raise RegistryError(f"{wanted} is refused: {other}")
        if unsigned := Signatures.from_environment().refusal(tags, staging, served.name):
            raise RegistryError(f"{wanted} is refused: {unsigned}")
        for part in staging.iterdir():
            target = folder / part.name
            shutil.rmtree(target) if target.is_dir() else target.unlink(missing_ok=True)
            part.rename(target)
        served.write(folder)
    except MlflowException as error:
        if "Errno 28" in str(error):  # MLflow's download threads pass on only the text of an OSError
            raise RegistryError(
                f"no space left in {folder} for {wanted}: give the pod more ephemeral storage"
            ) from error
        raise
    except requests.RequestException as error:  # an OSError too: must come first
        raise UnavailableError(f"the download of {wanted} was interrupted: {error}") from error
    except OSError as error:
        raise RegistryError(f"cannot write {wanted} to {folder}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _files(repository: ArtifactRepository, path: str | None = None) -> Iterator[tuple[str, int]]:
    """Every file of the model as (path, number of bytes), as the store lists it."""
    for entry in repository.list_artifacts(path):
        if entry.is_dir:
            yield from _files(repository, entry.path)
        else:
            yield entry.path, entry.file_size or 0


def _check_space(needed: int, folder: Path, wanted: str) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise RegistryError(
            f"{wanted} needs {needed} bytes, {folder} has {free} left: give the pod more ephemeral storage"
        )


def _verify(folder: Path, sizes: dict[str, int], served: ServedModel, wanted: str) -> None:
    """Checks that the download is complete, is of the run that the registry names, and can be served."""
    for path, size in sizes.items():
        file = folder / path
        if not file.is_file() or file.stat().st_size != size:
            got = f"{file.stat().st_size} bytes" if file.is_file() else "nothing"
            raise UnavailableError(f"the download of {wanted} is damaged: {path} has {size} bytes, got {got}")
    if "MLmodel" not in sizes:
        raise RegistryError(f"{wanted} is not an MLflow model: it has no file MLmodel")
    model = Model.load(str(folder))
    if served.run_id and model.run_id and model.run_id != served.run_id:
        raise RegistryError(f"{wanted} is run {served.run_id}'s in the registry, its files are run {model.run_id}'s")
    if "python_function" not in (model.flavors or {}):
        raise RegistryError(f"{wanted} has no python_function flavor: log it with an mlflow.<library>.log_model")
    if model.signature is None or model.signature.inputs is None:
        raise RegistryError(f"{wanted} has no signature, so no request can be checked: log it with one")


def main() -> int:
    given = Fetch.parse(sys.argv[1:])
    return command.run(lambda: _fetch(given.uri, Path(given.folder)), RegistryError, storage_uri.BadUriError)


def _fetch(uri: str, folder: Path) -> None:
    served = fetch(uri, folder)
    pinned = " (pinned by the rollout)" if os.environ.get(Env.MODEL_VERSION) else ""
    print(f"{uri}: version {served.version}{pinned}, run {served.run_id}, in {folder}")
