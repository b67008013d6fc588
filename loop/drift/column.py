"""One watched column of the reference: what its rows are worth, and whether a window of it has broken: pure."""

from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from loop.drift.dependence import inflation_of

Floats = NDArray[np.float64]

CHANCE: Final = 1e-6
"""A column is broken when it is less likely than this to hold one value only."""


def filled(rows: Floats) -> Floats:
    """What is missing as a value above all others: a distribution function counts it like any other."""
    return np.where(np.isnan(rows), np.inf, rows)


def as_32_bits(rows: Floats, columns: Iterable[int]) -> Floats:
    """Rows whose numbers in those columns are no finer than 32 bits, so that what was equal before a cast is again."""
    chosen, rows = list(columns), rows.copy()
    with np.errstate(over="ignore"):  # beyond 32 bits is above all others, like what is missing
        rows[:, chosen] = rows[:, chosen].astype(np.float32)
    return rows


class ReferenceColumn:
    """The reference's values of one feature, in the training's order; NaN where there is none."""

    def __init__(self, values: Floats) -> None:
        values = filled(values)
        self.sorted = np.sort(values)
        self.own_inflation = float(inflation_of(self.sorted, values[None], steady=True)[0])
        """Rows of the reference for an independent one."""
        self.effective_rows = len(values) / self.own_inflation

    def inflation(self, window: Floats) -> float:
        """Rows of a window for an independent one: what the window shows, and not less than the reference did."""
        return float(self.inflations(window[None])[0])

    def inflations(self, windows: Floats) -> Floats:
        """The same for each of windows (k, n)."""
        return np.maximum(self.own_inflation, inflation_of(self.sorted, filled(windows)))

    def broken(self, window: Floats) -> str:
        """Why no model can learn from the column as it comes; empty where it can.

        One value and no other, or none at all, is what a sensor, a join or a form says that has failed. A column that
        often had that value may have it throughout by chance.
        """
        window = filled(window)
        if not (window == window[0]).all():
            return ""
        share = float(np.mean(self.sorted == window[0]))
        if share ** (len(window) / self.own_inflation) > CHANCE:
            return ""
        return "no row has a value" if np.isinf(window[0]) else f"all rows have the value {window[0]:g}"
