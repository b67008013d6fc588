"""The detector's verdict on each window of a stream of numbers, many windows at a time.

The statistics are the detector's own, those of dependent rows included. What is not looked at here: columns that have
broken, seasons, and other tests than KS.
"""

import csv
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from contract.drift import DriftSettings
from loop.drift.column import ReferenceColumn, filled
from loop.drift.dependence import too_dependent
from loop.drift.statistics import adjusted_p_value, ks_p_value, reference_p_value

Floats = NDArray[np.float64]

_CHUNK: Final = 500
"""Windows at a time: each takes the reference's rows in memory a few times over."""


@dataclass(frozen=True)
class Compared:
    """A stream's complete windows beside a reference: each array is (k, features)."""

    distances: Floats
    naive: Floats
    """P-values of the test alone."""
    p_values: Floats
    """Raw, of the finite reference and of dependent rows; 1 where the rows are worth too few."""
    effective_rows: Floats
    blind: NDArray[np.bool_]
    """Whether the rows are worth too few for any verdict."""

    def published(self, settings: DriftSettings, elapsed: float) -> Floats:
        """P-values of windows that close each `elapsed` seconds."""
        adjusted = adjusted_p_value(self.p_values, self.distances, len(settings.features), elapsed, settings)
        return np.where(self.blind, 1.0, adjusted)


def compare(settings: DriftSettings, reference: Floats, stream: Floats) -> Compared:
    """`reference` and `stream` are (rows, features), in the order of time."""
    columns = [_column(settings, *each) for each in zip(reference.T, stream.T, strict=True)]
    return Compared(*(np.stack(part, axis=1) for part in zip(*columns, strict=True)))


def _column(settings: DriftSettings, reference: Floats, stream: Floats) -> tuple[NDArray[Any], ...]:
    column, rows = ReferenceColumn(reference), settings.window
    windows = filled(stream[: len(stream) // rows * rows]).reshape(-1, rows)
    chunks = [
        _chunk(column, len(settings.features), chunk)
        for chunk in np.split(windows, range(_CHUNK, len(windows), _CHUNK))
    ]
    return tuple(np.concatenate(part) for part in zip(*chunks, strict=True))


def _chunk(column: ReferenceColumn, tests: int, windows: Floats) -> tuple[NDArray[Any], ...]:
    rows, found = windows.shape[1], column.places(windows)
    inflated, distances = column.inflations(found), column.distances(windows, found)
    own = ks_p_value(distances, len(column.sorted), rows)
    p_values = np.maximum(own, reference_p_value(distances, column.effective_rows, rows / inflated, tests))
    return distances, own, p_values, rows / inflated, too_dependent(rows, inflated)


def autoregressive(rows: int, features: int, half_life: float, random: np.random.Generator) -> Floats:
    """A stationary normal process, (rows, features): the correlation of two rows halves every `half_life` rows.

    Half-life 0 are independent rows.
    """
    noise = random.standard_normal((rows, features))
    if half_life == 0:
        return noise
    kept = 0.5 ** (1 / half_life)
    noise[1:] *= math.sqrt(1 - kept**2)  # the first row is drawn from what all of them are distributed as
    return np.asarray(lfilter([1.0], [1.0, -kept], noise, axis=0))


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
