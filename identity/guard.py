"""The decision: which guarded models a request would change, and whether its caller may."""

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Final
from urllib.parse import urlsplit

from mlflow.exceptions import MlflowException
from mlflow.prompt.constants import _PROMPT_SOURCE_PLACEHOLDERS  # pyright: ignore[reportPrivateUsage]  # no other list

from contract.names import PRODUCTION_TAG, PROMOTION_TAGS, Alias
from identity.accounts import Callers, NoReviewError, UnknownCallerError
from identity.bodies import BodyError
from identity.operations import FILES, Right, right
from identity.policy import Policy
from identity.requests import SPANS, Request
from identity.things import Things

REGISTRY: Final = ("registered-models", "model-versions")
NAMED: Final = (*REGISTRY, "experiments")
"""Areas in which `name` and `new_name` are names of a model, or of the experiment that belongs to it."""
CREATE_VERSION: Final = "POST model-versions/create"
FINALIZE: Final = "PATCH logged-models/<model_id>"
SOURCES: Final = re.compile("(models|runs|mlflow-artifacts):/[^/].*")
"""Where a version may come from: only what MLflow itself keeps. It would read anything else with its own key."""
LOCATION_TAGS: Final = frozenset(
    {"mlflow.artifactlocation", "mlflow.trace.archivelocation", "mlflow.trace.spanslocation"}
)
"""Tags of a trace, in lower case, that say what the server reads for it, and what it deletes with it."""
WRITTEN: Final = frozenset({"LOGGED_MODEL_READY", "LOGGED_MODEL_UPLOAD_FAILED"})
"""States that a training may give its logged model: it never goes back to one in which it is still written."""


@dataclass(frozen=True)
class Refusal:
    """Why a request goes no further."""

    sentence: str
    model: str = ""
    caller: str = "anonymous"
    again: bool = False
    """Whether the same request may succeed in a moment."""
    status: int | None = None
    """The HTTP status where it is not that of a missing right."""


