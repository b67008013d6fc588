"""The statistics against SciPy, and the properties that the published p-value promises."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ks_2samp

from contract.drift import DriftSettings
from loop.drift.statistics import (
    BAD_REFERENCE,
    HALF_SIGMA,
    YEAR,
    adjusted_p_value,
    alpha,
    cumulative_counts,
    deviations,
    ks_distances,
    ks_p_value,
    permutations_needed,
    places,
    reference_p_value,
    rows_needed,
    smallest_distance,
)

SETTINGS = DriftSettings(features=("a", "b", "c", "d", "e"))
HOUR = 3600.0


def distances(reference: np.ndarray, windows: np.ndarray) -> np.ndarray:
    reference = np.sort(reference)
    counts = cumulative_counts(len(reference), places(reference, windows))
    return ks_distances(places(reference, reference), *counts, windows.shape[1])


@settings(deadline=None)
@given(
    st.lists(st.integers(-4, 4), min_size=1, max_size=40),
    st.lists(st.integers(-4, 4), min_size=1, max_size=40),
)
def test_distance_is_scipys_with_ties_too(reference: list[int], window: list[int]) -> None:
    expected = ks_2samp(reference, window, method="asymp").statistic
    assert distances(np.array(reference, float), np.array([window], float))[0] == pytest.approx(expected, abs=1e-12)


@settings(deadline=None)
@given(st.lists(st.integers(-4, 4), min_size=1, max_size=40), st.lists(st.integers(-5, 5), min_size=1, max_size=40))
def test_values_without_ties_need_only_one_search(reference: list[int], window: list[int]) -> None:
    ordered, values = np.sort(np.array(reference, float)), np.array([window], float)
    found = places(ordered, values)
    np.testing.assert_array_equal(found.below, np.searchsorted(ordered, values, "left"))
    np.testing.assert_array_equal(found.at_most, np.searchsorted(ordered, values, "right"))


@pytest.mark.parametrize("tied", [0, 1])
def test_values_are_counted_once_where_none_is_tied(tied: int) -> None:
    random = np.random.default_rng(1)
    reference, windows = np.sort(random.standard_normal(333)), random.standard_normal((20, 100))
    windows[:tied, :tied] = reference[5]
    at_most, below = cumulative_counts(333, places(reference, windows))
    assert (at_most is below) == (not tied)
    found = ks_distances(places(reference, reference), at_most, below, 100)
    assert found == pytest.approx([ks_2samp(reference, each).statistic for each in windows])


@pytest.mark.parametrize(("m", "n"), [(1000, 1000), (1000, 500), (200, 333)])
def test_p_value_is_scipys(m: int, n: int) -> None:
    random = np.random.default_rng(2)
    for shift in (0.0, 0.2, 0.6):
        reference, window = random.standard_normal(m), random.standard_normal(n) + shift
        expected = ks_2samp(reference, window, method="asymp")
        assert ks_p_value(expected.statistic, m, n) == pytest.approx(expected.pvalue, rel=1e-9)


@settings(max_examples=300)
@given(
    p=st.floats(0, 1),
    effect=st.floats(0, 1),
    tests=st.integers(1, 50),
    elapsed=st.floats(-10, 2 * YEAR),
    dial=st.floats(0.01, 50),
)
def test_published_value_is_below_the_threshold_exactly_when_the_decision_is_drift(
    p: float, effect: float, tests: int, elapsed: float, dial: float
) -> None:
    chosen = replace(SETTINGS, false_retrains_per_year=dial)
    level = float(alpha(chosen, tests, elapsed))
    published = float(adjusted_p_value(p, effect, tests, elapsed, chosen))
    assert np.isfinite(published)
    assert p <= published <= 1
    if p < level * (1 - 1e-9) and effect >= chosen.min_effect:
        assert published < chosen.p_value
    if p > level * (1 + 1e-9) or effect < chosen.min_effect:
        assert published >= chosen.p_value


def test_published_value_grows_with_the_raw_one() -> None:
    published = adjusted_p_value(np.logspace(-12, 0, 200), 0.3, 5, HOUR, SETTINGS)
    assert (np.diff(published) >= 0).all()


@given(st.lists(st.floats(0, 30 * 24 * HOUR), min_size=1, max_size=200))
def test_what_is_spent_in_a_year_never_exceeds_the_dial_at_any_rate_of_windows(gaps: list[float]) -> None:
    spent = 5 * float(alpha(SETTINGS, 5, np.array(gaps)).sum())
    assert spent <= SETTINGS.false_retrains_per_year * sum(gaps) / YEAR * (1 + 1e-9)


def test_significant_but_tiny_effects_are_no_drift() -> None:
    assert adjusted_p_value(1e-300, 0.0999, 5, HOUR, SETTINGS) == 1.0
    assert adjusted_p_value(1e-300, 0.1, 5, HOUR, SETTINGS) < SETTINGS.p_value


@pytest.mark.parametrize("inflated", [1.0, 3.0])
def test_the_window_that_half_a_standard_deviation_takes_sees_it_and_no_smaller_one_does(inflated: float) -> None:
    needed = float(rows_needed(SETTINGS, 1000, inflated, 5, HOUR))
    for rows, seen in ((needed, True), (needed - 2 * inflated, False)):
        least = float(deviations(smallest_distance(SETTINGS, 1000, rows / inflated, 5, HOUR)))
        assert (least <= HALF_SIGMA) == seen, f"{rows} rows see {least} sigma"


def test_no_window_sees_through_a_reference_of_a_few_rows_nor_below_the_least_effect() -> None:
    assert np.isinf(rows_needed(SETTINGS, 30, 1.0, 5, HOUR))
    assert np.isinf(rows_needed(DriftSettings(features=("a",), min_effect=0.3), 10_000, 1.0, 1, HOUR))


def test_windows_that_end_at_the_same_moment_spend_nothing() -> None:
    assert adjusted_p_value(0.0, 0.9, 5, 0.0, SETTINGS) == 1.0


def test_bound_over_references_holds_for_most_references_where_the_plain_p_value_does_not() -> None:
    """False-positive rates over 2000 windows without drift, for each of 80 references, at level 0.005."""
    random, level, m, n = np.random.default_rng(3), 0.005, 200, 200
    windows = random.random((2000, n))
    plain, bounded = [], []
    for _ in range(80):
        reference = np.sort(random.random(m))
        counts = cumulative_counts(m, places(reference, windows))
        found = ks_distances(places(reference, reference), *counts, n)
        plain.append((ks_p_value(found, m, n) < level).mean())
        bounded.append((reference_p_value(found, m, n, 1) < level).mean())
    assert np.mean(np.array(bounded) > level) <= BAD_REFERENCE, "more references break the dial than may"
    assert max(plain) > 3 * level, "the bound would not be needed"


def test_enough_permutations_are_asked_for_to_reach_the_level() -> None:
    needed = permutations_needed(SETTINGS, HOUR)
    assert needed == 8767
    assert 1 / (needed + 1) < alpha(SETTINGS, 1, HOUR)
    assert permutations_needed(SETTINGS, 0.0) == 0
