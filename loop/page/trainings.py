"""Trainings as people read them: why each was started, and what came of it, in a sentence."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from contract.gate import nothing_new_to_learn
from contract.names import NOTHING_NEW, Trigger
from contract.starting import ENDED_BECAUSE, stuck
from loop.page import words
from loop.page.sources import Json
from loop.page.versions import ListedVersion

NO_VERSION: Final = "has no version of it"
NOT_ASKED: Final = "has not said what came of it"


class RunState(StrEnum):
    """How a training stands; the page shows each with a mark of its own."""

    RUNNING = "running"
    WAITING = "waiting"
    """It waits for another training of the model, or for its turn."""
    PASSED = "passed"
    REJECTED = "rejected"
    """Its version was refused by its gate, or taken back."""
    REFUSED = "refused"
    """The cooldown refused it: nothing was trained."""
    FAILED = "failed"
    DONE = "done"
    """It succeeded, but no version of it is known."""


@dataclass(frozen=True, kw_only=True)
class TrainingRun:
    """One workflow, or what the registry remembers of one that is gone."""

    workflow: str
    started: datetime | None
    seconds: float | None
    """How long it took; None: it has not ended, or that is not known."""
    because: str
    p_value: str
    state: RunState
    outcome: str
    version: ListedVersion | None


def trainings(workflows: Sequence[Json], versions: Sequence[ListedVersion] | None) -> list[TrainingRun]:
    """The cluster's trainings, and those that only the registry remembers; newest first. None: it was not asked."""
    made = {each.workflow: each for each in versions or () if each.workflow}
    live = [_training(each, made.get(each["metadata"]["name"]), asked=versions is not None) for each in workflows]
    known = {each.workflow for each in live}
    kept = [_remembered(each) for each in versions or () if each.workflow not in known]
    return sorted([*live, *kept], key=lambda each: each.started.timestamp() if each.started else 0.0, reverse=True)


def _training(found: Json, version: ListedVersion | None, *, asked: bool) -> TrainingRun:
    status, named = found.get("status", {}), _arguments(found)
    started = words.moment(status.get("startedAt")) or words.moment(found["metadata"]["creationTimestamp"])
    ended = words.moment(status.get("finishedAt"))
    ended_because = found["metadata"].get("annotations", {}).get(ENDED_BECAUSE, "")
    state, outcome = _outcome(status, version, ended_because, asked=asked)
    return TrainingRun(
        workflow=found["metadata"]["name"],
        started=started,
        seconds=(ended - started).total_seconds() if ended and started else None,
        because=_because(named),
        p_value=named.get("p_value", ""),
        state=state,
        outcome=outcome,
        version=version,
    )


def _remembered(version: ListedVersion) -> TrainingRun:
    return TrainingRun(
        workflow=version.workflow,
        started=version.made,
        seconds=None,
        because=version.because,
        p_value=version.p_value,
        state=_state(version),
        outcome=_sentence(version),
        version=version,
    )


def _outcome(status: Json, version: ListedVersion | None, ended_because: str, *, asked: bool) -> tuple[RunState, str]:
    nodes = list(status.get("nodes", {}).values())
    phase = status.get("phase") or "Pending"
    if phase in {"Failed", "Error"}:
        return RunState.FAILED, ended_because or _failure(status, nodes)
    if phase == "Pending":
        return RunState.WAITING, "waits for its turn"
    if phase == "Running":
        return _progress(nodes)
    if refusal := _refusal(nodes):
        return RunState.REFUSED, refusal
    if version is None:
        return RunState.DONE, _nothing_new(nodes) or _message(
            nodes
        ) or f"ended; the registry {NO_VERSION if asked else NOT_ASKED}"
    return _state(version), _sentence(version)


def _progress(nodes: Iterable[Json]) -> tuple[RunState, str]:
    steps = [each for each in nodes if each.get("type") in {"Pod", "Retry"}]
    if any("synchronizationStatus" in each and each.get("phase") == "Pending" for each in nodes):
        return RunState.WAITING, "waits for another training of the model"
    if vain := next((each for each in steps if stuck(each.get("phase", ""), each.get("message", ""))), None):
        return RunState.RUNNING, f"in step {_step(vain)}, which cannot start: {vain['message']}"
    at = next((each for each in steps if each.get("phase") in {"Running", "Pending"}), None)
    return RunState.RUNNING, f"in step {_step(at)}" if at else "between two steps"


def _failure(status: Json, nodes: Iterable[Json]) -> str:
    """The failed step's own words, which are its pod's termination message."""
    failed = [each for each in nodes if each.get("type") == "Pod" and each.get("phase") in {"Failed", "Error"}]
    failed.sort(key=lambda each: each.get("finishedAt") or "")
    if not failed:
        return str(status.get("message") or "failed")
    return f"step {_step(failed[-1])}: {failed[-1].get('message') or 'failed'}"


def _refusal(nodes: Iterable[Json]) -> str:
    for each in nodes:
        said = _outputs(each)
        if said.get("granted") == "false":
            return said.get("message", "refused by the cooldown")
    return ""


def _nothing_new(nodes: Iterable[Json]) -> str:
    """Which version was made of the same by the same; empty where there is none."""
    found = (_outputs(each) for each in nodes)
    same = next((each.get("version", "") for each in found if each.get("gate") == NOTHING_NEW), "")
    return same and nothing_new_to_learn(same)


def _message(nodes: Iterable[Json]) -> str:
    return next((said["message"] for each in nodes if (said := _outputs(each)) and "message" in said), "")


def _outputs(node: Json) -> dict[str, str]:
    found = (node.get("outputs") or {}).get("parameters") or []
    return {each["name"]: str(each.get("value", "")) for each in found}


def _step(node: Json) -> str:
    """A retried step's pods are `train(0)`."""
    return str(node.get("displayName", "")).partition("(")[0]


def _arguments(found: Json) -> dict[str, str]:
    given = found.get("spec", {}).get("arguments", {}).get("parameters") or []
    return {each["name"]: str(each.get("value", "")) for each in given}


def _because(named: dict[str, str]) -> str:
    trigger = named.get("trigger", Trigger.MANUAL)
    return f"drift of {named.get('feature', 'unknown')}" if trigger == Trigger.DRIFT else trigger


def _state(version: ListedVersion) -> RunState:
    return RunState.REJECTED if version.rejected or not version.passed else RunState.PASSED


def _sentence(version: ListedVersion) -> str:
    taken_back = f"; taken back: {version.rejected}" if version.rejected else ""
    why = f": {version.reason}" if version.passed is False and version.reason else ""
    return f"version {version.number} {version.verdict}{why}{taken_back}"
