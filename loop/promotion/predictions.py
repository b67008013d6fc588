"""Are the predictions of two versions alike? Tests that fit what a model answers: numbers, labels, several of them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Final

from scipy import stats

Value = float | str
"""A number, or the JSON of what is none."""
COMMON: Final = 10
"""Rows of both versions together from which a label counts by itself; rarer ones count as one."""
CLIENTS: Final = 0.2
"""To what part clients alone, who ask otherwise at another hour, may bring down the share of all that is not the usual
answer."""


@dataclass(frozen=True)
class Sample:
    """Predictions of one version, one row of each request, and to how many different rows of features."""

    outputs: tuple[tuple[Value, ...], ...] = ()
    """The values of each output of the model."""
    inputs: int = 0


@dataclass(frozen=True)
class Shift:
    """How far two samples of one output are from each other."""

    distance: float
    """From 0 to 1: the KS statistic of numbers, half the sum of the differences of labels' shares."""
    p_value: float
    """How often chance gives as much where they are alike."""
    test: str


def compare(values: Sequence[Value], usual: Sequence[Value]) -> Shift:
    """The distance: Kolmogorov-Smirnov if both are numbers, missing values left out; else by the labels' shares."""
    numbers, before = _numbers(values), _numbers(usual)
    if 2 * len(numbers) > len(values) and 2 * len(before) > len(usual):
        found = stats.ks_2samp(numbers, before, method="asymp")
        return Shift(float(found.statistic), float(found.pvalue), "KS distance")
    return _labels(list(map(str, values)), list(map(str, usual)))


def constant(values: Sequence[Value], usual: Sequence[Value]) -> float:
    """How often chance makes all of `values` the same though the model is as before; 1 where they are not the same.

    Fisher's exact test, as if the others had become as rare as clients alone can make them (`CLIENTS`): one positive in
    a hundred is easily missing among sixty rows, and one in a thousand at night.
    """
    if len(set(values)) != 1:
        return 1.0
    others = ceil(CLIENTS * sum(value != values[0] for value in usual))
    new, old = len(values), len(usual)
    return float(stats.hypergeom.pmf(new, new + old, new + old - others, new))


def _numbers(values: Sequence[Value]) -> list[float]:
    return [value for value in values if isinstance(value, float)]


def _labels(values: Sequence[str], usual: Sequence[str]) -> Shift:
    both = Counter(values) + Counter(usual)
    common = [label for label, count in both.items() if count >= COMMON]
    rows: list[list[int]] = []
    for seen in (Counter(values), Counter(usual)):
        counts = [seen[label] for label in common]
        rows.append([*counts, seen.total() - sum(counts)])
    table = [column for column in zip(*rows, strict=True) if sum(column)]
    shares = [abs(new / len(values) - old / len(usual)) for new, old in table]
    p_value = float(stats.chi2_contingency(table).pvalue) if len(table) > 1 else 1.0
    return Shift(sum(shares) / 2, p_value, "distance of the labels' shares")
