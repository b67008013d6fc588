"""A window against the available references: that of production and, where that finds drift, that of the version which
waits in staging.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from contract.drift import DriftSettings
from contract.looks import Histogram
from loop.drift.column import ReferenceColumn
from loop.drift.columns import Columns
from loop.drift.decision import Outcome, drifted, known
from loop.drift.reference import Reference, season_of
from loop.drift.row import Layouts, Row
from loop.drift.values import column_of

Rows = NDArray[np.float64]

Compare = Callable[[Rows, float], list[Outcome]]
"""A test that holds its reference: placed values (n, features) and seconds since the last window in, outcomes out."""

MakeTest = Callable[[DriftSettings, Sequence[ReferenceColumn]], Compare]


@dataclass(frozen=True)
class Side:
    """A reference, ready to be compared with."""

    columns: Sequence[ReferenceColumn]
    test: Compare

    def placed(self, values: Rows) -> Rows:
        return np.stack([c.placed(each) for c, each in zip(self.columns, values.T, strict=True)], axis=1)


class Comparison:
    """The tests of one model. Each is made once for a reference, as that takes longer than comparing a window."""

    def __init__(self, settings: DriftSettings, columns: Callable[[str], Columns | None], make_test: MakeTest) -> None:
        self._settings, self._columns, self._make_test = settings, columns, make_test
        self._known: tuple[Reference | None, Layouts] = (None, Layouts({}, columns))
        self._singles: frozenset[int] = frozenset()
        self._sides: dict[tuple[str, str], Side] = {}

    def layouts(self, reference: Reference) -> Layouts:
        """Versions that have answered while this reference was in use."""
        if self._known[0] is not reference:
            self._known = reference, Layouts(reference.kinds(self._settings.features), self._columns)
            self._known[1](reference.version)
            self._sides.clear()
        return self._known[1]

    def __call__(
        self, reference: Reference, waiting: Reference | None, rows: list[Row], elapsed: float
    ) -> tuple[list[Outcome], Callable[[int], Histogram]]:
        """Outcomes of rows in the order of their time, and for each feature's place its picture.

        Drift that `waiting` was trained on is `EventKind.KNOWN`.
        """
        season = season_of(rows[len(rows) // 2].at, self._settings.reference)
        layouts = self.layouts(reference)
        for each in filter(None, (reference, waiting)):
            layouts(each.version)
        if self._singles != layouts.singles:
            self._singles = layouts.singles
            self._sides.clear()
        flat = np.fromiter(chain.from_iterable(row.features for row in rows), np.float64)
        values = as_32_bits(flat.reshape(len(rows), -1), self._singles)
        side = self._side(reference, reference.season(season))
        placed = side.placed(values)
        found = side.test(placed, elapsed)
        if waiting is not None and waiting.columns.documents != reference.columns.documents:
            waiting = None  # one has lengths where the other has categories
        if waiting is not None and drifted(found, elapsed, self._settings):
            other = self._side(waiting, waiting.season(season))
            found = known(found, other.test(other.placed(values), elapsed), waiting.version, elapsed, self._settings)
        return found, lambda n: side.columns[n].histogram(placed[:, n])

    def _side(self, reference: Reference, season: str) -> Side:
        key = reference.version, season
        if key not in self._sides:
            kinds = reference.kinds(self._settings.features).values()
            values = as_32_bits_each(reference.rows[season], self._singles)
            columns = [column_of(*each, reference.labels) for each in zip(kinds, values, strict=True)]
            self._sides[key] = Side(columns, self._make_test(self._settings, columns))
        return self._sides[key]


def as_32_bits(rows: Rows, columns: Iterable[int]) -> Rows:
    """Rows with the numbers in those columns rounded to 32 bits, so that what was equal before a cast is so again."""
    return np.stack(as_32_bits_each(list(rows.T), columns), axis=1)


def as_32_bits_each(values: Sequence[Rows], columns: Iterable[int]) -> list[Rows]:
    """The same, column by column, whatever their lengths."""
    chosen = set(columns)
    with np.errstate(over="ignore"):  # what exceeds 32 bits is above all others, like a missing value
        return [each.astype(np.float32).astype(np.float64) if n in chosen else each for n, each in enumerate(values)]
