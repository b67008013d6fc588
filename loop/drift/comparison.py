"""A window against the references at hand: production's, and where that has drifted, the one that waits in staging."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contract.drift import DriftSettings
from loop.drift.column import as_32_bits
from loop.drift.columns import Columns
from loop.drift.decision import Outcome, drifted, known
from loop.drift.reference import Reference, season_of
from loop.drift.row import Layouts, Row

Rows = NDArray[np.floating[Any]]

Compare = Callable[[Rows, float], list[Outcome]]
"""A test that holds its reference: window (n, features) and seconds since the last one in, outcomes out."""

MakeTest = Callable[[DriftSettings, Rows], Compare]


class Comparison:
    """The tests of one model. Each is made once for a reference, which takes longer than a window does."""

    def __init__(self, settings: DriftSettings, columns: Callable[[str], Columns | None], make_test: MakeTest) -> None:
        self._settings, self._columns, self._make_test = settings, columns, make_test
        self._known: tuple[Reference | None, Layouts] = (None, Layouts(settings.features, columns))
        self._singles: frozenset[int] = frozenset()
        self._tests: dict[tuple[str, str], Compare] = {}

    def layouts(self, reference: Reference) -> Layouts:
        """Of the versions that have answered while this reference was in use."""
        if self._known[0] is not reference:
            self._known = reference, Layouts(self._settings.features, self._columns)
            self._known[1](reference.version)
            self._tests.clear()
        return self._known[1]

    def __call__(
        self, reference: Reference, waiting: Reference | None, rows: list[Row], elapsed: float
    ) -> list[Outcome]:
        """Outcomes of rows in the order of their time; drift that `waiting` was trained on is `EventKind.KNOWN`."""
        season = season_of(rows[len(rows) // 2].at, self._settings.reference)
        found = self._outcomes(reference, reference, season, rows, elapsed)
        if waiting is None or not drifted(found, elapsed, self._settings):
            return found
        beside = self._outcomes(reference, waiting, season, rows, elapsed)
        return known(found, beside, waiting.version, elapsed, self._settings)

    def _outcomes(
        self, production: Reference, reference: Reference, season: str, rows: list[Row], elapsed: float
    ) -> list[Outcome]:
        layouts = self.layouts(production)
        layouts(reference.version)
        if self._singles != layouts.singles:
            self._singles = layouts.singles
            self._tests.clear()
        test = self._test(reference, reference.season(season))
        return test(as_32_bits(np.array([row.features for row in rows]), self._singles), elapsed)

    def _test(self, reference: Reference, season: str) -> Compare:
        key = reference.version, season
        if key not in self._tests:
            self._tests[key] = self._make_test(self._settings, as_32_bits(reference.rows[season], self._singles))
        return self._tests[key]
