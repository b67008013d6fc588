"""The detector's verdict at each look at a stream of numbers, many looks at a time.

The statistics are the detector's own, those of dependent rows included. Not covered: broken columns, seasons, and tests
other than KS.
"""

import csv
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.signal import lfilter

from contract.drift import DriftSettings
from loop.drift.column import ReferenceColumn, filled
from loop.drift.dependence import inflation_of, too_dependent
from loop.drift.statistics import Places, adjusted_p_value, ks_p_value, reference_p_value

Floats = NDArray[np.float64]

_CHUNK: Final = 100_000
"""Rows of all looks taken at a time, or of the reference for each: so few are still near the processor."""


@dataclass(frozen=True)
class Compared:
    """All looks at a stream beside a reference: each array is (k, features)."""

    distances: Floats
    naive: Floats
    """P-values of the test alone."""
    p_values: Floats
    """Raw p-values, for the finite reference and dependent rows; 1 where the rows are worth too few."""
    effective_rows: Floats
    blind: NDArray[np.bool_]
    """Whether the rows are worth too few for any verdict."""

    def published(self, settings: DriftSettings, elapsed: float) -> Floats:
        """P-values of windows that close each `elapsed` seconds."""
        adjusted = adjusted_p_value(self.p_values, self.distances, len(settings.features), elapsed, settings)
        return np.where(self.blind, 1.0, adjusted)

    def every(self, looks: int) -> "Compared":
        """The same by somebody who looks that much less often."""
        parts = (self.distances, self.naive, self.p_values, self.effective_rows, self.blind)
        return Compared(*(part[::looks] for part in parts))


def compare(settings: DriftSettings, reference: Floats, stream: Floats) -> Compared:
    """`reference` and `stream` are (rows, features), in the order of time."""
    return compare_each(settings, zip(reference.T, stream.T, strict=True))


def compare_each(settings: DriftSettings, columns: Iterable[tuple[Floats, Floats]]) -> Compared:
    """The same column by column, (reference, stream), so that no more than one need be in memory.

    There may be fewer columns than features are watched.
    """
    found = [_column(settings, *each) for each in columns]
    return Compared(*(np.stack(part, axis=1) for part in zip(*found, strict=True)))


def _column(settings: DriftSettings, reference: Floats, stream: Floats) -> tuple[NDArray[Any], ...]:
    column, stride, rows = ReferenceColumn(reference), settings.stride, settings.window
    looks = (len(stream) - rows) // stride + 1
    step = max(1, _CHUNK // max(rows, len(reference)))
    chunks = [
        _looks(column, settings, filled(stream[first * stride : (min(first + step, looks) - 1) * stride + rows]))
        for first in range(0, looks, step)
    ]
    distances, inflated = (np.concatenate(part) for part in zip(*chunks, strict=True))
    own = ks_p_value(distances, len(column.sorted), rows)
    bound = reference_p_value(distances, column.effective_rows, rows / inflated, len(settings.features))
    return distances, own, np.maximum(own, bound), rows / inflated, too_dependent(rows, inflated)


def _looks(column: ReferenceColumn, settings: DriftSettings, values: Floats) -> tuple[Floats, Floats]:
    """Distance and inflation of each look. Places are sought once for each row, however many looks it is in."""

    def windows(each: NDArray[Any]) -> NDArray[Any]:
        return sliding_window_view(each, settings.window)[:: settings.stride]

    sought = column.places(values)
    below = windows(sought.below)
    found = Places(below, below if sought.at_most is sought.below else windows(sought.at_most))
    inflated = np.maximum(column.own_inflation, inflation_of(windows(column.levels(sought))))
    return column.distances(windows(values), found), inflated


def autoregressive(rows: int, half_life: float, random: np.random.Generator) -> Floats:
    """A stationary normal process, (rows,): the correlation of two rows halves every `half_life` rows.

    Half-life 0 means independent rows.
    """
    noise = random.standard_normal(rows)
    if half_life == 0:
        return noise
    kept = 0.5 ** (1 / half_life)
    noise[1:] *= math.sqrt(1 - kept**2)  # the first row is drawn from the distribution of all of them
    return np.asarray(lfilter([1.0], [1.0, -kept], noise))


def read(path: Path) -> tuple[tuple[str, ...], Floats]:
    """Names and rows of a CSV file with a header; an empty cell is a missing value. Raises ValueError in words."""
    with path.open(encoding="utf-8", newline="") as file:
        lines = list(csv.reader(file))
    names = tuple(lines[0]) if lines else ()
    try:
        rows = [[float(cell) if cell else math.nan for cell in line] for line in lines[1:]]
        stream = np.array(rows, dtype=np.float64).reshape(len(rows), len(names))
    except ValueError as error:
        raise ValueError(f"{path} must be CSV with a header and as many numbers in each row: {error}") from None
    if not names or np.isinf(stream).any():
        raise ValueError(f"{path} must have a header and finite numbers, or nothing, in each cell")
    return names, stream
