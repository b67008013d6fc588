"""The gate by the rows that were measured: what chance explains, and what is worse for a group."""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from bench import DATA, Bench

from contract.gate import Criterion, Direction, Slices, to_json
from contract.names import GateResult, Measured
from loop.training import rows
from loop.training.chance import Pair
from loop.training.gate import Evaluation, decide
from loop.training.step import TrainingError

AUC = Criterion(metric="auc", bound=0.5)
NO_ROWS = (
    "the evaluate command must write the evaluated rows to $ML_LOOP_OUTPUT/rows.csv, as gate.slices compares auc row "
    "by row: it wrote none"
)
OTHER_ROWS = (
    "rows.csv must hold the rows that the metrics were measured on: auc of its rows is 1, and 0.9 in metrics.json"
)
NO_REGION = (
    "rows.csv must know 'region', which gate.slices names: its columns are outcome, prediction; write it as a column, "
    "or a metric as outcome and prediction"
)
BY_REGION = Slices(by=("region",), metric="auc")


def evaluated(noise: float, count: int = 900, seed: int = 1, worse_in: str = "") -> pd.DataFrame:
    """Rows of three regions; `noise` blurs the predictions, and those of one region wholly."""
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"region": random.choice(["north", "south", "west"], count)})
    frame[rows.OUTCOME] = random.integers(0, 2, count)
    blurred = frame[rows.OUTCOME] + noise * np.random.default_rng(seed).normal(size=count)
    lost = frame["region"] == worse_in
    frame[rows.PREDICTION] = np.where(lost, np.random.default_rng(seed).normal(size=count), blurred)
    return frame


def decided(candidate: pd.DataFrame, production: pd.DataFrame, slices: Slices | None = None, asked: Criterion = AUC):
    one, other = (
        Evaluation(version, {asked.metric: rows.score(frame, asked.metric)}, DATA)
        for version, frame in ((None, candidate), ("1", production))
    )
    return decide([asked], one, other, Pair(candidate, production), slices)


def test_a_model_as_good_as_production_passes_though_its_number_is_a_little_lower() -> None:
    production, candidate = (evaluated(1.0, seed=seed) for seed in (2, 1))
    low, high = sorted((rows.score(production, "auc"), rows.score(candidate, "auc")))
    worse, better = (candidate, production) if rows.score(candidate, "auc") == low else (production, candidate)
    assert low < high
    decision = decided(worse, better)
    assert decision.gate is GateResult.PASSED
    interval = decision.report["metrics"][0]["interval"]  # pyright: ignore[reportIndexIssue]
    assert interval[0] < low - high < interval[1]


def test_a_model_that_is_worse_beyond_chance_is_rejected_with_the_interval() -> None:
    decision = decided(evaluated(2.0), evaluated(1.0))
    assert decision.gate is GateResult.REJECTED
    assert "is worse than version 1 in production" in decision.reason
    assert ", difference -0." in decision.reason


def test_of_an_equal_model_one_in_forty_is_rejected_by_chance() -> None:
    """Worse is one side of an interval that misses the truth on both in 5 %."""
    looks, hit = 200, Criterion(metric="hit", bound=0.5)
    random = np.random.default_rng(0)
    equal = [[pd.DataFrame({"hit": random.random(200) < 0.8}) for _ in range(2)] for _ in range(looks)]
    rejected = sum(decided(one, other, asked=hit).gate is GateResult.REJECTED for one, other in equal)
    assert rejected <= 0.025 * looks + 4 * math.sqrt(0.025 * looks)


def test_better_on_average_and_worse_for_a_group_does_not_pass() -> None:
    production, candidate = evaluated(1.0), evaluated(0.3, worse_in="west")
    assert rows.score(candidate, "auc") < rows.score(evaluated(0.3), "auc")
    loose = Criterion(metric="auc", bound=0.5, tolerance=0.2)
    assert decided(candidate, production, asked=loose).gate is GateResult.PASSED
    decision = decided(candidate, production, BY_REGION, loose)
    assert decision.gate is GateResult.REJECTED
    assert decision.reason.startswith("auc of region=west 0.")
    assert "north" not in decision.reason
    assert [each["slice"] for each in decision.report["slices"]] == ["region=north", "region=south", "region=west"]  # pyright: ignore[reportGeneralTypeIssues, reportIndexIssue]


def test_equal_models_pass_in_all_groups() -> None:
    decision = decided(evaluated(1.0), evaluated(1.0), BY_REGION)
    assert decision.gate is GateResult.PASSED
    assert decision.reason.endswith("; 3 of 3 slices compared")


def test_a_group_of_few_rows_is_named_and_not_judged() -> None:
    few = evaluated(1.0).assign(region=lambda frame: frame["region"].where(frame.index > 9, "island"))
    decision = decided(few, few, BY_REGION)
    island = decision.report["slices"][0]  # pyright: ignore[reportIndexIssue]
    assert island == {"slice": "region=island", "rows": 10, "metric": "auc", "unjudged": "10 rows, 50 are needed"}
    assert decision.reason.endswith("; 3 of 4 slices compared")


