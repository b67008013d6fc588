"""What MLflow's own stores say about the things that a request names: whose each is, and where its files are."""

import posixpath
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from mlflow.entities import LoggedModelStatus
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST, ErrorCode
from mlflow.server.handlers import (  # no other way in
    _get_artifact_repo_mlflow_artifacts,  # pyright: ignore[reportPrivateUsage]
    _get_model_registry_store,  # pyright: ignore[reportPrivateUsage]
    _get_tracking_store,  # pyright: ignore[reportPrivateUsage]
    _resolve_registered_model_source_lineage,  # pyright: ignore[reportPrivateUsage]
)
from mlflow.utils.uri import validate_path_is_safe

from identity.requests import SPELLINGS, Request

ABSENT: Final = ErrorCode.Name(RESOURCE_DOES_NOT_EXIST)
"""MLflow's error for an id of nothing, also answered to the request; any other error says nothing about the id."""
PLAIN: Final = re.compile(r"[\w-]+")
"""An id as MLflow makes them, which goes into a filter."""
Store = Any
BELONGS: Final[Mapping[str, Callable[[Store, str], Iterable[str]]]] = {
    "experiment_id": lambda store, given: [store.get_experiment(given).experiment_id],
    "run_id": lambda store, given: [store.get_run(given).info.experiment_id],
    "model_id": lambda store, given: [store.get_logged_model(given, allow_deleted=True).experiment_id],
    "trace_id": lambda store, given: [store.get_trace_info(given).experiment_id],
    "dataset_id": lambda store, given: store.get_dataset_experiment_ids(given),
    "issue_id": lambda store, given: [store.get_issue(given).experiment_id],
    "schema_id": lambda store, given: [store.get_label_schema(given).experiment_id],
    "queue_id": lambda store, given: [store.get_review_queue(given).experiment_id],
}
"""How to find the experiments that an id belongs to, by its key."""


@dataclass(frozen=True)
class Experiment:
    """A guarded experiment, which has its model's name."""

    name: str
    location: str

    @property
    def place(self) -> str:
        """Its folder, in the artifact proxy's spelling."""
        return posixpath.normpath(urlsplit(self.location).path).strip("/")

    def holds(self, path: str) -> bool:
        return f"{_canonical(path)}/".startswith(f"{self.place}/")

    def source(self, path: str) -> str:
        """The filter for versions that came from the owner of a file; files are in `<run>/` or `models/<model>/`."""
        model, run = self.owner(path)
        return f"source_path = 'models:/{model}'" if model else f"run_id = '{run}'"

    def owner(self, path: str) -> tuple[str, str]:
        """The logged model that a file belongs to, or else its run. Raises where it belongs to neither."""
        head, _, rest = _canonical(path).removeprefix(self.place).strip("/").partition("/")
        owner = rest.partition("/")[0] if head == "models" else head
        if not PLAIN.fullmatch(owner):
            raise ValueError(f"{owner!r} is neither a run nor a logged model")
        return (owner, "") if head == "models" else ("", owner)

    def overlaps(self, path: str) -> bool:
        """Whether a path is its folder, or below or above it."""
        return self.holds(path) or _canonical(path) == "." or f"{self.place}/".startswith(f"{_canonical(path)}/")


@dataclass(frozen=True)
class Things:
    """The stores of the running server, asked about the guarded models."""

    guarded: frozenset[str]

    @property
    def store(self) -> Store:
        return _get_tracking_store()

    @property
    def registry(self) -> Store:
        return _get_model_registry_store()

    def experiments(self) -> dict[str, Experiment]:
        """The guarded experiments that exist, deleted ones too, by id."""
        found = (self.store.get_experiment_by_name(name) for name in sorted(self.guarded))
        return {each.experiment_id: Experiment(each.name, each.artifact_location) for each in found if each is not None}

    def of(self, request: Request) -> set[str]:
        """Ids of the experiments that the request's ids belong to."""
        return {
            experiment
            for key, kind in SPELLINGS.items()
            for value in request.values(key)
            for experiment in self.owners(kind, value)
        }

    def owners(self, key: str, value: str) -> list[str]:
        """The experiments that an id belongs to; none where nothing has that id."""
        try:
            return list(BELONGS[key](self.store, value))
        except MlflowException as error:
            # No status will do: MLflow answers 400 where it gets no connection from its pool, too.
            if error.error_code != ABSENT:
                raise
            return []

    def logged_models(self, request: Request) -> set[str]:
        """The logged models that a new version comes from: MLflow writes a tag to each."""
        found = set(request.values("model_id"))
        for source in request.values("source"):
            scheme, _, place = source.partition(":")
            if scheme != "models":
                continue
            head, *rest = place.strip("/").split("/")
            if not rest and "@" not in head:
                found.add(head)
                continue
            # A version's, as MLflow resolves it.
            try:
                resolved = _resolve_registered_model_source_lineage(
                    source, "", "", has_run_id=False, has_model_id=False
                )
            except MlflowException as error:
                if error.error_code != ABSENT:
                    raise
            else:
                found |= {resolved[2]} if resolved[2] else set()
        return found

    def rewritten(self, path: str) -> str | None:
        """The logged model whose existing file the path is, if all files of that model have been written."""
        for experiment in self.experiments().values():
            model = experiment.owner(path)[0] if experiment.holds(path) else ""
            if model and self._is_finished(model) and _exists(_canonical(path)):
                return model
        return None

    def _is_finished(self, model: str) -> bool:
        try:
            return self.store.get_logged_model(model, allow_deleted=True).status == LoggedModelStatus.READY
        except MlflowException as error:
            if error.error_code != ABSENT:
                raise
            return False


def _exists(path: str) -> bool:
    folder = posixpath.dirname(path)
    return path in {each.path for each in _get_artifact_repo_mlflow_artifacts().list_artifacts(folder or None)}


def _canonical(path: str) -> str:
    """A path as the artifact proxy reads it. Raises `MlflowException` for a path that the proxy refuses."""
    return posixpath.normpath(validate_path_is_safe(path.lstrip("/"))).strip("/")
