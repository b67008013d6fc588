"""The model registry as the loop uses it: a thin, patient layer over `mlflow.MlflowClient`.

External: the MLflow server named by `MLFLOW_TRACKING_URI`. Not done here: deciding which alias may move, and by whom.
"""

import os
import tempfile
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

import requests
from mlflow import MlflowClient, artifacts, get_tracking_uri
from mlflow.entities import LoggedModel, Run
from mlflow.entities.model_registry import ModelVersion, RegisteredModel
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_ALREADY_EXISTS, RESOURCE_DOES_NOT_EXIST, ErrorCode

from contract.names import REFERENCE_ARTIFACT, Env, RunTag, Tag
from loop.runtime.digests import digest
from loop.runtime.transfers import PROXIED_TRANSFERS

T = TypeVar("T")

DEFAULT_PATIENCE: Final = 180.0
FIRST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 10.0
SILENCE: Final = 60.0
"""An attempt that took longer, in seconds, was answered: a request without an answer ends after `TIMEOUT`."""
TIMEOUT: Final = 30
"""Seconds that one request may take."""


class RegistryError(Exception):
    """One sentence for the user: what was asked of MLflow, and why there was no answer."""


class UnavailableError(RegistryError):
    """What was asked for is not there now, but may be later."""


class Registry:
    """The registry's versions, aliases and tags, and the runs behind them.

    Every call waits up to `patience` seconds while MLflow does not answer (no connection, a 5xx or 429 status), says
    so, then raises `RegistryError`. Anything MLflow refuses (a 4xx status) is raised at once, as `MlflowException`.
    """

    def __init__(self, patience: float | None = None) -> None:
        if not os.environ.get("MLFLOW_TRACKING_URI"):
            raise RegistryError("MLFLOW_TRACKING_URI is not set: set it to the MLflow server's URL")
        for key, value in PROXIED_TRANSFERS.items():
            os.environ.setdefault(key, value)
        self.client = MlflowClient()
        self.patience = float(os.environ.get(Env.PATIENCE) or DEFAULT_PATIENCE) if patience is None else patience

    def ask(self, call: Callable[[], T]) -> T:
        """What `call` returns; it is tried again while MLflow does not answer or it raises an `UnavailableError`.

        Patience begins with the first failure, and anew when an attempt breaks off after lasting longer than an MLflow
        that does not answer lets it: a download of many minutes is not silence.
        """
        deadline, pause = None, FIRST_PAUSE
        while True:
            began = time.monotonic()
            try:
                with _sent_once():
                    return call()
            except (MlflowException, requests.RequestException, UnavailableError) as error:
                if not _unavailable(error):
                    raise
                reason, now = _reason(error), time.monotonic()
                if deadline is None or now - began > SILENCE:
                    deadline, pause = now + self.patience, FIRST_PAUSE
                left = deadline - now
                if left <= 0:
                    raise RegistryError(f"gave up after {self.patience:g} s: {reason}") from error
            pause = min(pause, left)
            print(f"waiting for the registry: {reason}; next try in {pause:.1f} s", flush=True)
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def run(self, run_id: str) -> Run | None:
        return self._or_none(lambda: self.client.get_run(run_id))

    def run_of_workflow(self, experiment: str, uid: str) -> Run | None:
        """The run of the experiment that is bound to the workflow, the latest of them."""
        found = self.runs_of_workflow(experiment, uid)
        return found[0] if found else None

    def bind_run(self, experiment: str, run_id: str, uid: str) -> None:
        """Binds the run to this workflow, if it is in the experiment; the run of an earlier attempt no longer is."""
        run = self.run(run_id)
        if run is None or self.experiment(run.info.experiment_id) != experiment:
            return
        for earlier in self.runs_of_workflow(experiment, uid):
            if earlier.info.run_id != run_id:
                self.tag_run(earlier.info.run_id, RunTag.WORKFLOW_UID, f"{uid} before run {run_id}")
        self.tag_run(run_id, RunTag.WORKFLOW_UID, uid)

    def empty_run(self, experiment: str, params: Mapping[str, str]) -> str:
        """The id of a new run that has ended and holds nothing but these params."""
        known = self.ask(lambda: self.client.get_experiment_by_name(experiment))
        experiment_id = known.experiment_id if known else self.ask(lambda: self.client.create_experiment(experiment))
        run_id = str(self.ask(lambda: self.client.create_run(str(experiment_id))).info.run_id)
        for name, value in params.items():
            self.ask(partial(self.client.log_param, run_id, name, value))
        self.ask(lambda: self.client.set_terminated(run_id))
        return run_id

    def runs_of_workflow(self, experiment: str, uid: str) -> list[Run]:
        """Runs of the experiment that are bound to the workflow, latest first: one, unless attempts overlapped."""
        known = self.ask(lambda: self.client.get_experiment_by_name(experiment))
        if known is None:
            return []
        bound = f"tags.`{RunTag.WORKFLOW_UID}` = '{uid}'"
        return list(
            self.ask(lambda: self.client.search_runs([known.experiment_id], bound, order_by=["start_time DESC"]))
        )

    def experiment(self, experiment_id: str) -> str:
        """An experiment's name."""
        return str(self.ask(lambda: self.client.get_experiment(experiment_id)).name)

    def logged_model(self, model_id: str) -> LoggedModel:
        return self.ask(lambda: self.client.get_logged_model(model_id))

    def model(self, name: str) -> RegisteredModel | None:
        return self._or_none(lambda: self.client.get_registered_model(name))

    def version(self, name: str, version: str) -> ModelVersion | None:
        return self._or_none(lambda: self.client.get_model_version(name, version))

    def alias(self, name: str, alias: str) -> ModelVersion | None:
        """The version an alias points to; None when there is no such model or alias."""
        try:
            return self.ask(lambda: self.client.get_model_version_by_alias(name, alias))
        except MlflowException as error:
            # The server answers INVALID_PARAMETER_VALUE for an alias that a known model does not have.
            if error.error_code == ErrorCode.Name(RESOURCE_DOES_NOT_EXIST) or "alias" in str(error).lower():
                return None
            raise

    def resolve(self, name: str, reference: str) -> ModelVersion:
        """The version that an alias or a version number names. Raises `RegistryError` when there is none."""
        found = self.version(name, reference) if reference.isdecimal() else self.alias(name, reference)
        if found is None:
            kind = "version" if reference.isdecimal() else "alias"
            raise RegistryError(f"model {name} has no {kind} {reference} in the registry at {get_tracking_uri()}")
        return found

    def tagged(self, name: str, key: str, value: str) -> list[ModelVersion]:
        """Versions whose tag `key` is `value`, oldest first."""
        found = self.ask(lambda: self.client.search_model_versions(f"name = '{name}' and tags.`{key}` = '{value}'"))
        return sorted(found, key=lambda version: int(version.version))

    def versions(self, name: str) -> list[ModelVersion]:
        """All versions of a model, oldest first."""
        found = self.ask(lambda: self.client.search_model_versions(f"name = '{name}'"))
        return sorted(found, key=lambda version: int(version.version))

    def register(self, name: str, run_id: str, model_id: str, tags: Mapping[str, str], key: str) -> ModelVersion:
        """The one version whose tag `key` has the value in `tags`: it is found, or made in a single call with all its
        tags.

        The answer to a create may be lost after the server stored it, and two pods of one step may overlap for a
        moment, so each attempt searches first, and of two versions the younger one loses the tag, as training may not
        delete versions.
        """

        def find_or_create() -> ModelVersion:
            if found := self.tagged(name, key, tags[key]):
                return found[0]
            return self.client.create_model_version(name, f"models:/{model_id}", run_id, dict(tags), model_id=model_id)

        self.ask(lambda: self._create_model(name))
        self.ask(find_or_create)
        first, *younger = self.tagged(name, key, tags[key])
        for twin in younger:
            self.tag_version(name, str(twin.version), key, f"twin of version {first.version}")
        return first

    def set_alias(self, name: str, alias: str, version: str) -> None:
        self.ask(lambda: self.client.set_registered_model_alias(name, alias, version))

    def delete_alias(self, name: str, alias: str) -> None:
        self.ask(lambda: self.client.delete_registered_model_alias(name, alias))

    def tag_version(self, name: str, version: str, key: str, value: str) -> None:
        self.ask(lambda: self.client.set_model_version_tag(name, version, key, storable(value)))

    def tag_run(self, run_id: str, key: str, value: str) -> None:
        self.ask(lambda: self.client.set_tag(run_id, key, storable(value)))

    def tag_model(self, name: str, key: str, value: str) -> None:
        self.ask(lambda: self._create_model(name))
        self.ask(lambda: self.client.set_registered_model_tag(name, key, storable(value)))

    def untag_model(self, name: str, key: str) -> None:
        self._or_none(lambda: self.client.delete_registered_model_tag(name, key))

    def run_artifacts(self, run_id: str, folder: str) -> list[str]:
        return [item.path for item in self.ask(lambda: self.client.list_artifacts(run_id, folder))]

    def download(self, uri: str, folder: Path) -> Path:
        """Download `models:/…` or `runs:/…` below `folder`, through the server. Returns where it is."""
        return Path(self.ask(lambda: artifacts.download_artifacts(artifact_uri=uri, dst_path=str(folder))))

    def reference(self, run_id: str, folder: Path) -> Path:
        """Downloads the run's reference below `folder`. Returns its path, where nothing is if the run is gone."""
        kept = str(Path(REFERENCE_ARTIFACT).parent)
        if run_id and self.run(run_id) and self.run_artifacts(run_id, kept):
            return self.download(f"runs:/{run_id}/{kept}", folder)
        return folder / kept

    def digests(self, model_uri: str, run_id: str, look: Callable[[Path], None] = lambda _: None) -> dict[Tag, str]:
        """The tags that bind a version to what the store now holds of its model and of its run's reference.

        `look` is called with the folder of the model's files, while they are there.
        """
        with tempfile.TemporaryDirectory() as scratch:
            model, rest = Path(scratch) / "model", Path(scratch) / "run"
            model.mkdir()
            rest.mkdir()
            model = self.download(model_uri, model)
            found = {Tag.MODEL_DIGEST: digest(model), Tag.REFERENCE_DIGEST: digest(self.reference(run_id, rest))}
            look(model)
            return found

    def _create_model(self, name: str) -> None:
        try:
            self.client.create_registered_model(name)
        except MlflowException as error:
            if error.error_code != ErrorCode.Name(RESOURCE_ALREADY_EXISTS):
                raise

    def _or_none(self, call: Callable[[], T]) -> T | None:
        try:
            return self.ask(call)
        except MlflowException as error:
            if error.error_code == ErrorCode.Name(RESOURCE_DOES_NOT_EXIST):
                return None
            raise


