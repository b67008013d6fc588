"""The decision: which guarded models a request would change something of, and whether its caller may.

External: MLflow's own stores, which say what an id belongs to.
"""

import posixpath
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE, RESOURCE_DOES_NOT_EXIST, ErrorCode
from mlflow.server.handlers import (  # no other way in
    _get_model_registry_store,  # pyright: ignore[reportPrivateUsage]
    _get_tracking_store,  # pyright: ignore[reportPrivateUsage]
)
from mlflow.utils.uri import validate_path_is_safe

from identity.accounts import Accounts, NoReviewError, UnknownCallerError
from identity.operations import FILES, Right, right
from identity.policy import Policy
from identity.requests import Request

ABSENT: Final = {ErrorCode.Name(code) for code in (RESOURCE_DOES_NOT_EXIST, INVALID_PARAMETER_VALUE)}
"""What MLflow answers for an id of nothing; it answers the request likewise."""
STAGING: Final = "staging"
"""The one alias that moves without a promotion."""
PRODUCTION: Final = "production"
PRODUCTION_TAG: Final = "ml-loop.production"
"""Tag of a registered model: the version that its last promotion left in production."""
PROMOTION_TAGS: Final = frozenset({"ml-loop.promotion", "ml-loop.promoted", PRODUCTION_TAG})
"""What a promotion remembers by, at a model and at a version: who could forge it could say what goes to production."""
PLAIN: Final = re.compile(r"[\w-]+")
"""An id, as MLflow makes them: it goes into a filter."""
REGISTRY: Final = ("registered-models", "model-versions")
NAMED: Final = (*REGISTRY, "experiments")
"""Areas where `name` and `new_name` are those of a model, or of the experiment that goes with it."""
Store = Any
BELONGS: Final[Mapping[str, Callable[[Store, str], Iterable[str]]]] = {
    "experiment_id": lambda store, its: [store.get_experiment(its).experiment_id],
    "run_id": lambda store, its: [store.get_run(its).info.experiment_id],
    "model_id": lambda store, its: [store.get_logged_model(its, allow_deleted=True).experiment_id],
    "trace_id": lambda store, its: [store.get_trace_info(its).experiment_id],
    "dataset_id": lambda store, its: store.get_dataset_experiment_ids(its),
    "issue_id": lambda store, its: [store.get_issue(its).experiment_id],
    "schema_id": lambda store, its: [store.get_label_schema(its).experiment_id],
    "queue_id": lambda store, its: [store.get_review_queue(its).experiment_id],
}
"""The experiments that an id belongs to, by the key it stands under."""
SPELLINGS: Final[Mapping[str, str]] = {
    "experiment_ids": "experiment_id",
    "run_uuid": "run_id",
    "model_ids": "model_id",
    "trace_ids": "trace_id",
    "request_id": "trace_id",
    "request_ids": "trace_id",
    "schema_ids": "schema_id",
} | {key: key for key in BELONGS}


@dataclass(frozen=True)
class Refusal:
    """Why a request goes no further."""

    sentence: str
    model: str = ""
    caller: str = "anonymous"
    again: bool = False
    """Whether the same request may pass in a moment."""


