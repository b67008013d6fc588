"""How many independent rows dependent ones are worth: pure. `docs/drift.md` tells the story.

The bounds of `statistics` hold for rows drawn independently of each other. Of n rows that resemble their neighbours, an
average says as much as n / inflation independent rows would (Geyer 1992, Statistical Science 7(4): the integrated
autocorrelation time). It is measured on what the comparison sees, the rows' ranks among the reference, for their
level and for their spread, so that it is the same for a feature and for its logarithm.
"""

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from loop.drift.statistics import Places

Floats = NDArray[np.float64]

BLOCKS: Final = 16
"""The number of parts of a sample whose means are compared with each other."""
CLEAR: Final = 2.0
"""The means of so few blocks differ by up to this much by chance."""
LEAST_EFFECTIVE: Final = 25.0
"""Dependent rows that are worth fewer show too little of their own dependence for any verdict."""


def ranks(reference_rows: int, found: Places) -> Floats:
    """Shares of the reference that are below each value, half of the ties among them."""
    return (found.below + found.at_most) / (2 * reference_rows)


def inflation(scores: Floats, *, steady: bool = False) -> Floats:
    """How many rows are worth one independent row, at least 1: (k,) from scores of rows in their order, (k, n).

    The largest of two estimates. The first is that of a process whose rows depend only on the row before, from its
    correlation, corrected for the bias of small samples (Marriott & Pope 1954) and with one standard error added. The
    second holds for any process: variance of the means of blocks, from the differences between neighbours (von Neumann
    1941), as a drift that begins within a window makes one large difference instead of one for each pair. A `steady`
    sample has no drift in it: there the means are compared with each other, which sees slower processes.
    """
    n = scores.shape[-1]
    centered = scores - scores.mean(axis=-1, keepdims=True)
    variance = np.mean(centered**2, axis=-1)
    moves = variance > 1e-12
    variance = np.where(moves, variance, 1.0)
    rho = np.sum(centered[..., 1:] * centered[..., :-1], axis=-1) / (n * variance)
    rho = rho + (1 + 3 * rho) / n
    rho = np.clip(rho + np.sqrt(np.maximum(0.0, 1 - rho**2) / n), 0.0, 1 - 1 / n)
    size = n // BLOCKS
    means = scores[..., : size * BLOCKS].reshape(*scores.shape[:-1], BLOCKS, size).mean(axis=-1) if size else scores
    spread = np.var(means, axis=-1, ddof=1) if steady else np.mean(np.diff(means, axis=-1) ** 2, axis=-1) / 2
    slow = size * spread / variance
    found = np.maximum((1 + rho) / (1 - rho), np.where(slow > CLEAR, slow, 1.0))
    return np.where(moves, np.maximum(1.0, found), 1.0)


def inflation_of(level: Floats, *, steady: bool = False) -> Floats:
    """The same for `ranks` (k, n): the larger of their level's and their spread's."""
    both = inflation(np.concatenate([level, np.abs(level - 0.5)]), steady=steady)
    return np.maximum(both[: len(level)], both[len(level) :])


def too_dependent(rows: int, inflated: ArrayLike) -> NDArray[np.bool_]:
    """Whether these rows are worth too few for any verdict."""
    inflated = np.asarray(inflated, dtype=float)
    return (inflated > 2) & (rows / inflated < LEAST_EFFECTIVE)


def worth(rows: int, inflated: float) -> str:
    return f"{rows} rows are worth {rows / inflated:.0f} independent ones"
