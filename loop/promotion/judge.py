"""May a version stay where it was put? A pure decision over what its servers counted and what it predicted.

Each check that has too little to go by says so, with numbers, and accepts: the version has passed the gate of its
training, and traffic that is not there cannot be waited for.
"""

from dataclasses import dataclass, field
from typing import Final

from scipy import stats

from contract.watching import Limits
from loop.promotion.predictions import Sample, Value, compare, constant
from loop.promotion.traffic import MIN_REQUESTS, Traffic

ALPHA: Final = 1e-4
"""How often chance alone may condemn a version that is at its limit, for each look at it."""
MIN_INPUTS: Final = 10
"""Different rows from which it is the model that answers otherwise, and not the clients that ask otherwise."""
LATENCY_FLOOR: Final = 0.005
"""Seconds. What is slower by less is the machine's mood, however large the ratio."""
MISSING: Final = "missing: "
"""Stands before the reason where there is no number."""
ALONE: Final = "there is no version to compare with"


@dataclass(frozen=True)
class Observation:
    """What is known of one version in service."""

    version: str
    traffic: Traffic | None = None
    """What its servers counted since they started."""
    sample: Sample | None = None
    """None: not looked at yet."""
    crashes: tuple[str, ...] = ()
    """Why servers of it ended."""
    timed: Traffic | None = None
    """Of its traffic, what came in the minutes by which latency is compared; None: all."""

    @property
    def clocked(self) -> Traffic | None:
        return self.traffic if self.timed is None else self.timed


@dataclass(frozen=True)
class Verdict:
    """What speaks against the version, and everything that was looked at, as sentences and as numbers."""

    failures: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    numbers: dict[str, str] = field(default_factory=dict[str, str])
    """The numbers by the same names for every version, or `MISSING` and why there is none."""


def judge(limits: Limits, new: Observation, old: Observation | None) -> Verdict:
    """Compare a version with the one before; without one (`old` is None) only what needs no comparison is judged."""
    verdict = Verdict(numbers={"compared-with": old.version if old else MISSING + ALONE})
    verdict.failures.extend(f"a server ended: {reason}" for reason in new.crashes)
    _errors(limits, new, old, verdict)
    _latency(limits, new, old, verdict)
    _predictions(limits, new, old, verdict)
    return verdict


def _errors(limits: Limits, new: Observation, old: Observation | None, verdict: Verdict) -> None:
    traffic = new.traffic or Traffic()
    counted = f"{traffic.failed} of {traffic.requests} requests failed, {traffic.refused} were refused"
    verdict.notes.append(counted)
    verdict.numbers["requests"] = str(traffic.requests)
    for name, count in (("error-rate", traffic.failed), ("refusal-rate", traffic.refused)):
        rate = f"{count / traffic.requests:.4f}" if traffic.requests else f"{MISSING}no requests came"
        verdict.numbers[name] = rate
    if _exceeds(traffic.failed, traffic.requests, limits.max_error_rate):
        rate = f"{traffic.failed / traffic.requests:.1%}"
        verdict.failures.append(
            f"{traffic.failed} of {traffic.requests} requests failed ({rate}, allowed {limits.max_error_rate:.1%})"
        )
    if old is None or old.traffic is None or old.traffic.requests < MIN_REQUESTS:
        return
    # A client's mistake is no version's, but a version that refuses what the one before took is at fault.
    usual = old.traffic.refused / old.traffic.requests
    # What it refused may be less than it would have: its share is known by so many requests only.
    known = stats.binomtest(old.traffic.refused, old.traffic.requests).proportion_ci(1 - ALPHA)
    if _exceeds(traffic.refused, traffic.requests, min(float(known.high) + limits.max_error_rate, 1.0)):
        compared = f"{traffic.refused / traffic.requests:.1%}, version {old.version} refused {usual:.1%}"
        verdict.failures.append(f"{traffic.refused} of {traffic.requests} requests were refused ({compared})")


def _exceeds(count: int, total: int, rate: float) -> bool:
    """Whether chance, at the allowed rate, would give so many less often than `ALPHA` (binomial tail)."""
    return count > rate * total and float(stats.binom.sf(count - 1, total, rate)) < ALPHA


