"""One test for each watched column, whatever its kind, made valid for this reference and for dependent rows: pure."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from contract.drift import DriftSettings
from contract.messages import EventKind
from loop.drift.column import Floats, ReferenceColumn
from loop.drift.decision import Outcome
from loop.drift.dependence import inflation_of, too_dependent, worth
from loop.drift.statistics import reference_p_value, rows_needed, smallest_distance


class Confirmed(NamedTuple):
    """What the library's own test says about a column."""

    distance: float
    p_value: float


Confirm = Callable[[int, Floats], Confirmed]
"""The library's test of the column at a place, for values as they are compared."""


class Univariate:
    """A test for each column. Each is judged by the bound of its kind, which is cheap and nearly always the larger
    p-value. Where that would be drift, the library's own test is asked, and the larger of both counts.

    Missing values count as a value above all others, or as a category of their own, so that a changing share of them is
    a distance like any other, in the same test.
    """

    def __init__(self, settings: DriftSettings, columns: Sequence[ReferenceColumn], confirm: Confirm) -> None:
        self._settings, self._columns, self._confirm = settings, columns, confirm
        self._rows = np.array([column.effective_rows for column in columns])
        self._sets = np.array([column.sets for column in columns])
        self._inflations = np.array([column.own_inflation for column in columns])

    def __call__(self, placed: Floats, elapsed: float) -> list[Outcome]:
        """`placed` is a window as `ReferenceColumn.placed` returns it: (n, columns)."""
        columns, total, tests = self._columns, len(placed), len(self._columns)
        windows = list(np.ascontiguousarray(placed.T)[:, None])
        found = [column.places(values) for column, values in zip(columns, windows, strict=True)]
        levels = np.concatenate([column.levels(each) for column, each in zip(columns, found, strict=True)])
        inflated = np.maximum(self._inflations, inflation_of(levels))
        measured = zip(columns, windows, found, strict=True)
        distances = np.array([column.distances(values, at)[0] for column, values, at in measured])
        rows = total / inflated
        p_values = reference_p_value(distances, self._rows, rows, tests, self._sets)
        smallest = smallest_distance(self._settings, self._rows, rows, tests, elapsed, self._sets)
        needed = rows_needed(self._settings, self._rows, inflated, tests, elapsed, self._sets)
        outcomes: list[Outcome] = []
        for n, (feature, column) in enumerate(zip(self._settings.features, columns, strict=True)):
            outcome = Outcome(
                feature,
                round(float(distances[n]), 6),
                p_values[n],
                effective_rows=rows[n],
                smallest=smallest[n],
                needed=needed[n],
            )
            if broken := column.broken(placed[:, n]):
                outcome = outcome._replace(kind=EventKind.QUALITY, reason=broken)
            elif too_dependent(total, inflated[n]):
                outcome = outcome._replace(reason=worth(total, inflated[n]))
            elif distances[n] >= smallest[n]:
                outcome = self._confirmed(outcome, n, placed[:, n])
            outcomes.append(outcome)
        return outcomes

    def _confirmed(self, outcome: Outcome, n: int, placed: Floats) -> Outcome:
        said = self._confirm(n, placed)
        return outcome._replace(p_value=max(outcome.p_value, said.p_value))
