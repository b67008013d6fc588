"""One watched column of the reference: what its rows are worth, its bins, and whether it is broken in a window. Pure.

Numbers are compared by their order, other values by the shares of categories.
"""

from collections.abc import Mapping
from functools import cached_property
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from contract.looks import MISSING, MOST_BINS, OTHERS, Histogram
from loop.drift.dependence import inflation_of, ranks
from loop.drift.statistics import Places, cumulative_counts, histograms, ks_distances, places

Floats = NDArray[np.float64]

CHANCE: Final = 1e-6
"""A column is broken when it is less likely than this to hold one value only."""
LEAST_SHARE: Final = 0.01
"""Categories with a smaller share of the reference's rows count as one, together with those that no row has."""


def filled(rows: Floats) -> Floats:
    """Missing values as a value above all others, which a distribution function counts like any other."""
    return np.where(np.isnan(rows), np.inf, rows)


class ReferenceColumn:
    """The reference's values of one feature, in the training's order; NaN where there is none."""

    sets = 1
    """How many differences of probabilities are bounded one by one; a distribution function's are bounded at once."""

    def __init__(self, values: Floats) -> None:
        self.values = self.placed(values)
        """In the training's order, as they are compared."""
        self.sorted = np.sort(self.values)
        self._own = places(self.sorted, self.sorted)
        self.own_inflation = float(inflation_of(self.levels(self.places(self.values[None])), steady=True)[0])
        """How many of the reference's rows are worth one independent row."""
        self.effective_rows = len(values) / self.own_inflation

    def placed(self, values: Floats) -> Floats:
        """Values of one window, or of several, as they are compared."""
        return filled(values)

    def coordinates(self, placed: Floats) -> Floats:
        """Rows (n,) as points (n, c) of a space in which distances mean something."""
        return placed[:, None]

    def places(self, placed: Floats) -> Places:
        """Where the values of windows (k, n) are among the reference's."""
        return places(self.sorted, placed)

    def levels(self, found: Places) -> Floats:
        """The ranks of windows (k, n) by which the dependence of their rows is measured."""
        return ranks(len(self.sorted), found)

    def distances(self, placed: Floats, found: Places) -> Floats:  # noqa: ARG002  # categories need the values
        """The distance of windows (k, n): KS for numbers, the largest difference of shares for categories."""
        return ks_distances(self._own, *cumulative_counts(len(self.sorted), found), found.below.shape[1])

    def inflation(self, placed: Floats) -> float:
        """How many of a window's rows are worth one independent row: as the window shows, at least the reference's."""
        return max(self.own_inflation, float(inflation_of(self.levels(self.places(placed[None])))[0]))

    def broken(self, placed: Floats) -> str:
        """Why no model can learn from the column as it comes; empty where it can.

        A failed sensor, join or form gives one value only, or none at all. A column that often had that value may have
        it throughout by chance.
        """
        if not (placed == placed[0]).all():
            return ""
        share = float(np.mean(self.sorted == placed[0]))
        if share ** (len(placed) / self.own_inflation) > CHANCE:
            return ""
        return self._only(float(placed[0]))

    def _only(self, value: float) -> str:
        return "no row has a value" if np.isinf(value) else f"all rows have the value {value:g}"

    def histogram(self, placed: Floats) -> Histogram:
        """The window beside the reference, in at most `MOST_BINS` bins."""
        labels, edges, reference = self._bins
        return Histogram(
            bins=labels,
            edges=edges,
            reference=reference,
            window=self._shares(placed, edges),
            reference_rows=len(self.values),
        )

    @cached_property
    def _bins(self) -> tuple[tuple[str, ...], tuple[float, ...], tuple[float, ...]]:
        """Labels, inner edges, and the reference's shares: about as many of its rows in each bin."""
        there = self.sorted[np.isfinite(self.sorted)]
        cuts = np.quantile(there, np.arange(1, MOST_BINS - 1) / (MOST_BINS - 1)) if len(there) else []
        edges = tuple(sorted({float(f"{cut:.3g}") for cut in cuts}))
        labels = [f"{low:g} to {high:g}" for low, high in pairwise(edges)]
        if edges:
            labels = [f"below {edges[0]:g}", *labels, f"{edges[-1]:g} and above"]
        labels = labels or ["any"]
        return (*labels, MISSING), edges, self._shares(self.values, edges)

    def _shares(self, placed: Floats, edges: tuple[float, ...]) -> tuple[float, ...]:
        bins = np.where(np.isinf(placed), len(edges) + 1, np.searchsorted(edges, placed, "right"))
        return _rounded(np.bincount(bins, minlength=len(edges) + 2) / len(placed))


class CategoryColumn(ReferenceColumn):
    """A column whose values are categories, each a code: they are compared by their places, the most frequent first.

    Two places follow the frequent ones: one for rare and unseen categories, one for no value.
    """

    def __init__(self, codes: Floats, labels: Mapping[float, str]) -> None:
        found, counts = np.unique(codes[~np.isnan(codes)], return_counts=True)
        order = np.argsort(-counts, kind="stable")[: MOST_BINS - 2]
        frequent = found[order[counts[order] >= LEAST_SHARE * len(codes)]]
        self._codes, self._places = np.sort(frequent), np.argsort(frequent, kind="stable")
        self._labels = (*(labels.get(float(code), f"{code:g}") for code in frequent), OTHERS, MISSING)
        self.sets = len(self._labels)
        super().__init__(codes)

    def placed(self, values: Floats) -> Floats:
        others = float(len(self._codes))
        if not len(self._codes):
            return np.where(np.isnan(values), others + 1, others)
        near = np.minimum(np.searchsorted(self._codes, values), len(self._codes) - 1)
        known = np.where(self._codes[near] == values, self._places[near], others)
        return np.where(np.isnan(values), others + 1, known)

    def coordinates(self, placed: Floats) -> Floats:
        return (placed[:, None] == np.arange(self.sets)).astype(np.float64)

    def counts(self, placed: Floats) -> NDArray[np.int64]:
        """Rows of each category in each of windows (k, n): (k, sets)."""
        return histograms(placed.astype(np.int64), self.sets - 1)

    def distances(self, placed: Floats, found: Places) -> Floats:  # noqa: ARG002  # numbers need their places
        return np.abs(self.counts(placed) / placed.shape[1] - self._own_shares).max(axis=1)

    def histogram(self, placed: Floats) -> Histogram:
        shares = self.counts(placed[None])[0] / len(placed)
        return Histogram(
            bins=self._labels,
            edges=(),
            reference=_rounded(self._own_shares),
            window=_rounded(shares),
            reference_rows=len(self.values),
        )

    @cached_property
    def _own_shares(self) -> Floats:
        return self.counts(self.values[None])[0] / len(self.values)

    def _only(self, value: float) -> str:
        label = self._labels[int(value)]
        return "no row has a value" if label == MISSING else f"all rows have the value {label}"


def _rounded(shares: Floats) -> tuple[float, ...]:
    return tuple(round(float(share), 4) for share in shares)
