"""The model registry as the loop uses it: a thin, patient layer over `mlflow.MlflowClient`.

External: the MLflow server named by `MLFLOW_TRACKING_URI`. Not done here: deciding which alias may move, and by whom.
"""

import os
import re
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar

import requests
from mlflow import MlflowClient, artifacts, get_tracking_uri
from mlflow.entities import LoggedModel, Run
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_ALREADY_EXISTS, RESOURCE_DOES_NOT_EXIST, ErrorCode

from loop.contract import Env

T = TypeVar("T")

PROXIED_TRANSFERS: Final = {
    # MLflow 3.17 answers a download from S3 with a presigned URL of the server's own endpoint, which pods may not
    # reach: through the server there is one address and one permission.
    "MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD": "false",
    "MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD": "false",
}
DEFAULT_PATIENCE: Final = 180.0
PAUSE: Final = 2.0
ALIAS_URI: Final = re.compile(r"models:/(?P<name>[^/@]+)@(?P<alias>[^/@]+)")


class RegistryError(Exception):
    """One sentence for the user: what was asked of MLflow, and why it could not be had."""


class Registry:
    """The registry's versions, aliases and tags, and the runs behind them.

    Every call waits up to `patience` seconds while MLflow does not answer (no connection, a 5xx or 429 status), then
    raises `RegistryError`. Anything MLflow refuses (a 4xx status) is raised at once, as `MlflowException`.
    """

    def __init__(self, patience: float | None = None) -> None:
        for key, value in PROXIED_TRANSFERS.items():
            os.environ.setdefault(key, value)
        self.client = MlflowClient()
        self.patience = float(os.environ.get(Env.PATIENCE) or DEFAULT_PATIENCE) if patience is None else patience

    def run(self, run_id: str) -> Run | None:
        return self._or_none(lambda: self.client.get_run(run_id))

    def logged_model(self, model_id: str) -> LoggedModel:
        return self._ask(lambda: self.client.get_logged_model(model_id))

    def version(self, name: str, version: str) -> ModelVersion | None:
        return self._or_none(lambda: self.client.get_model_version(name, version))

    def alias(self, name: str, alias: str) -> ModelVersion | None:
        """The version an alias points to; None when there is no such model or alias."""
        try:
            return self._ask(lambda: self.client.get_model_version_by_alias(name, alias))
        except MlflowException as error:
            # The server says INVALID_PARAMETER_VALUE for an alias a known model does not have.
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
        found = self._ask(lambda: self.client.search_model_versions(f"name = '{name}' and tags.`{key}` = '{value}'"))
        return sorted(found, key=lambda version: int(version.version))

    def register(self, name: str, run_id: str, model_id: str, tags: Mapping[str, str], key: str) -> ModelVersion:
        """The one version whose tag `key` has the value in `tags`: found, or made in a single call with all its tags.

        The answer to a create may be lost after the server stored it, and two pods of one step may overlap for a
        moment, so each attempt searches first, and of two versions the younger is deleted.
        """

        def find_or_create() -> ModelVersion:
            if found := self.tagged(name, key, tags[key]):
                return found[0]
            return self.client.create_model_version(name, f"models:/{model_id}", run_id, dict(tags), model_id=model_id)

        self._ask(lambda: self._create_model(name))
        self._ask(find_or_create)
        first, *younger = self.tagged(name, key, tags[key])
        for twin in younger:
            self._or_none(lambda twin=twin: self.client.delete_model_version(name, twin.version))
        return first

    def set_alias(self, name: str, alias: str, version: str) -> None:
        self._ask(lambda: self.client.set_registered_model_alias(name, alias, version))

    def delete_alias(self, name: str, alias: str) -> None:
        self._ask(lambda: self.client.delete_registered_model_alias(name, alias))

    def tag_version(self, name: str, version: str, key: str, value: str) -> None:
        self._ask(lambda: self.client.set_model_version_tag(name, version, key, value))

    def tag_run(self, run_id: str, key: str, value: str) -> None:
        self._ask(lambda: self.client.set_tag(run_id, key, value))

    def tag_model(self, name: str, key: str, value: str) -> None:
        self._ask(lambda: self._create_model(name))
        self._ask(lambda: self.client.set_registered_model_tag(name, key, value))

    def run_artifacts(self, run_id: str, folder: str) -> list[str]:
        return [item.path for item in self._ask(lambda: self.client.list_artifacts(run_id, folder))]

    def download(self, uri: str, folder: Path) -> Path:
        """Download `models:/…` or `runs:/…` below `folder`, through the server; the path of what was downloaded."""
        return Path(self._ask(lambda: artifacts.download_artifacts(artifact_uri=uri, dst_path=str(folder))))

    def _create_model(self, name: str) -> None:
        try:
            self.client.create_registered_model(name)
        except MlflowException as error:
            if error.error_code != ErrorCode.Name(RESOURCE_ALREADY_EXISTS):
                raise

    def _or_none(self, call: Callable[[], T]) -> T | None:
        try:
            return self._ask(call)
        except MlflowException as error:
            if error.error_code == ErrorCode.Name(RESOURCE_DOES_NOT_EXIST):
                return None
            raise

    def _ask(self, call: Callable[[], T]) -> T:
        deadline = time.monotonic() + self.patience
        while True:
            try:
                with _sent_once():
                    return call()
            except (MlflowException, requests.RequestException) as error:
                if not _unavailable(error):
                    raise
                if time.monotonic() >= deadline:
                    raise RegistryError(
                        f"MLflow at {get_tracking_uri()} did not answer for {self.patience:g} s; retry the step when "
                        f"it does, or raise {Env.PATIENCE} (last error: {_first_line(error)})"
                    ) from error
            time.sleep(min(PAUSE, max(0.0, deadline - time.monotonic())))


def _unavailable(error: MlflowException | requests.RequestException) -> bool:
    """No answer, or a promise of a better one. MLflow's exceptions without a status of the server's count as 500."""
    if isinstance(error, MlflowException):
        status = error.get_http_status_code()
    else:
        status = 503 if error.response is None else error.response.status_code
    return status >= 500 or status == 429


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


@contextmanager
def _sent_once() -> Generator[None, None, None]:
    """MLflow's client re-sends any request whose answer was lost, a create included: here each attempt asks once."""
    key = "MLFLOW_HTTP_REQUEST_MAX_RETRIES"
    before = os.environ.get(key)
    os.environ[key] = "0"
    try:
        yield
    finally:
        if before is None:
            del os.environ[key]
        else:
            os.environ[key] = before