@dataclass(frozen=True)
class Guard:
    """Decides by the policy, on the stores of the running server."""

    policy: Policy
    accounts: Callers

    @cached_property
    def things(self) -> Things:
        return Things(frozenset(self.policy.models))

    def refusal(self, request: Request) -> Refusal | None:
        """Why the request is refused; None: it may go on. Blocks on the database and on the API server."""
        touched: list[str] = []
        try:
            request.weigh()
            needed = right(request.operation)
            if needed is Right.FREE:
                return None
            if needed is Right.CLOSED:
                return Refusal(f"{request.operation} is closed: what it would change cannot be told from the request")
            touched = sorted(self._touched(request))
            refused = self._judge(request, needed, touched) if touched else None
            return refused or _misplaced(request)
        except BodyError as error:
            return Refusal(f"{request.named} is refused: {error}", status=error.status)
        except NoReviewError as error:
            sentence = (
                f"{request.operation} concerns the guarded model {touched[0]}, and the caller is not known: {error}"
            )
            return Refusal(sentence, touched[0], again=True)
        except Exception as error:  # noqa: BLE001  whatever it is, the request was not allowed
            why = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
            again = isinstance(error, MlflowException) and error.get_http_status_code() >= 500
            return Refusal(f"{request.named} could not be checked against the guarded models ({why})", again=again)

    def _judge(self, request: Request, needed: Right, touched: list[str]) -> Refusal | None:
        needed, what = self._asked(request, needed, touched)
        try:
            caller, named = self.accounts.caller(request.header("authorization")), True
        except UnknownCallerError as error:
            caller, named = f"a request that {error}", False
        for model in touched:
            allowed = self.policy.allowed(model, needed)
            if not named or caller not in allowed:
                who = ", ".join(sorted(allowed)) or "nobody"
                sentence = f"{caller} asked for {what} of the guarded model {model}, which only {who} may"
                told = f"{sentence}{_instead(request, model)}"
                return Refusal(told, model, caller if named else "anonymous")
            if needed is Right.HEALING and (elsewhere := self._elsewhere(request, model, caller)):
                return Refusal(elsewhere, model, caller)
            if request.operation == CREATE_VERSION and not self._from_its_own(request, model):
                sentence = (
                    f"a version of the guarded model {model} must come from a run of the experiment {model}: "
                    f"anybody may change the files of {' '.join(request.values('source'))}"
                )
                return Refusal(sentence, model, caller)
        return None

    def _asked(self, request: Request, needed: Right, touched: list[str]) -> tuple[Right, str]:
        """The right that the request takes, by its operation and its contents, and how a refusal names it."""
        what = request.operation
        if what.endswith(" registered-models/alias"):
            aliases = request.values("alias")
            return _of_aliases(request.method, set(aliases)), f"{what} ({', '.join(aliases)})"
        if what in FILES and (version := self._registered(request, touched)):
            return Right.PROMOTION, f"{what} (files of version {version})"
        if what in FILES and (model := self._rewritten(request)):
            return Right.PROMOTION, f"{what} (again, of the finished model {model})"
        if what == FINALIZE and not set(request.values("status")) <= WRITTEN:
            return Right.PROMOTION, f"{what} (to be written again)"
        if request.area in REGISTRY and (tags := sorted(PROMOTION_TAGS & set(request.values("key")))):
            return Right.PROMOTION, f"{what} ({', '.join(tags)})"
        return needed, what

    def _rewritten(self, request: Request) -> str | None:
        paths = request.values("artifact_path")
        return next((model for path in paths if (model := self.things.rewritten(path))), None)

    def _registered(self, request: Request, touched: list[str]) -> str | None:
        """The version of a guarded model that came from the run, or the logged model, whose files are written."""
        sources = [f"run_id = '{value}'" for value in request.values("run_id", "run_uuid")]
        for experiment in self.things.experiments().values():
            sources += [experiment.source(path) for path in request.values("artifact_path") if experiment.holds(path)]
        for model in touched:
            for source in sources:
                if found := self.things.registry.search_model_versions(f"name = '{model}' and {source}", max_results=1):
                    return str(found[0].version)
        return None

    def _elsewhere(self, request: Request, model: str, caller: str) -> str | None:
        """An account that heals does not promote."""
        if caller in self.policy.allowed(model, Right.PROMOTION):
            return None
        left = self.things.registry.get_registered_model(model).tags.get(PRODUCTION_TAG)
        if set(request.values("version")) == {left}:
            return None
        return (
            f"{caller} may only put production of the guarded model {model} back to version {left or 'none'}, "
            "which its last promotion left there"
        )

    def _touched(self, request: Request) -> set[str]:
        """The guarded models that the request would change."""
        named = set(request.values("name", "new_name")) if request.area in NAMED else set[str]()
        touched = named & self.policy.models.keys()
        if request.area in REGISTRY and request.operation != CREATE_VERSION:
            return touched
        guarded = self.things.experiments()
        if request.operation == CREATE_VERSION:
            # The run of a version is only read.
            models = self.things.logged_models(request)
            owners = {each for model in models for each in self.things.owners("model_id", model)}
            return touched | {guarded[each].name for each in owners if each in guarded}
        touched |= {guarded[each].name for each in self.things.of(request) if each in guarded}
        for path in request.values("artifact_path"):
            touched |= {experiment.name for experiment in guarded.values() if experiment.overlaps(path)}
        return touched

    def _from_its_own(self, request: Request, model: str) -> bool:
        """Whether everything a new version points at is guarded with its model."""
        own = {key: experiment for key, experiment in self.things.experiments().items() if experiment.name == model}
        origins = [("run_id", value) for value in request.values("run_id")]
        origins += [("model_id", value) for value in request.values("model_id")]
        for source in request.values("source"):
            scheme, _, place = source.partition(":")
            head = place.strip("/").partition("/")[0]
            if scheme == "mlflow-artifacts":
                if not any(experiment.holds(urlsplit(source).path) for experiment in own.values()):
                    return False
            else:
                origins.append(({"runs": "run_id", "models": "model_id"}.get(scheme, ""), head))
        return all(key and set(self.things.owners(key, value)) & own.keys() for key, value in origins)


def _misplaced(request: Request) -> Refusal | None:
    """What would have the server read, write or delete outside the place where it keeps files."""
    if request.operation == "POST experiments/create" and request.values("artifact_location"):
        # It could be a guarded model's.
        return Refusal("artifact_location must be left out: the server gives each experiment its own place")
    if request.operation == CREATE_VERSION:
        elsewhere = [each for each in request.values("source") if not _kept(each)]
        if elsewhere:
            return Refusal(f"source must begin with models:/, runs:/ or mlflow-artifacts:/, not be {elsewhere[0]}")
    if (request.area == "traces" or request.operation == SPANS) and any(
        _tag(text) in LOCATION_TAGS for text in request.words()
    ):
        return Refusal("the server decides where a trace is kept: leave out its location tags")
    return None


def _kept(source: str) -> bool:
    return source in _PROMPT_SOURCE_PLACEHOLDERS or bool(SOURCES.fullmatch(source))


def _tag(text: str) -> str:
    return text.strip().replace("_", "").lower()


def _instead(request: Request, model: str) -> str:
    """What a person can do instead who gets this on MLflow's pages, whose buttons know nothing of guarded models."""
    if not request.operation.endswith(" registered-models/alias"):
        return ""
    return f". To promote a version, change ml-loop:models.{model}.production in the stack's settings and apply them"


def _of_aliases(method: str, aliases: set[str]) -> Right:
    """The right that it takes to set or delete these aliases."""
    if aliases <= {Alias.STAGING}:
        return Right.GATE
    return Right.HEALING if method == "POST" and aliases == {Alias.PRODUCTION} else Right.PROMOTION
