"""What dependent rows are worth, and the columns that have broken."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import lfilter

from loop.drift.column import ReferenceColumn, filled
from loop.drift.dependence import LEAST_EFFECTIVE, inflation_of, ranks, too_dependent
from loop.drift.statistics import places


def process(half_life: float, rows: int, windows: int, seed: int) -> NDArray[np.float64]:
    """Windows of one stationary process, each row of which depends on the one before."""
    phi = 0.5 ** (1 / half_life) if half_life else 0.0
    noise = np.random.default_rng(seed).standard_normal(rows * windows)
    return np.asarray(lfilter([np.sqrt(1 - phi**2)], [1, -phi], noise)).reshape(windows, rows)


def shown(reference: NDArray[np.float64], windows: NDArray[np.float64]) -> NDArray[np.float64]:
    """What windows beside a sorted reference show of their dependence."""
    return inflation_of(ranks(len(reference), places(reference, windows)))


def inflated(half_life: float, seed: int = 1) -> NDArray[np.float64]:
    reference = np.sort(np.random.default_rng(seed).standard_normal(10_000))
    return shown(reference, process(half_life, 1000, 200, seed))


def test_independent_rows_keep_most_of_their_worth() -> None:
    assert np.median(1000 / inflated(0)) > 750


@pytest.mark.parametrize("half_life", [1, 3, 10])
def test_dependent_rows_are_worth_what_theory_says_and_rather_less(half_life: float) -> None:
    phi = 0.5 ** (1 / half_life)
    assert 0.9 < np.median(inflated(half_life)) / ((1 + phi) / (1 - phi)) < 1.6


@pytest.mark.parametrize("half_life", [100, 1000, 10_000])
def test_where_the_rows_are_worth_too_little_nothing_is_said(half_life: float) -> None:
    found = inflated(half_life)
    assert np.mean([too_dependent(1000, each) for each in found]) > 0.99
    assert not too_dependent(1000, 1000 / LEAST_EFFECTIVE / 1.01)


def test_a_drift_that_begins_within_the_window_is_no_dependence() -> None:
    reference = np.sort(np.random.default_rng(1).standard_normal(10_000))
    windows = process(0, 1000, 200, 2)
    windows[:, 500:] += 0.5
    assert np.median(1000 / shown(reference, windows)) > 600


def test_a_monotone_change_of_scale_changes_nothing() -> None:
    reference, windows = np.random.default_rng(1).standard_normal(1000), process(10, 500, 5, 3)
    plain = shown(np.sort(reference), windows)
    np.testing.assert_array_equal(plain, shown(np.exp(np.sort(reference)), np.exp(windows)))


def test_a_spread_that_comes_in_bursts_is_dependence_though_the_level_is_not() -> None:
    calm = np.random.default_rng(1).standard_normal((1, 1000))
    burst = calm * np.repeat(np.tile([0.2, 3.0], 5), 100)
    reference = np.sort(burst[0])
    assert shown(reference, burst)[0] > 5


def test_an_ordered_reference_that_is_dependent_is_worth_less_and_says_so_of_the_window() -> None:
    ordered = process(50, 5000, 1, 4)[0]
    shuffled = np.asarray(np.random.default_rng(1).permutation(ordered), dtype=np.float64)
    assert ReferenceColumn(ordered).effective_rows < 200
    assert ReferenceColumn(shuffled).effective_rows > 3000
    fresh = np.random.default_rng(2).standard_normal(1000)
    assert ReferenceColumn(ordered).inflation(fresh) > 20


@pytest.mark.parametrize(
    ("window", "why"),
    [
        ([np.nan] * 100, "no row has a value"),
        ([7.5] * 100, "all rows have the value 7.5"),
        ([0.0] * 100, ""),
        ([0.0] * 99 + [7.5], ""),
        ([np.nan] * 99 + [7.5], ""),
    ],
)
def test_a_column_is_broken_when_it_has_one_value_that_it_rarely_had(window: list[float], why: str) -> None:
    rare = np.random.default_rng(1).permutation([0.0] * 990 + [7.5] * 10)
    assert ReferenceColumn(rare).broken(filled(np.array(window))) == why


def test_a_column_that_was_mostly_missing_is_not_broken_where_it_is_missing() -> None:
    sparse = np.array([np.nan] * 990 + [1.0] * 10)
    column = ReferenceColumn(np.random.default_rng(1).permutation(sparse))
    assert column.broken(filled(np.array([np.nan] * 100))) == ""