def test_a_metric_of_ones_own_is_the_mean_of_its_column_and_lower_may_be_better() -> None:
    random = np.random.default_rng(0)
    cost = pd.DataFrame({"cost": random.exponential(size=900), "region": ["a", "b", "c"] * 300})
    dearer = cost.assign(cost=cost["cost"] + (cost["region"] == "b") * 0.5)
    asked = Criterion(metric="cost", bound=9.0, direction=Direction.LOWER, tolerance=0.3)
    assert decided(dearer, cost, asked=asked).gate is GateResult.PASSED
    decision = decided(dearer, cost, Slices(by=("region",), metric="cost", tolerance=0.3), asked)
    assert decision.gate is GateResult.REJECTED
    assert decision.reason.startswith("cost of region=b ")


def test_rows_of_two_models_must_be_the_same_rows() -> None:
    frame = evaluated(1.0, 100)
    with pytest.raises(TrainingError, match="must write the same rows in the same order for every model"):
        Pair(frame, frame.iloc[::-1].reset_index(drop=True))


def test_a_column_of_too_many_values_is_no_grouping() -> None:
    frame = evaluated(1.0, 300).assign(region=range(300))
    with pytest.raises(TrainingError, match="must name columns of at most 100 values, and 'region' has 300"):
        decided(frame, frame, BY_REGION)


def test_words_that_look_missing_are_groups_and_an_empty_cell_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("region,loss\nNA,0.5\nNone,nan\n,1\n")
    frame = rows.read(path)
    assert frame["region"].tolist()[:2] == ["NA", "None"]
    assert frame.isna().to_numpy().tolist() == [[False, False], [False, True], [True, False]]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_training_compares_the_rows_that_both_evaluations_left(bench: Bench, suffix: str) -> None:
    run_id = bench.run()
    bench.register(run_id)
    bench.client.set_registered_model_alias(bench.model, "production", "1")
    asked = {"GATE": to_json([Criterion(metric="auc", bound=0.5, tolerance=0.2)]), "SLICES": BY_REGION.to_json()}
    for measured, frame in (("candidate", evaluated(0.3, worse_in="west")), ("production", evaluated(1.0))):
        path = bench.output.parent / f"{measured}.{suffix}"
        frame.to_csv(path, index=False) if suffix == "csv" else frame.to_parquet(path)
        script = f"""cp {path} $ML_LOOP_OUTPUT/rows.{suffix}; printf {DATA} > $ML_LOOP_OUTPUT/data_fingerprint
            echo '{json.dumps({"auc": rows.score(frame, "auc")})}' > $ML_LOOP_OUTPUT/metrics.json"""
        code, said = bench.step("evaluate", "--", "sh", "-c", script, MEASURED=measured, **asked)
        assert (code, "evaluated rows: 900" in said) == (0, True), said
    code, said = bench.step("register", WORKFLOW="second", BASELINE="production", **asked)
    assert code == 0, said
    assert "gate: rejected\nreason: auc of region=west" in said
    bench.client.log_text(run_id, "outcome,prediction\n1,1\n", f"evaluation/{Measured.CANDIDATE}/rows.{suffix}")
    code, said = bench.step("register", WORKFLOW="third", BASELINE="production", **asked)
    assert (code, said.partition(":")[0]) == (
        1,
        "the evaluated rows of the candidate must be those that the step evaluate left",
    )


@pytest.mark.parametrize(
    ("rows_file", "sentence"),
    [
        ("", NO_ROWS),
        ("outcome,prediction,region\n0,0.1,a\n1,0.9,b\n", OTHER_ROWS),
        ("outcome,prediction\n0,0.1\n1,0.9\n", NO_REGION),
        ("outcome,prediction,region\n0,,a\n1,0.9,b\n",
         "rows.csv must hold no missing value in what auc is measured by"),
    ],
)  # fmt: skip
def test_evaluate_says_what_its_rows_lack(bench: Bench, rows_file: str, sentence: str) -> None:
    bench.bind(bench.run())
    auc = 1.0 if "region'" in sentence else 0.9
    script = f"""[ -z '{rows_file}' ] || printf '{rows_file}' > $ML_LOOP_OUTPUT/rows.csv
        printf {DATA} > $ML_LOOP_OUTPUT/data_fingerprint; echo '{{"auc": {auc}}}' > $ML_LOOP_OUTPUT/metrics.json"""
    asked = {"GATE": to_json([AUC]), "SLICES": BY_REGION.to_json(), "MEASURED": "candidate"}
    assert bench.step("evaluate", "--", "sh", "-c", script, **asked) == (1, sentence)
