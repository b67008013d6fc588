"""The gate: may this candidate be served? Pure decisions over two evaluations of the same rows."""

import json
import math
from dataclasses import dataclass

from contract.names import Gate
from loop.training.step import StepError


@dataclass(frozen=True)
class Evaluation:
    """What `evaluate` measured of one model: its version (None for a candidate), metrics, SHA-256 of the rows."""

    version: str | None
    metrics: dict[str, float]
    data: str

    @classmethod
    def from_json(cls, text: str) -> "Evaluation":
        fields = json.loads(text)
        return cls(fields["version"], fields["metrics"], fields["data"])

    def to_json(self) -> str:
        return json.dumps({"version": self.version, "metrics": self.metrics, "data": self.data}, sort_keys=True)


@dataclass(frozen=True)
class Rule:
    """What the settings ask of a candidate. Higher is better: negate a loss to gate on it."""

    metric: str
    minimum: float
    tolerance: float = 0.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.minimum) and math.isfinite(self.tolerance) and self.tolerance >= 0):
            raise StepError(
                f"the gate's minimum {self.minimum} and tolerance {self.tolerance} must be finite, "
                "the tolerance not negative"
            )


@dataclass(frozen=True)
class Decision:
    """The gate's answer and the numbers behind it, as kept on the version."""

    gate: Gate
    reason: str
    report: dict[str, object]


def decide(rule: Rule, candidate: Evaluation, production: Evaluation | None) -> Decision:
    """Pass if the candidate reaches the minimum and is not worse than production by more than the tolerance.

    Raises `StepError` when the two were not measured on the same rows: then the comparison would mean nothing.
    """
    value = _value(rule, candidate, "the candidate")
    report: dict[str, object] = {
        "metric": rule.metric,
        "candidate": value,
        "minimum": rule.minimum,
        "data": candidate.data,
    }
    floor, reason = rule.minimum, f"{rule.metric} {value:.4f} reaches the minimum {rule.minimum:g}"
    failed = f"{rule.metric} {value:.4f} is below the minimum {rule.minimum:g}"
    if production is not None:
        if production.data != candidate.data:
            raise StepError(
                f"the candidate was measured on data {candidate.data[:12]} and version {production.version} in "
                f"production on {production.data[:12]}: the gate compares on the same rows only; run the training again"
            )
        current = _value(rule, production, f"version {production.version}")
        report |= {"production": current, "production_version": production.version, "tolerance": rule.tolerance}
        beside = f"version {production.version} in production ({current:.4f}, tolerance {rule.tolerance:g})"
        reason += f" and is not worse than {beside}"
        if current - rule.tolerance > floor:
            floor, failed = current - rule.tolerance, f"{rule.metric} {value:.4f} is worse than {beside}"
    passed = value >= floor
    text = reason if passed else failed
    return Decision(Gate.PASSED if passed else Gate.REJECTED, text, {**report, "reason": text})


def _value(rule: Rule, evaluation: Evaluation, whose: str) -> float:
    if rule.metric not in evaluation.metrics:
        known = ", ".join(sorted(evaluation.metrics)) or "none"
        raise StepError(f"the gate asks for metric {rule.metric!r}, and {whose} was measured with: {known}")
    return evaluation.metrics[rule.metric]
