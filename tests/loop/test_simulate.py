"""The simulation: the dial holds, a drift is found, and the command speaks to its user."""

import sys
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import ks_2samp

from benchmarks import dependence, simulate, streams
from benchmarks.simulation import RULES, Scenario, delays, interval, outcome, retrain, year
from contract.drift import DriftSettings
from loop.drift.column import Floats, ReferenceColumn
from loop.drift.univariate import Confirmed, Univariate

SCENARIO = Scenario(DriftSettings(features=("a", "b")), predictions_per_hour=100)
OURS, WHOLE, NAIVE = RULES[0], RULES[1], RULES[3]


def unconfirmed(_at: int, _placed: Floats) -> Confirmed:
    """A library's test that never objects."""
    return Confirmed(0, 0)


def test_without_drift_the_dial_holds_where_the_naive_detector_retrains_all_the_time() -> None:
    random = np.random.default_rng(1)
    years = [year(SCENARIO, random) for _ in range(3)]
    assert sum(outcome(SCENARIO, OURS, each).retrains for each in years) <= 3
    assert min(outcome(SCENARIO, NAIVE, each).retrains for each in years) > 10


def test_half_a_sigma_is_found_within_two_windows_and_sooner_where_they_slide() -> None:
    late = delays(SCENARIO, 0.5, 50, np.random.default_rng(2))
    assert np.quantile(late[OURS.name], 0.95) <= 2 * 10 * 3600
    assert np.median(late[NAIVE.name]) < np.median(late[OURS.name]) < np.median(late[WHOLE.name])


def test_no_shift_is_found_by_nobody_who_keeps_the_dial() -> None:
    assert np.isinf(delays(SCENARIO, 0.0, 30, np.random.default_rng(3))[OURS.name]).all()


def test_each_look_of_a_stream_is_what_the_detector_says_of_that_window_alone() -> None:
    settings, random = DriftSettings(features=("a", "b"), window=200, every=50), np.random.default_rng(4)
    reference, stream = random.standard_normal((150, 2)), np.cumsum(random.standard_normal((620, 2)), axis=0) / 20
    compared = streams.compare(settings, reference, stream)
    columns = [ReferenceColumn(each) for each in reference.T]
    assert len(compared.distances) == 9
    for look in range(9):
        window = stream[look * 50 : look * 50 + 200]
        said = Univariate(settings, columns, unconfirmed)(window, 3600.0)
        assert [each.effect for each in said] == pytest.approx(compared.distances[look], abs=1e-6)
        assert [each.effective_rows for each in said] == pytest.approx(compared.effective_rows[look])
        assert [bool(each.reason) for each in said] == compared.blind[look].tolist()
        plain = [ks_2samp(*pair, method="asymp").pvalue for pair in zip(reference.T, window.T, strict=True)]
        assert compared.naive[look] == pytest.approx(plain, rel=1e-6)
        assert compared.p_values[look] == pytest.approx(np.maximum([each.p_value for each in said], plain), rel=1e-6)


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
    said = run(monkeypatch, capsys, *recorded(tmp_path / "rows.csv", shift=1.0), "--every", "500").splitlines()
    assert said[0] == "this detector            3 of 13 looks drift, 1 retrains"
    assert said[2] == "looks worth too few independent rows: 0%"
    assert said[3:] == [f"rows {first} to {first + 499}: price" for first in (6001, 6501, 7001)]
    said = run(monkeypatch, capsys, *recorded(tmp_path / "rows.csv", shift=1.0)).splitlines()
    assert said[0] == "this detector           11 of 49 looks drift, 1 retrains"
    assert said[3] == "rows 5751 to 6250: price"
    said = run(monkeypatch, capsys, *recorded(tmp_path / "rows.csv", shift=0.0)).splitlines()
    assert said[0] == "this detector            0 of 49 looks drift, 0 retrains"


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


def test_rows_that_depend_on_each_other_keep_the_dial_which_the_naive_rule_breaks_all_the_time() -> None:
    scenario = Scenario(DriftSettings(features=("a",)), predictions_per_hour=50, half_life=10)
    lines = dependence.lines(scenario, dials=[1, 12], years=2)
    for line, dial in zip(lines, ("1", "12"), strict=True):
        features, half_life, said, years, rate, worst, naive, _ = [cell.strip() for cell in line.strip("|").split("|")]
        assert (features, half_life, said, years, worst) == ("1", "10", dial, "2", "0"), rate
        assert int(naive) > 100


@pytest.mark.parametrize(
    ("half_life", "sees", "blind"),
    [
        ("0", "the smallest shift it sees is 0.27 sigma, and 0.27 in a feature", "0%"),
        ("10", "sigma in a feature beside so few reference rows", ""),
        ("1000", "it sees nothing in a feature (1000 rows are worth 0 independent ones)", "100%"),
    ],
)
def test_the_command_says_first_what_rows_that_depend_on_each_other_can_show(
    half_life: str, sees: str, blind: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--autocorrelation", half_life, "--features", "1", "--predictions-per-hour", "50", "--trials", "5"]
    said = run(monkeypatch, capsys, *arguments).splitlines()
    assert sees in said[2]
    assert said[3].startswith(f"Looks worth too few independent rows: {blind}")


def test_a_stationary_process_forgets_half_of_itself_in_its_half_life() -> None:
    rows = streams.autoregressive(200_000, 10, np.random.default_rng(6))
    assert np.std(rows) == pytest.approx(1, abs=0.03)
    assert np.corrcoef(rows[:-10], rows[10:])[0, 1] == pytest.approx(0.5, abs=0.03)


def test_rows_of_a_long_half_life_are_worth_no_verdict_and_independent_ones_are() -> None:
    settings = DriftSettings(features=("a",))
    scenarios = [Scenario(settings, predictions_per_hour=20, half_life=each) for each in (0, 100)]
    assert [year(each, np.random.default_rng(7)).blind.mean() for each in scenarios] == [0, 1]
