"""The statistics of a drift decision: pure functions of numbers, each with its source. `docs/drift.md` tells the story.

A window is drift when its adjusted p-value is below the threshold. That value starts from the raw p-value of the test
and is made larger, never smaller: for the finite reference, for the number of features, for looking again and again,
for effects too small to matter. Distances and p-values are floats or arrays, so that the detector (one window) and
the simulation (a year of windows) run the same code.
"""

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri
from scipy.stats import kstwo

from contract.drift import DriftSettings

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

YEAR: Final = 365.25 * 24 * 3600.0
"""Seconds."""

HALF_SIGMA: Final = 0.5
"""The shift, in standard deviations, by which it is said what a window can see."""

BAD_REFERENCE: Final = 0.05
"""Share of references that may be such unlucky draws that they exceed the accepted rate."""


def histograms(bins: NDArray[Any], reference_rows: int) -> Counts:
    """How many values of each window (k, n) are in each of the bins 0 to `reference_rows`: (k, reference_rows + 1)."""
    k, width = len(bins), reference_rows + 1
    return np.bincount((bins + np.arange(k)[:, None] * width).ravel(), minlength=k * width).reshape(k, width)


class Places(NamedTuple):
    """Where values are in a sorted reference: how many of its values are below each, and how many at most."""

    below: NDArray[np.intp]
    at_most: NDArray[np.intp]


def places(reference: Floats, values: Floats) -> Places:
    """Places values of any shape. The search takes most of a look's time, so values without ties are searched once.

    Where none is tied, both are the same array.
    """
    below = np.searchsorted(reference, values, "left")
    tied = reference[np.minimum(below, len(reference) - 1)] == values
    if not tied.any():
        return Places(below, below)
    at_most = below.copy()
    at_most[tied] = np.searchsorted(reference, values[tied], "right")
    return Places(below, at_most)


def cumulative_counts(reference_rows: int, found: Places) -> tuple[Counts, Counts]:
    """Values of a window (k, n) that are at most, and below, each value of the sorted reference (m): twice (k, m)."""

    def counts(bins: NDArray[np.intp]) -> Counts:
        return np.cumsum(histograms(bins, reference_rows), axis=1)[:, :reference_rows]

    at_most = counts(found.below)  # a value is at most those that it is not above
    return at_most, at_most if found.at_most is found.below else counts(found.at_most)


def ks_distances(own: Places, at_most: Counts, below: Counts, rows: int) -> Floats:
    """Two-sample Kolmogorov-Smirnov distances, (k,), from `cumulative_counts` of windows of `rows` rows.

    `own` are the reference's values among themselves.
    Both empirical distribution functions are compared at each value of the reference and just below it: between two
    values the reference's is constant and the window's monotone, so the largest difference is at an end (Smirnov
    1939). Equal to `scipy.stats.ks_2samp(...).statistic`, ties included.
    """
    m = len(own.below)
    gap, gap_below = at_most / rows - own.at_most / m, below / rows - own.below / m
    return np.maximum(np.abs(gap).max(axis=1), np.abs(gap_below).max(axis=1))


def ks_p_value(distance: ArrayLike, reference_rows: int, rows: int) -> Floats:
    """Asymptotic two-sided p-value of a two-sample KS distance, as `ks_2samp(method="asymp")` and KSDrift give it.

    Source: Hodges (1958), Arkiv för Matematik 3; survival function of the one-sample statistic (Simard & L'Ecuyer 2011,
    J. Stat. Software 39(11)) at the effective sample size m n / (m + n).
    """
    effective = round(reference_rows * rows / (reference_rows + rows))
    values, where = np.unique(np.round(np.asarray(distance, dtype=float), 12), return_inverse=True)
    return np.clip(kstwo.sf(values, effective), 0.0, 1.0)[where].reshape(np.shape(distance))


def allowance(reference_rows: ArrayLike, features: int, sets: ArrayLike = 1) -> Floats:
    """How far a reference may be from the truth in any of the features, except the unluckiest `BAD_REFERENCE`.

    `sets` is 1 for a distribution function, and for shares the number of categories, bounded one by one.
    """
    ways = 2 * features * np.asarray(sets, dtype=float) / BAD_REFERENCE
    return np.sqrt(np.log(ways) / (2 * np.asarray(reference_rows, dtype=float)))


def reference_p_value(
    distance: ArrayLike, reference_rows: ArrayLike, rows: ArrayLike, features: int, sets: ArrayLike = 1
) -> Floats:
    """Largest p-value of a distance over all references except the unluckiest `BAD_REFERENCE` of them.

    One reference serves a year of windows, so its own sampling error returns in each of them: averaged over
    references the two-sample p-value is right, but an unlucky reference would trigger many times. Massart's bound,
    used twice: the reference is within `allowance` of the truth for all `features` with probability 1 -
    BAD_REFERENCE, and what is left of the distance is the window's own, with P(sup|F_n - F| > d) <= 2 exp(-2 n d^2).
    Source: Dvoretzky, Kiefer & Wolfowitz (1956) with the constant of Massart (1990), Annals of Probability 18(3). The
    same bound holds for the share of each of `sets` categories by itself: Hoeffding (1963), J. Am. Stat. Ass. 58.
    """
    own = np.maximum(0.0, np.asarray(distance, dtype=float) - allowance(reference_rows, features, sets))
    ways = 2 * np.asarray(sets, dtype=float)
    return np.minimum(1.0, ways * np.exp(-2 * np.asarray(rows, dtype=float) * own**2))