def _latency(limits: Limits, new: Observation, old: Observation | None, verdict: Verdict) -> None:
    now, before = _mean(new), _mean(old)
    verdict.numbers.update({"latency-ms": _milliseconds(new), "latency-ms-before": _milliseconds(old)})
    if old is None or now is None or before is None:
        few = [_answered(each) for each in (new, old) if each is not None and _mean(each) is None]
        why = f"{' and '.join(few)}, {MIN_REQUESTS} are needed" if few else ALONE
        verdict.notes.append(f"latency is not judged: {why}")
        return
    compared = f"{now * 1000:.0f} ms on average, version {old.version} takes {before * 1000:.0f} ms"
    verdict.notes.append(compared)
    allowed = limits.max_latency_ratio * _larger(new.clocked, old.clocked)
    if now > before * allowed and now - before > LATENCY_FLOOR and _slower(new.clocked, old.clocked, allowed) < ALPHA:
        verdict.failures.append(
            f"an answer takes {compared} ({now / before:.1f} times as long, allowed {limits.max_latency_ratio:g})"
        )


def _larger(new: Traffic | None, old: Traffic | None) -> float:
    """How many times as many rows a request brings as with the version before, at least 1: those may take longer."""
    return max(1.0, new.rows_each / old.rows_each) if new and old else 1.0


def _slower(new: Traffic | None, old: Traffic | None, allowed: float) -> float:
    """How often chance makes answers so slow though they take `allowed` times as long on average: Welch's test.

    Both are taken to spread as the one that spreads more, in proportion to their mean: few answers often miss the slow
    ones, and would seem quick and steady at once.
    """
    if new is None or old is None:
        return 1.0
    spread = max(new.spread, old.spread)
    means = new.seconds / new.answered, allowed * old.seconds / old.answered
    parts = [spread * mean**2 / each.answered for mean, each in zip(means, (new, old), strict=True)]
    beyond = means[0] - means[1]
    if not sum(parts):
        return 0.0 if beyond > 0 else 1.0
    counts = new.answered - 1, old.answered - 1
    freedom = sum(parts) ** 2 / sum(part**2 / count for part, count in zip(parts, counts, strict=True))
    return float(stats.t.sf(beyond / sum(parts) ** 0.5, freedom))


def _mean(seen: Observation | None) -> float | None:
    return seen.clocked.latency if seen and seen.clocked else None


def _milliseconds(seen: Observation | None) -> str:
    if seen is None:
        return MISSING + ALONE
    mean = _mean(seen)
    return f"{MISSING}{_answered(seen)}, {MIN_REQUESTS} are needed" if mean is None else f"{mean * 1000:.1f}"


def _answered(seen: Observation) -> str:
    return f"version {seen.version} has answered {seen.clocked.answered if seen.clocked else 0}"


def _predictions(limits: Limits, new: Observation, old: Observation | None, verdict: Verdict) -> None:
    if new.sample is None:
        verdict.numbers["prediction-shift"] = f"{MISSING}predictions were not looked at"
        return
    now, before = new.sample, (old and old.sample) or Sample()
    sizes = [max(map(len, sample.outputs), default=0) for sample in (now, before)]
    if old is None:
        _unjudged(verdict, ALONE)
        return
    if min(sizes) < MIN_REQUESTS or min(now.inputs, before.inputs) < MIN_INPUTS:
        seen = [
            f"{rows} rows of version {each.version}, {sample.inputs} of them different"
            for rows, each, sample in zip(sizes, (new, old), (now, before), strict=True)
        ]
        needed = f"{MIN_REQUESTS} rows of each, {MIN_INPUTS} of them different, are needed"
        _unjudged(verdict, "; ".join([*seen, needed]))
        return
    shifts: list[float] = []
    level = ALPHA / max(len(now.outputs), 1)  # each output is another chance to be wrong
    for place, (values, usual) in enumerate(zip(now.outputs, before.outputs, strict=False), start=1):
        name = f"output {place}" if len(now.outputs) > 1 else "the prediction"
        shift = compare(values, usual)
        shifts.append(shift.distance)
        if constant(values, usual) < level:
            rows = f"all of {now.inputs} different rows"
            verdict.failures.append(f"{name} is {_shown(values[0])} for {rows}, version {old.version} tells them apart")
            continue
        verdict.notes.append(f"{name} is {shift.distance:.2f} away from that of version {old.version}")
        if shift.distance > limits.max_prediction_shift and shift.p_value < level:
            verdict.failures.append(
                f"{name} is distributed differently from version {old.version} "
                f"({shift.test} {shift.distance:.2f}, allowed {limits.max_prediction_shift:g})"
            )
    verdict.numbers["prediction-shift"] = f"{max(shifts):.2f}" if shifts else f"{MISSING}there is no output"


def _shown(value: Value) -> str:
    return value if isinstance(value, str) else f"{value:g}"


def _unjudged(verdict: Verdict, why: str) -> None:
    verdict.notes.append(f"predictions are not judged: {why}")
    verdict.numbers["prediction-shift"] = MISSING + why
