"""The detector's tests with alibi-detect itself: run in the environment of the detector's image."""

from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import lfilter
from scipy.stats import chi2_contingency

from contract.drift import DriftSettings, DriftTest
from contract.messages import EventKind
from loop.drift.alibi import Library, MMDDriftNumpy, make
from loop.drift.column import CategoryColumn, ReferenceColumn
from loop.drift.comparison import Compare
from loop.drift.decision import known, sight
from loop.drift.statistics import alpha, deviations, ks_p_value, reference_p_value

HOUR = 3600.0


def sample(rows: int, seed: int, shift: float = 0.0) -> NDArray[np.float64]:
    found = np.random.default_rng(seed).normal(size=(rows, 3))
    found[:, 0] += shift
    return found


def ready(settings: DriftSettings, reference: NDArray[np.float64]) -> Compare:
    """A test that takes windows as they come."""
    columns = [ReferenceColumn(values) for values in reference.T]
    compare = make(settings, columns)
    return lambda window, elapsed: compare(
        np.stack([column.placed(values) for column, values in zip(columns, window.T, strict=True)], axis=1), elapsed
    )


def data_of(answer: object) -> dict[str, Any]:
    """alibi-detect has the types of its answers wrong."""
    return cast("dict[str, dict[str, Any]]", answer)["data"]


@pytest.mark.parametrize("shift", [0.0, 0.2, 0.5])
@pytest.mark.parametrize("rows", [30, 333, 1000])
def test_ksdrift_and_the_simulations_statistics_agree(rows: int, shift: float) -> None:
    reference, window = sample(1000, 1), sample(rows, 2, shift)
    library = Library([ReferenceColumn(values) for values in reference.T])
    for column in range(3):
        said = library(column, window[:, column])
        own, values = ReferenceColumn(reference[:, column]), window[None, :, column]
        distance = own.distances(values, own.places(values))
        assert said.distance == pytest.approx(distance[0], abs=1e-6)
        assert said.p_value == pytest.approx(ks_p_value(distance, 1000, rows)[0], rel=1e-5, abs=1e-37)


def test_chisquaredrift_is_asked_of_categories_the_unseen_ones_included() -> None:
    random = np.random.default_rng(1)
    column = CategoryColumn(random.choice([1.0, 2.0, 3.0], size=1000), {})
    placed = column.placed(random.choice([1.0, 2.0, 9.0], size=500))
    table = [
        np.bincount(each.astype(int), minlength=column.sets)[: column.sets - 1] for each in (column.values, placed)
    ]
    said = Library([column])(0, placed)
    assert said.p_value == pytest.approx(chi2_contingency(table)[1], rel=1e-5, abs=1e-37)
    window = np.full((500, 1), placed[:, None])
    (outcome,) = make(DriftSettings(features=("a",)), [column])(window, HOUR)
    assert outcome.p_value >= reference_p_value(outcome.effect, column.effective_rows, 500, 1, column.sets) > 0
    assert outcome.effect == pytest.approx(1 / 3, abs=0.05)


def test_ks_names_each_feature_and_gives_the_larger_of_both_p_values() -> None:
    reference, window = sample(1000, 1), sample(1000, 2, 0.5)
    outcomes = ready(DriftSettings(features=("a", "b", "c")), reference)(window, HOUR)
    assert [outcome.feature for outcome in outcomes] == ["a", "b", "c"]
    for outcome in outcomes:
        assert outcome.p_value >= reference_p_value(outcome.effect, 1000, 1000, 3)
        assert outcome.p_value >= ks_p_value(outcome.effect, 1000, 1000) * (1 - 1e-5)
    assert outcomes[0].p_value < 1e-9 < outcomes[1].p_value


def test_mmd_is_that_of_upstreams_tensorflow_backend() -> None:
    """0.020882905 is what MMDDrift(backend="tensorflow") of alibi-detect 0.11.4 gives for these samples."""
    random = np.random.default_rng(0)
    reference = random.normal(size=(1000, 5)).astype("float32")
    window = random.normal(size=(1000, 5)).astype("float32")
    window[:, 0] += 0.5
    data = data_of(MMDDriftNumpy(reference, 0.05, lambda rows: rows).predict(window))
    assert data["distance"] == pytest.approx(0.020882905, abs=1e-6)
    assert data["p_val"] == pytest.approx(1 / 101)


def test_mmd_sees_a_changed_correlation_that_no_single_feature_shows() -> None:
    random = np.random.default_rng(5)
    reference, window = random.normal(size=(500, 2)), random.normal(size=(500, 2))
    window[:, 1] = 0.9 * window[:, 0] + np.sqrt(1 - 0.9**2) * window[:, 1]
    settings = DriftSettings(features=("a", "b"), test=DriftTest.MMD)
    (outcome,) = ready(settings, reference)(window, HOUR)
    assert outcome.feature == "*"
    assert outcome.p_value == pytest.approx(1 / 8768), "as small as the hour's level needs it, by more permutations"
    assert outcome.effect > settings.min_effect
    assert all(o.p_value > 0.01 for o in ready(DriftSettings(features=("a", "b")), reference)(window, HOUR))


def test_mmd_p_values_are_uniform_enough_without_drift() -> None:
    random, below = np.random.default_rng(6), 0
    for _ in range(200):
        below += (
            MMDDriftNumpy(random.normal(size=(60, 2)), 0.05, lambda x: x).score(random.normal(size=(60, 2)))[0] <= 0.1
        )
    assert 8 <= below <= 36, "P(p <= 0.1) is not about 0.1"


