"""The simulation: the dial holds, a drift is found, and the command speaks to its user."""

import sys
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import ks_2samp

from benchmarks import dependence, simulate, streams
from benchmarks.simulation import Scenario, delays, distances, interval, retrain, year
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
        (["--autocorrelation", "-1"], "--autocorrelation is -1.0; it must be at least 0."),
        (["--stream", "/no/such"], "--stream: [Errno 2] No such file or directory: '/no/such'"),
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
    assert interval(events, years) == pytest.approx((low, high), rel=1e-3, abs=1e-3)


def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    monkeypatch.setattr(sys, "argv", ["simulate", *arguments])
    assert simulate.main() == 0
    return capsys.readouterr().out


def recorded(path: Path, shift: float) -> list[str]:
    """Writes 13 windows' rows, the last three of which have another mean in one of two features."""
    rows = np.random.default_rng(5).standard_normal((1000 + 13 * 500, 2))
    rows[-1500:, 1] += shift
    lines = [",".join(map(str, row)) for row in rows]
    path.write_text("\n".join(["age,price", *lines]), "utf-8")
    return ["--stream", str(path), "--window", "500", "--predictions-per-hour", "250"]


def test_a_recorded_stream_is_played_and_its_drift_is_found_where_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = run(monkeypatch, capsys, *recorded(tmp_path / "rows.csv", shift=1.0)).splitlines()
    assert said[0] == "this detector            3 of 13 windows drift, 1 retrains"
    assert said[2] == "windows worth too few independent rows: 0%"
    assert said[3:] == [f"rows {first} to {first + 499}: price" for first in (6001, 6501, 7001)]
    said = run(monkeypatch, capsys, *recorded(tmp_path / "rows.csv", shift=0.0)).splitlines()
    assert said[0] == "this detector            0 of 13 windows drift, 0 retrains"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "must have a header and finite numbers, or nothing, in each cell"),
        ("a,b\n1,x\n", "must be CSV with a header and as many numbers in each row: could not convert"),
        ("a,b\n1\n", "must be CSV with a header and as many numbers in each row: "),
        ("a\ninf\n", "must have a header and finite numbers, or nothing, in each cell"),
        ("a\n1\n", "has 1 rows, fewer than the reference and one window need"),
    ],
)
def test_a_stream_that_cannot_be_played_is_one_sentence(
    text: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(text, "utf-8")
    monkeypatch.setattr(sys, "argv", ["simulate", "--stream", str(path)])
    with pytest.raises(SystemExit, match="2"):
        simulate.main()
    assert why in capsys.readouterr().err


def test_rows_that_depend_on_each_other_keep_the_dial_which_the_naive_rule_breaks_all_the_time(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--autocorrelation", "10", "--features", "1", "--predictions-per-hour", "50", "--years", "2"]
    line = run(monkeypatch, capsys, *arguments).splitlines()[-1]
    half_life, dial, rate, worst, naive, _blind = [cell.strip() for cell in line.strip("|").split("|")]
    assert (half_life, dial, worst) == ("10", "1", "0"), rate
    assert int(naive) > 100


def test_a_stationary_process_forgets_half_of_itself_in_its_half_life() -> None:
    rows = streams.autoregressive(200_000, 1, 10, np.random.default_rng(6))[:, 0]
    assert np.std(rows) == pytest.approx(1, abs=0.03)
    assert np.corrcoef(rows[:-10], rows[10:])[0, 1] == pytest.approx(0.5, abs=0.03)


def test_rows_of_a_long_half_life_are_worth_no_verdict_and_independent_ones_are() -> None:
    scenario = Scenario(DriftSettings(features=("a",)), predictions_per_hour=20)
    blind = [dependence.year(scenario, half_life, np.random.default_rng(7)).blind.mean() for half_life in (0, 100)]
    assert blind == [0, 1]