def storable(text: str) -> str:
    """The text without NUL and half characters, which PostgreSQL refuses.

    Tags hold what a hostile server died with: one that cannot be written would keep its version in place.
    """
    return text.encode(errors="replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")


def _unavailable(error: MlflowException | requests.RequestException | UnavailableError) -> bool:
    """Whether there was no answer, or a later one may be better. Exceptions without a server's status count as 500."""
    if isinstance(error, UnavailableError):
        return True
    if isinstance(error, MlflowException):
        status = error.get_http_status_code()
    else:
        status = 503 if error.response is None else error.response.status_code
    return status >= 500 or status == 429


def _reason(error: Exception) -> str:
    if isinstance(error, UnavailableError):
        return str(error)
    detail = " ".join(str(error).split()) or type(error).__name__
    return f"MLflow at {get_tracking_uri()} does not answer: {detail[:300]}"


@contextmanager
def _sent_once() -> Generator[None, None, None]:
    """Each attempt asks once: MLflow's client would silently re-send for minutes, even a lost create."""
    once = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "MLFLOW_HTTP_REQUEST_TIMEOUT": str(TIMEOUT)}
    before = {key: os.environ.get(key) for key in once}
    os.environ.update(once)
    try:
        yield
    finally:
        for key, value in before.items():
            if value is None:
                del os.environ[key]
            else:
                os.environ[key] = value
