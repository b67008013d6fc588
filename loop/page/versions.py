"""A model's versions as people read them: where each is, what its gate said, why it was trained."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from contract.gate import Direction
from contract.names import PRODUCTION_TAG, PROMOTION_TAG, Alias, GateResult, Tag
from loop.page import words
from loop.page.sources import Json, pairs


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One metric of the gate's report."""

    metric: str
    candidate: float
    bound: str
    """`at least 0.7`, or `at most 3`."""
    production: float | None
    gain: float | None
    """How much better it is than production; None: it was not compared."""


@dataclass(frozen=True, kw_only=True)
class ListedVersion:
    """One version of the registry."""

    number: str
    made: datetime | None
    run_id: str
    model_id: str
    aliases: tuple[str, ...]
    passed: bool | None
    """Whether it passed its gate; None: no gate has seen it."""
    reason: str
    """Why the gate let it pass, or refused it."""
    measures: tuple[Measure, ...]
    compared_with: str | None
    trigger: str
    p_value: str
    drift_report: str
    """Where MLflow's pages show the report on the drift that it was trained after; empty: there is none."""
    workflow: str
    data: str
    commit: str
    rejected: str
    """Why it was taken back; empty: it was not taken back."""
    promoted: str
    """When it was left in production; empty: it never was."""

    @property
    def because(self) -> str:
        """Why it was trained, for people."""
        kind, _, feature = self.trigger.partition(":")
        return f"drift of {feature}" if feature else kind

    @property
    def verdict(self) -> str:
        """Its gate's verdict with the first metric."""
        if self.passed is None:
            return "no gate has seen it"
        word = "passed" if self.passed else "did not pass"
        return f"{word}, {self.measures[0].metric} {self.measures[0].candidate:.3f}" if self.measures else word


@dataclass(frozen=True, kw_only=True)
class Registered:
    """What the registry says about a model besides its versions."""

    aliases: Mapping[str, str]
    approved: str | None
    """The version that the last promotion left in production."""
    promotion: str | None
    """The version of a promotion that is under way."""


def registered(model: Json | None) -> Registered:
    tags = pairs((model or {}).get("tags"))
    aliases = {each["alias"]: str(each["version"]) for each in (model or {}).get("aliases", [])}
    return Registered(
        aliases=aliases,
        approved=tags.get(PRODUCTION_TAG),
        promotion=_under_way(tags.get(PROMOTION_TAG)),
    )


def _under_way(tag: str | None) -> str | None:
    found = _object(tag)
    return str(found["to"]) if tag and "to" in found else ("a version" if tag else None)


def versions(found: Sequence[Json], aliases: Mapping[str, str]) -> list[ListedVersion]:
    """The versions, newest first."""
    made = [_version(each, aliases) for each in found]
    return sorted(made, key=lambda each: -int(each.number) if each.number.isdecimal() else 0)


def _version(found: Json, aliases: Mapping[str, str]) -> ListedVersion:
    tags, number = found["tags"], str(found["version"])
    report = _object(tags.get(Tag.GATE_REPORT))
    gate = tags.get(Tag.GATE)
    compared = report.get("production_version")
    return ListedVersion(
        number=number,
        made=words.milliseconds(found.get("creation_timestamp")),
        run_id=str(found.get("run_id", "")),
        model_id=_logged_model(found),
        aliases=tuple(name for name in Alias if aliases.get(name) == number),
        passed=None if gate is None else gate == GateResult.PASSED,
        reason=str(report.get("reason", "")),
        measures=_measures(report),
        compared_with=None if compared is None else str(compared),
        trigger=tags.get(Tag.TRIGGER, "unknown"),
        p_value=tags.get(Tag.P_VALUE, ""),
        drift_report=tags.get(Tag.DRIFT_REPORT, ""),
        workflow=tags.get(Tag.WORKFLOW, ""),
        data=tags.get(Tag.DATA_FINGERPRINT, ""),
        commit=tags.get(Tag.SOURCE_COMMIT, ""),
        rejected=tags.get(Tag.REJECTED, ""),
        promoted=tags.get(Tag.PROMOTED, ""),
    )


def _logged_model(found: Json) -> str:
    """The id of the logged model: lists of versions have it in `source` alone; empty where that is something else."""
    scheme, _, name = str(found.get("source", "")).partition("models:/")
    return name if not scheme and re.fullmatch(r"m-[0-9a-f]+", name) else ""


def _measures(report: Json) -> tuple[Measure, ...]:
    found = report.get("metrics", [report] if "metric" in report else [])
    return tuple(filter(None, (_measure(each) for each in found if isinstance(each, dict))))


def _measure(found: Json) -> Measure | None:
    candidate, production = _float(found.get("candidate")), _float(found.get("production"))
    if candidate is None:
        return None
    direction = Direction.LOWER if found.get("direction") == Direction.LOWER else Direction.HIGHER
    bound = found.get(direction.bound)
    return Measure(
        metric=str(found.get("metric", "")),
        candidate=candidate,
        bound="" if bound is None else f"{direction.asks} {bound}",
        production=production,
        gain=None if production is None else direction.gain(candidate, production),
    )


def _float(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _object(text: str | None) -> Json:
    """A tag's JSON object; empty for anything else, as any client may have written the tag."""
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
