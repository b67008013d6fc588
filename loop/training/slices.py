"""The gate's slices: groups of rows in each of which a candidate may not be worse than the version in production.

A mean does not show a model that is better on average and worse for a region. Each group is compared by the paired
bootstrap at a level that holds for all of them together (Bonferroni); one of too few rows is named but not judged.
"""

from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from contract.gate import Direction, Slices
from loop.training import rows
from loop.training.chance import Difference, Pair
from loop.training.step import TrainingError

MOST: Final = 100
"""The most groups of one column."""


@dataclass(frozen=True)
class SliceFinding:
    """One group's comparison."""

    name: str
    passed: bool
    numbers: dict[str, Any]
    reason: str


def compare(asked: Slices, direction: Direction, pair: Pair) -> list[SliceFinding]:
    """Each group's finding, by column and value. Raises TrainingError for a column that does not make groups."""
    groups = {
        (column, value): _rows(pair.candidate, column, value)
        for column in asked.by
        for value in _values(pair.candidate, column)
    }
    judged = sum(int(inside.sum()) >= asked.min_rows for inside in groups.values())
    findings: list[SliceFinding] = []
    for (column, value), inside in groups.items():
        name, count = f"{column}={value or '(missing)'}", int(inside.sum())
        if count < asked.min_rows:
            findings.append(_unjudged(asked, name, count, f"{count} rows, {asked.min_rows} are needed"))
        else:
            findings.append(_find(asked, direction, name, pair.within(inside), judged))
    return findings


def _values(frame: pd.DataFrame, column: str) -> list[str]:
    values = sorted(set(frame[column].fillna("").astype(str)))
    if len(values) > MOST:
        raise TrainingError(
            f"gate.slices must name columns of at most {MOST} values, and {column!r} has {len(values)}: "
            "write a column of groups instead"
        )
    return values


def _rows(frame: pd.DataFrame, column: str, value: str) -> "pd.Series[bool]":
    return frame[column].fillna("").astype(str) == value


def _find(asked: Slices, direction: Direction, name: str, pair: Pair, judged: int) -> SliceFinding:
    count, interval = len(pair.candidate), pair.interval(asked.metric, judged)
    if interval is None:
        return _unjudged(asked, name, count, f"{asked.metric} is not defined on its {count} rows")
    now, before = rows.score(pair.candidate, asked.metric), rows.score(pair.production, asked.metric)
    numbers = _numbers(asked, name, count)
    numbers |= {"candidate": now, "production": before, "interval": [interval.low, interval.high]}
    worse = worse_by(direction, interval) > asked.tolerance
    reason = (
        f"{asked.metric} of {name} {now:.4f} is {'' if worse else 'not '}worse than in production ({before:.4f}, "
        f"tolerance {asked.tolerance:g}, difference {interval} of {count} rows)"
    )
    return SliceFinding(name, not worse, numbers, reason)


def worse_by(direction: Direction, interval: Difference) -> float:
    """How much worse the candidate is at least; negative where it may be better."""
    return -max(direction.gain(end, 0.0) for end in (interval.low, interval.high))


def _unjudged(asked: Slices, name: str, count: int, why: str) -> SliceFinding:
    return SliceFinding(name, True, _numbers(asked, name, count) | {"unjudged": why}, f"{name} is not judged: {why}")


def _numbers(asked: Slices, name: str, count: int) -> dict[str, Any]:
    return {"slice": name, "rows": count, "metric": asked.metric}