def test_features_of_any_scale_and_constant_ones_count_alike() -> None:
    reference, window = sample(300, 1), sample(300, 2, 0.7)
    settings = DriftSettings(features=("a", "b", "c"), test=DriftTest.MMD)
    scale = np.array([1e6, 1e-6, 1.0])
    plain, scaled = (
        ready(settings, reference)(window, HOUR),
        ready(settings, reference * scale)(window * scale, HOUR),
    )
    assert scaled[0].effect == pytest.approx(plain[0].effect, rel=1e-6)


def test_a_constant_reference_is_left_by_a_window_that_moves_and_not_by_one_that_does_not() -> None:
    settings, constant = DriftSettings(features=("a", "b", "c"), test=DriftTest.MMD), np.ones((300, 3))
    test = ready(settings, constant)
    assert test(constant, HOUR)[0].effect == 0
    (moved,) = test(constant + 2, HOUR)
    assert moved.effect > settings.min_effect
    assert moved.p_value < 0.001


def test_the_same_window_gives_the_same_p_value_whenever_it_is_asked() -> None:
    reference, window = sample(300, 1), sample(300, 2, 0.2)
    test = ready(DriftSettings(features=("a", "b", "c"), test=DriftTest.MMD), reference)
    assert test(window, HOUR) == test(window, HOUR)


def walk(rows: int, seed: int, half_life: float = 100) -> NDArray[np.float64]:
    """A process that wanders about its mean: nothing drifts, and each row resembles the one before."""
    phi = 0.5 ** (1 / half_life)
    noise = np.random.default_rng(seed).normal(size=(rows, 3)) * np.sqrt(1 - phi**2)
    return np.asarray(lfilter([1.0], [1.0, -phi], noise, axis=0))


@pytest.mark.parametrize("test", list(DriftTest))
def test_rows_that_depend_on_each_other_are_worth_few_and_no_drift_is_said_of_them(test: DriftTest) -> None:
    settings = DriftSettings(features=("a", "b", "c"), test=test)
    outcomes = ready(settings, sample(1000, 1))(walk(1000, 2), HOUR)
    for outcome in outcomes:
        assert outcome.effective_rows is not None
        assert outcome.effective_rows < 25
        assert outcome.reason.startswith("1000 rows are worth ")
        assert outcome.kind is EventKind.DRIFT


def test_a_share_of_missing_values_that_changes_is_the_features_distance() -> None:
    reference, window = sample(1000, 1), sample(1000, 2)
    reference[::10, :2] = np.nan
    window[::10, 1] = np.nan
    window[::3, 0] = np.nan
    settings = DriftSettings(features=("a", "b", "c"))
    found = ready(settings, reference)(window, HOUR)
    assert found[0].effect == pytest.approx(0.334 - 0.1, abs=0.04)
    assert [outcome.p_value < 1e-9 for outcome in found] == [True, False, False]
    assert all(outcome.reason == "" for outcome in found)
    assert ready(settings, reference)(reference, HOUR)[0].effect == 0


@pytest.mark.parametrize("value", [np.nan, 0.0, 1e6])
def test_a_column_with_one_value_only_is_a_broken_feed_and_no_drift(value: float) -> None:
    window = sample(1000, 2)
    window[:, 1] = value
    settings = DriftSettings(features=("a", "b", "c"))
    found = ready(settings, sample(1000, 1))(window, HOUR)
    assert [outcome.kind for outcome in found] == [EventKind.DRIFT, EventKind.QUALITY, EventKind.DRIFT]
    assert found[1].reason
    (together,) = ready(replace(settings, test=DriftTest.MMD), sample(300, 1))(window, HOUR)
    assert together.kind is EventKind.QUALITY
    assert together.reason.startswith("b: ")


def test_a_sample_says_how_small_a_shift_it_sees() -> None:
    settings, reference = DriftSettings(features=("a", "b", "c")), sample(10_000, 1)
    found = ready(settings, reference)(sample(1000, 2), HOUR)
    assert 0.2 < float(deviations(found[0].smallest or 1.0)) < 0.35
    assert "the smallest shift it sees is 0." in sight(found)
    shifted = ready(settings, reference)(
        sample(1000, 2, shift=float(deviations(found[0].smallest or 1.0)) + 0.15), HOUR
    )
    level = alpha(settings, 3, HOUR)
    assert shifted[0].p_value < level
    assert "it sees nothing in a (1000 rows are worth " in sight(ready(settings, reference)(walk(1000, 2), HOUR))


@pytest.mark.parametrize("test", list(DriftTest))
@pytest.mark.parametrize(("learned", "kind"), [(0.5, EventKind.KNOWN), (0.0, EventKind.DRIFT), (-0.5, EventKind.DRIFT)])
def test_a_shift_is_known_to_the_reference_that_has_it(test: DriftTest, learned: float, kind: EventKind) -> None:
    settings, window = DriftSettings(features=("a", "b", "c"), test=test), sample(1000, 2, 0.5)
    production, staging = (ready(settings, sample(1000, seed, shift)) for seed, shift in ((1, 0.0), (3, learned)))
    found = known(production(window, HOUR), staging(window, HOUR), "5", HOUR, settings)
    assert [outcome.kind for outcome in found] == [kind, *(EventKind.DRIFT for _ in found[1:])]
