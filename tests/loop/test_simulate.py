"""The simulation: the dial holds, a drift is found, and the command speaks to its user."""

import sys
from datetime import timedelta

import numpy as np
import pytest
from scipy.stats import ks_2samp

from benchmarks import simulate
from benchmarks.simulation import Scenario, delays, distances, retrain, year
from contract.drift import DriftSettings

SCENARIO = Scenario(DriftSettings(features=("a", "b")), predictions_per_hour=100)
OURS, SLIDING = "this detector", "naive p < threshold, sliding"


def test_without_drift_the_dial_holds_where_the_naive_detector_retrains_all_the_time() -> None:
    random = np.random.default_rng(1)
    years = [year(SCENARIO, random) for _ in range(3)]
    assert sum(outcomes[OURS].retrains for outcomes in years) <= 3
    assert min(outcomes[SLIDING].retrains for outcomes in years) > 10


def test_half_a_sigma_is_found_within_two_windows() -> None:
    late = delays(SCENARIO, 0.5, 50, np.random.default_rng(2))
    assert np.quantile(late[OURS], 0.95) <= 2 * 10 * 3600
    assert np.median(late[SLIDING]) < np.median(late[OURS])


def test_no_shift_is_found_by_nobody_who_keeps_the_dial() -> None:
    assert np.isinf(delays(SCENARIO, 0.0, 30, np.random.default_rng(3))[OURS]).all()


def test_simulated_distances_are_distributed_as_those_of_drawn_samples() -> None:
    random = np.random.default_rng(4)
    scenario = Scenario(DriftSettings(features=("a",), window=200), reference_rows=100)
    simulated = [distances(scenario, 4, 1, random, onset=0.0, shift=0.3)[0, 0] for _ in range(400)]
    drawn = [
        ks_2samp(random.standard_normal(100), random.standard_normal(200) + 0.3, method="asymp").statistic
        for _ in range(400)
    ]
    assert ks_2samp(simulated, drawn).pvalue > 0.001


def test_refusals_are_those_of_the_cooldown() -> None:
    drifted = np.array([[True, False], [True, True], [False, False], [True, False]])
    scenario = Scenario(DriftSettings(features=("a", "b")), cooldown=timedelta(hours=5))
    outcome = retrain(scenario, drifted, 3600.0)
    assert (outcome.events, outcome.retrains, outcome.refused) == (4, 1, 3)


def test_the_table_is_the_same_for_the_same_seed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["simulate", "--features", "2", "--predictions-per-hour", "50", "--trials", "5"]
    monkeypatch.setattr(sys, "argv", arguments)
    assert simulate.main() == 0
    first = capsys.readouterr().out
    assert "false retrains/year" in first
    assert simulate.main() == 0
    assert capsys.readouterr().out == first


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--window", "10"], "--window is 10; it must be at least 30 rows."),
        (["--false-retrains-per-year", "0"], "--false-retrains-per-year is 0.0; it must be above 0."),
        (["--features", "0"], "--features is 0; it must be at least 1."),
        (["--test", "mmd"], "--test mmd cannot be simulated: its permutations would take hours; the detector runs it."),
    ],
)
def test_a_setting_out_of_range_is_one_sentence(
    arguments: list[str], why: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["simulate", *arguments])
    with pytest.raises(SystemExit, match="2"):
        simulate.main()
    assert capsys.readouterr().err.splitlines()[-1] == f"python3 -m benchmarks.simulate: error: {why}"


@pytest.mark.parametrize(
    ("events", "years", "low", "high"),
    [(0, 1, 0.0, 3.689), (1, 1, 0.025, 5.572), (10, 1, 4.795, 18.39), (10, 10, 0.4795, 1.839)],
)
def test_the_interval_of_a_rate_is_the_exact_one_of_its_count(events: int, years: int, low: float, high: float) -> None:
    assert simulate.interval(events, years) == pytest.approx((low, high), rel=1e-3, abs=1e-3)