def smallest_distance(  # noqa: PLR0917  # the arguments of reference_p_value, and what the level depends on
    settings: DriftSettings,
    reference_rows: ArrayLike,
    rows: ArrayLike,
    features: int,
    elapsed: float,
    sets: ArrayLike = 1,
) -> Floats:
    """The least distance of a window that is published as drift; 1 or more where none can be.

    Rows are effective ones: `reference_p_value` and `alpha` solved for the distance.
    """
    level = float(alpha(settings, features, elapsed))
    if level <= 0:
        return np.full(np.shape(rows), np.inf)
    own = np.sqrt(np.log(2 * np.asarray(sets, dtype=float) / level) / (2 * np.asarray(rows, dtype=float)))
    return np.maximum(settings.min_effect, allowance(reference_rows, features, sets) + own)


def rows_needed(  # noqa: PLR0917  # the arguments of smallest_distance, inverted
    settings: DriftSettings,
    reference_rows: ArrayLike,
    inflated: ArrayLike,
    features: int,
    elapsed: float,
    sets: ArrayLike = 1,
) -> Floats:
    """Rows of a window that would show a shift of half a standard deviation as drift; infinite where none would.

    Of use where the window is smaller: a larger one is looked at less often and may spend more on each look, so that
    many rows suffice, and slightly fewer may.
    """
    shown = 2 * ndtr(HALF_SIGMA / 2) - 1
    level = float(alpha(settings, features, elapsed))
    own = shown - allowance(reference_rows, features, sets)
    if level <= 0 or shown < settings.min_effect:
        return np.full(np.shape(own), np.inf)
    independent = np.log(2 * np.asarray(sets, dtype=float) / level) / (2 * np.where(own > 0, own, np.nan) ** 2)
    return np.nan_to_num(np.ceil(independent * np.asarray(inflated, dtype=float)), nan=np.inf)


def deviations(distance: ArrayLike) -> Floats:
    """The shift of a normal feature's mean, in standard deviations, that has this KS distance."""
    return 2 * ndtri((1 + np.minimum(1.0, np.asarray(distance, dtype=float))) / 2)


def alpha(settings: DriftSettings, tests: int, elapsed: ArrayLike) -> Floats:
    """Significance level of each of `tests` tests on a window that closed `elapsed` seconds after the one before.

    The yearly allowance of false drift events is spent evenly over calendar time and shared by the tests.
    Expectations add up whatever the dependence, so sum(alpha) * tests is the expected number of false events: the
    dial, at any rate of windows. Never above the threshold itself. Source: spending over calendar time, Lan & DeMets
    (1983), Biometrika 70(3), and (1989), Statistics in Medicine 8(10); the sum as the error counted, Spjøtvoll
    (1972), Annals of Mathematical Statistics 43(2).
    """
    seconds = np.asarray(elapsed, dtype=float)
    share = np.where(seconds >= 0.001, seconds, 0.0) / YEAR  # event times have milliseconds
    return np.minimum(settings.p_value, settings.false_retrains_per_year * share / tests)


def adjusted_p_value(
    p_value: ArrayLike, effect: ArrayLike, tests: int, elapsed: ArrayLike, settings: DriftSettings
) -> Floats:
    """The p-value to publish: below `settings.p_value` exactly when `p_value` is below `alpha` and the effect matters.

    Bonferroni's multiplication, inverted: p * threshold / alpha, at most 1; 1 below the effect floor, and 1 when
    no time has passed. Monotone in p, never smaller than p, always a number that JSON can carry.
    Source of adjusted p-values: Wright (1992), Biometrics 48(4).
    """
    level = alpha(settings, tests, elapsed)
    with np.errstate(divide="ignore", invalid="ignore"):
        scaled = np.asarray(p_value, dtype=float) * (settings.p_value / level)
    matters = (np.asarray(effect) >= settings.min_effect) & (level > 0)
    return np.where(matters, np.minimum(1.0, scaled), 1.0)


def permutations_needed(settings: DriftSettings, elapsed: float) -> int:
    """Permutations that let the smallest possible p-value, 1 / (B + 1), be below `alpha` for one test.

    Source: Phipson & Smyth (2010), Statistical Applications in Genetics and Molecular Biology 9(1): p-values of
    permutation tests are never zero.
    """
    level = float(alpha(settings, 1, elapsed))
    return int(1 / level) + 1 if level > 0 else 0
