"""The gate: may this candidate be served? Pure decisions over two evaluations of the same rows."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from contract.gate import Criterion, Slices, from_json
from contract.names import Env, GateResult
from loop.training import slices
from loop.training.chance import Pair
from loop.training.step import TrainingError, optional, setting


@dataclass(frozen=True)
class Evaluation:
    """What `evaluate` measured for one model: its version (None for a candidate), metrics, SHA-256 of the rows."""

    version: str | None
    metrics: dict[str, float]
    data: str
    rows: str | None = None
    """SHA-256 of the file of evaluated rows, if the evaluate command left one."""


@dataclass(frozen=True)
class GateDecision:
    """The gate's answer and the numbers behind it, as kept on the version."""

    gate: GateResult
    reason: str
    report: dict[str, object]

    @property
    def leading(self) -> str:
        """The first metric, with what the candidate reached."""
        return f"{self.report['metric']} {self.report['candidate']:.3f}"


@dataclass(frozen=True)
class MetricFinding:
    """What the gate says about one metric."""

    passed: bool
    reason: str
    numbers: dict[str, object]


def asked() -> tuple[Criterion, ...]:
    """What the settings ask of a candidate."""
    try:
        return from_json(setting(Env.GATE))
    except ValueError as error:
        raise TrainingError(f"{Env.GATE} cannot be followed: {error}") from None


def sliced() -> Slices | None:
    """The groups that the settings have compared one by one."""
    try:
        return Slices.from_json(text) if (text := optional(Env.SLICES)) else None
    except ValueError as error:
        raise TrainingError(f"{Env.SLICES} cannot be followed: {error}") from None


def decide(
    criteria: Sequence[Criterion],
    candidate: Evaluation,
    production: Evaluation | None,
    pair: Pair | None = None,
    groups: Slices | None = None,
) -> GateDecision:
    """Pass if each metric is within its bound and not worse than production by more than its tolerance, nor in a group.

    With the rows (`pair`), a candidate is worse only beyond chance: by the whole interval of the difference.

    Raises `TrainingError` when the two were not measured on the same rows: then the comparison would mean nothing.
    """
    if production is not None and production.data != candidate.data:
        raise TrainingError(
            f"the candidate was measured on data {candidate.data[:12]} and version {production.version} in "
            f"production on {production.data[:12]}: the gate compares on the same rows only; run the training again"
        )
    findings = [_find(each, candidate, production, pair) for each in criteria]
    parts = _sliced(criteria, pair, groups) if pair and groups else []
    passed = all(each.passed for each in (*findings, *parts))
    told = findings if passed else [each for each in (*findings, *parts) if not each.passed]
    reason = "; ".join(each.reason for each in told)
    report: dict[str, object] = {
        # The first metric's numbers stand for the version where only one is shown.
        **findings[0].numbers,
        "metrics": [each.numbers for each in findings],
        "data": candidate.data,
        "reason": reason,
    }
    if production is not None:
        report["production_version"] = production.version
    if parts:
        report["slices"] = [each.numbers for each in parts]
        unjudged = sum("unjudged" in each.numbers for each in parts)
        report["reason"] = reason = f"{reason}; {len(parts) - unjudged} of {len(parts)} slices compared"
    return GateDecision(GateResult.PASSED if passed else GateResult.REJECTED, reason, report)


def _sliced(criteria: Sequence[Criterion], pair: Pair, groups: Slices) -> list[slices.SliceFinding]:
    direction = next(each.direction for each in criteria if each.metric == groups.metric)
    return slices.compare(groups, direction, pair)


def _find(asked: Criterion, candidate: Evaluation, production: Evaluation | None, pair: Pair | None) -> MetricFinding:
    direction = asked.direction
    value = _value(asked, candidate, "the candidate")
    measured, limit = f"{asked.metric} {value:.4f}", f"the {direction.bound} {asked.bound:g}"
    numbers: dict[str, object] = {
        "metric": asked.metric,
        "direction": direction,
        "candidate": value,
        direction.bound: asked.bound,
    }
    within = direction.gain(value, asked.bound) >= 0
    reason = f"{measured} meets {limit}"
    if production is not None:
        current = _value(asked, production, f"version {production.version}")
        numbers |= {"production": current, "tolerance": asked.tolerance}
        beside = f"version {production.version} in production ({current:.4f}, tolerance {asked.tolerance:g})"
        worse = direction.gain(value, direction.eased(current, asked.tolerance)) < 0
        if interval := pair and pair.interval(asked.metric):
            numbers["interval"] = [interval.low, interval.high]
            beside += f", difference {interval}"
            worse = slices.worse_by(direction, interval) > asked.tolerance
        if within and worse:
            return MetricFinding(False, f"{measured} is worse than {beside}", numbers)
        reason += f" and is not worse than {beside}"
    if not within:
        reason = f"{measured} fails {limit}"
    return MetricFinding(within, reason, numbers)


def _value(asked: Criterion, evaluation: Evaluation, whose: str) -> float:
    """The metric as it was measured; NaN, which does not pass, where that is not a number."""
    if asked.metric not in evaluation.metrics:
        known = ", ".join(sorted(evaluation.metrics)) or "none"
        raise TrainingError(f"the gate asks for metric {asked.metric!r}, and {whose} was measured with: {known}")
    value = evaluation.metrics[asked.metric]
    if not math.isfinite(value):
        raise TrainingError(f"the gate asks for metric {asked.metric!r}, and {whose} has {value}: it must be finite")
    return value