@dataclass(frozen=True)
class Guard:
    """Decides by the policy, on the stores of the running server."""

    policy: Policy
    accounts: Accounts
    store: Callable[[], Store] = field(default=_get_tracking_store)
    registry: Callable[[], Store] = field(default=_get_model_registry_store)

    def refusal(self, request: Request) -> Refusal | None:
        """None: the request may go on. Blocks on the database and on the API server."""
        needed = right(request.operation)
        if needed is Right.FREE:
            return None
        if needed is Right.CLOSED:
            return Refusal(f"{request.operation} is closed: what it would change cannot be told from the request")
        touched: list[str] = []
        try:
            touched = sorted(self._touched(request))
            if not touched:
                return self._misplaced(request)
            return self._judge(request, needed, touched)
        except NoReviewError as error:
            sentence = (
                f"{request.operation} concerns the guarded model {touched[0]}, and who asks is not known: {error}"
            )
            return Refusal(sentence, touched[0], again=True)
        except Exception as error:  # noqa: BLE001  whatever it is, nobody has allowed the request
            why = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
            again = isinstance(error, MlflowException) and error.get_http_status_code() >= 500
            return Refusal(f"{request.operation} could not be checked against the guarded models ({why})", again=again)

    def _judge(self, request: Request, needed: Right, touched: list[str]) -> Refusal | None:
        what = request.operation
        if request.operation.endswith(" registered-models/alias"):
            aliases = request.values("alias")
            needed = _of_aliases(request.method, set(aliases))
            what += f" ({', '.join(aliases)})"
        if request.operation in FILES and (version := self._registered(request, touched)):
            needed = Right.PROMOTION
            what += f" (files of version {version})"
        if request.area in REGISTRY and (tags := sorted(PROMOTION_TAGS & set(request.values("key")))):
            needed = Right.PROMOTION
            what += f" ({', '.join(tags)})"
        try:
            caller, named = self.accounts.caller(request.headers.get("authorization")), True
        except UnknownCallerError as error:
            caller, named = f"a request that {error}", False
        for model in touched:
            allowed = self.policy.allowed(model, needed)
            if not named or caller not in allowed:
                who = ", ".join(sorted(allowed)) or "nobody"
                sentence = f"{caller} asked for {what} of the guarded model {model}, which only {who} may"
                return Refusal(sentence, model, caller if named else "anonymous")
            if needed is Right.HEALING and (elsewhere := self._elsewhere(request, model, caller)):
                return Refusal(elsewhere, model, caller)
            if request.operation == "POST model-versions/create" and not self._from_its_own(request, model):
                sentence = (
                    f"a version of the guarded model {model} must come from a run of the experiment {model}: "
                    f"anybody may change the files of {' '.join(request.values('source'))}"
                )
                return Refusal(sentence, model, caller)
        return self._misplaced(request)

    def _registered(self, request: Request, touched: list[str]) -> str | None:
        """The version of a guarded model that came from the run, or the logged model, whose files are written."""
        sources = [f"run_id = '{value}'" for value in request.values("run_id", "run_uuid")]
        for its in self._experiments().values():
            sources += [its.source(path) for path in request.values("artifact_path") if its.holds(path)]
        for model in touched:
            for source in sources:
                if found := self.registry().search_model_versions(f"name = '{model}' and {source}", max_results=1):
                    return str(found[0].version)
        return None

    def _elsewhere(self, request: Request, model: str, caller: str) -> str | None:
        """Whoever heals does not promote."""
        if caller in self.policy.allowed(model, Right.PROMOTION):
            return None
        left = self.registry().get_registered_model(model).tags.get(PRODUCTION_TAG)
        if set(request.values("version")) == {left}:
            return None
        return (
            f"{caller} may only put production of the guarded model {model} back to version {left or 'none'}, "
            "which its last promotion left there"
        )

    def _misplaced(self, request: Request) -> Refusal | None:
        """An experiment with a place of its own could have that of a guarded one."""
        if request.operation == "POST experiments/create" and request.values("artifact_location"):
            return Refusal("artifact_location must be left out: the server gives each experiment a place of its own")
        return None

    def _touched(self, request: Request) -> set[str]:
        """The guarded models that the request would change something of."""
        named = set(request.values("name", "new_name")) if request.area in NAMED else set[str]()
        touched = named & self.policy.models.keys()
        if request.area in REGISTRY:
            # The run of a version is only read.
            return touched
        guarded = self._experiments()
        touched |= {guarded[each].name for each in self._belongs(request) if each in guarded}
        for path in request.values("artifact_path"):
            touched |= {its.name for its in guarded.values() if its.overlaps(path)}
        return touched

    def _experiments(self) -> dict[str, "Experiment"]:
        """The guarded experiments that exist, deleted ones too, by id."""
        found = (self.store().get_experiment_by_name(name) for name in self.policy.models)
        return {its.experiment_id: Experiment(its.name, its.artifact_location) for its in found if its is not None}

    def _belongs(self, request: Request) -> set[str]:
        """Ids of the experiments that the request's ids belong to."""
        return {
            experiment
            for key, value in request.fields
            if key in SPELLINGS and value
            for experiment in self._resolve(SPELLINGS[key], value)
        }

    def _resolve(self, key: str, value: str) -> Iterable[str]:
        try:
            return list(BELONGS[key](self.store(), value))
        except MlflowException as error:
            # No status will do: MLflow answers 400 where it gets no connection from its pool, too.
            if error.error_code not in ABSENT:
                raise
            return []

    def _from_its_own(self, request: Request, model: str) -> bool:
        """Whether everything a new version points at is guarded with its model."""
        own = {key: its for key, its in self._experiments().items() if its.name == model}
        origins = [("run_id", value) for value in request.values("run_id")]
        origins += [("model_id", value) for value in request.values("model_id")]
        for source in request.values("source"):
            scheme, _, place = source.partition(":")
            head = place.strip("/").partition("/")[0]
            if scheme == "mlflow-artifacts":
                if not any(its.holds(urlsplit(source).path) for its in own.values()):
                    return False
            else:
                origins.append(({"runs": "run_id", "models": "model_id"}.get(scheme, ""), head))
        return all(key and set(self._resolve(key, value)) & own.keys() for key, value in origins)


@dataclass(frozen=True)
class Experiment:
    """A guarded experiment, named as its model."""

    name: str
    location: str

    @property
    def place(self) -> str:
        """Its folder, as the artifact proxy names it."""
        return posixpath.normpath(urlsplit(self.location).path).strip("/")

    def holds(self, path: str) -> bool:
        return f"{_canonical(path)}/".startswith(f"{self.place}/")

    def source(self, path: str) -> str:
        """How a version that came from the owner of a file is found; files lie in `<run>/` or `models/<model>/`."""
        head, _, rest = _canonical(path).removeprefix(self.place).strip("/").partition("/")
        owner = rest.partition("/")[0] if head == "models" else head
        found = f"source_path = 'models:/{owner}'" if head == "models" else f"run_id = '{owner}'"
        if not PLAIN.fullmatch(owner):
            raise ValueError(f"{owner!r} is no run and no logged model")
        return found

    def overlaps(self, path: str) -> bool:
        """Whether a path is its folder, below it or above it."""
        return self.holds(path) or _canonical(path) == "." or f"{self.place}/".startswith(f"{_canonical(path)}/")


def _of_aliases(method: str, aliases: set[str]) -> Right:
    """What it takes to set or delete these."""
    if aliases <= {STAGING}:
        return Right.GATE
    return Right.HEALING if method == "POST" and aliases == {PRODUCTION} else Right.PROMOTION


def _canonical(path: str) -> str:
    """A path as the artifact proxy reads it. Raises `MlflowException` where the proxy takes none."""
    return posixpath.normpath(validate_path_is_safe(path.lstrip("/"))).strip("/")
