"""From a window's test results to the messages of `ml.drift`: pure."""

import hashlib
import math
from datetime import UTC, datetime
from typing import NamedTuple

from contract.drift import DriftSettings
from contract.messages import EVENT_ID_LENGTH, DriftEvent, EventKind, Window
from loop.drift.statistics import HALF_SIGMA, adjusted_p_value, deviations


class Outcome(NamedTuple):
    """What one test says about one window."""

    feature: str
    effect: float
    """KS distance, or MMD."""
    p_value: float
    """Raw, as if this were the only test ever done."""
    kind: EventKind = EventKind.DRIFT
    reason: str = ""
    """Why this is no drift, however small the p-value; empty: it may be."""
    effective_rows: float | None = None
    """How many independent rows the window's rows are worth."""
    smallest: float | None = None
    """The least distance that would be drift of such a window."""
    needed: float | None = None
    """How many rows a window must have to show half a standard deviation; infinite where no number would do."""


class Span(NamedTuple):
    """A complete window, without its rows."""

    start: float
    """Event times in epoch seconds, first and last."""
    end: float
    rows: int
    offsets: tuple[tuple[int, int], ...]
    """(partition, offset after the last message), ascending."""
    elapsed: float
    """Seconds of event time since the window before."""


def event_id(model: str, feature: str, reference_version: str, offsets: tuple[tuple[int, int], ...]) -> str:
    """The same for the same window of the same feature against the same reference: no redelivery is a second event."""
    return hashlib.sha256(repr((model, feature, reference_version, offsets)).encode()).hexdigest()[:EVENT_ID_LENGTH]


def events(
    model: str, reference_version: str, span: Span, outcomes: list[Outcome], *, settings: DriftSettings, now: float
) -> list[DriftEvent]:
    """One message per test, drift or not. Drift is `p_value < threshold`. Every number is finite."""
    window = Window(start=_moment(span.start), end=_moment(span.end), rows=span.rows)
    return [
        DriftEvent(
            id=event_id(model, outcome.feature, reference_version, span.offsets),
            model=model,
            feature=outcome.feature,
            distance=outcome.effect,
            p_value=_published(outcome, len(outcomes), span.elapsed, settings),
            threshold=settings.p_value,
            window=window,
            reference_version=reference_version,
            at=_moment(now),
            kind=outcome.kind,
            effective_rows=None if outcome.effective_rows is None else int(outcome.effective_rows),
            reason=outcome.reason,
        )
        for outcome in outcomes
    ]


def drifted(outcomes: list[Outcome], elapsed: float, settings: DriftSettings) -> bool:
    """Whether any of them would be published as drift."""
    return any(_drift(each, len(outcomes), elapsed, settings) for each in outcomes)


def known(
    found: list[Outcome], beside: list[Outcome], version: str, elapsed: float, settings: DriftSettings
) -> list[Outcome]:
    """What was found, with the drift that `version` was trained on marked as known.

    `beside` are the same tests against that version's reference. The version knows a window if its test could have seen
    a distance like the one to production, and sees none: a test that cannot see explains nothing.
    """
    tests = len(found)
    return [
        one._replace(kind=EventKind.KNOWN, reason=f"version {version} in staging was trained on rows like these")
        if _drift(one, tests, elapsed, settings)
        and not (other.reason or _drift(other, tests, elapsed, settings))
        and other.effect < one.effect
        and (other.smallest is None or other.smallest <= one.effect)
        else one
        for one, other in zip(found, beside, strict=True)
    ]


def _drift(outcome: Outcome, tests: int, elapsed: float, settings: DriftSettings) -> bool:
    return _published(outcome, tests, elapsed, settings) < settings.p_value


def _moment(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)


def _published(outcome: Outcome, tests: int, elapsed: float, settings: DriftSettings) -> float:
    if not (math.isfinite(outcome.effect) and math.isfinite(outcome.p_value)):
        raise ValueError(f"the test of {outcome.feature} gave {outcome.effect} with p-value {outcome.p_value}")
    if outcome.reason:
        return 1.0
    return float(adjusted_p_value(outcome.p_value, outcome.effect, tests, elapsed, settings))


def sight(outcomes: list[Outcome]) -> str:
    """What waits for an approval, and what tests like the last window's can see: the smallest shift, or none."""
    waits = [f"{each.feature} has drifted, but {each.reason}" for each in outcomes if each.kind is EventKind.KNOWN]
    closed = [each for each in outcomes if each.reason and each.kind is not EventKind.KNOWN]
    seen = {each.feature: each.smallest for each in outcomes if each.smallest is not None and each not in closed}
    able = {feature: float(deviations(least)) for feature, least in seen.items() if least < 1}
    blind = [f"{each.feature} ({each.reason})" for each in closed]
    blind += [f"{feature} (too few rows)" for feature, least in seen.items() if least >= 1]
    parts = waits
    if able:
        worst = max(able, key=lambda feature: able[feature])
        parts.append(f"the smallest shift it sees is {min(able.values()):.2g} sigma, and {able[worst]:.2g} in {worst}")
    parts += _half_sigma([each for each in outcomes if each.kind is EventKind.DRIFT])
    if blind:
        parts.append(f"it sees nothing in {', '.join(sorted(blind))}")
    return "; ".join(parts)


def _half_sigma(outcomes: list[Outcome]) -> list[str]:
    """Where 0.5 sigma goes unseen: the window that would show it, or that none would with this reference."""
    needed = {
        each.feature: each.needed
        for each in outcomes
        if each.needed is not None and each.smallest is not None and deviations(each.smallest) > HALF_SIGMA
    }
    said, never = [], sorted(feature for feature, rows in needed.items() if math.isinf(rows))
    if rows := [each for each in needed.values() if math.isfinite(each)]:
        said.append(f"a window of {max(rows):.0f} rows would see {HALF_SIGMA:g} sigma")
    if never:
        said.append(f"no window sees {HALF_SIGMA:g} sigma in {', '.join(never)} beside so few reference rows")
    return said
