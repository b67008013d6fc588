"""The example model keeps the contract, on its real data."""

import json
from pathlib import Path

import mlflow
import pandas as pd
import pytest
from bench import Bench

from examples.recommender import data, evaluate, train
from loop.training.rows import score

FOLDER = Path(train.__file__).parent


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return data.load()


def test_no_household_is_both_trained_on_and_measured_on(rows: pd.DataFrame) -> None:
    training, held_out = data.split(rows)
    assert not set(training[data.HOUSEHOLD]) & set(held_out[data.HOUSEHOLD])
    assert 0.15 < len(held_out) / len(rows) < 0.25


def test_new_rows_do_not_change_which_households_are_held_out(rows: pd.DataFrame) -> None:
    fewer = data.split(rows.tail(10_000))[1]
    assert set(fewer[data.HOUSEHOLD]) <= set(data.split(rows)[1][data.HOUSEHOLD])


def test_every_shelf_shows_four_products_of_which_one_is_bought(rows: pd.DataFrame) -> None:
    shelves = rows[data.LABEL].to_numpy().reshape(-1, evaluate.SHELF)
    assert (shelves.sum(axis=1) == 1).all()


def test_the_first_trip_of_a_household_knows_nothing_of_its_taste(rows: pd.DataFrame) -> None:
    first = rows[rows["past_purchases"] == 0]
    assert first[["past_share", "bought_last"]].drop_duplicates().to_numpy().tolist() == [[0.25, 0.0]]


def test_the_model_keeps_the_contract_passes_its_gate_and_answers_the_instance(bench: Bench) -> None:
    bench.patch.setenv("MLFLOW_EXPERIMENT_NAME", bench.model)
    train.main()
    run_id = bench.written("run_id")
    code, said = bench.train(run_id)
    assert code == 0, said
    told = ("the train command took ", "run: ", "data fingerprint: ", "load: ", "answers: ")
    facts = [line for line in said.splitlines() if not line.startswith(told)]
    assert facts == [f"features: {', '.join(data.FEATURES)}", "reference window: 2000 rows"]
    uri = f"runs:/{run_id}/model"
    bench.patch.setenv("ML_LOOP_MODEL_URI", uri)
    evaluate.main()
    assert json.loads(bench.written("metrics.json"))["auc"] == pytest.approx(0.94, abs=0.01)
    left = pd.read_csv(bench.output / "rows.csv")
    assert set(left["panel"]) == set(data.PANELS), "the column that the gate of Pulumi.local.yaml slices by"
    assert score(left, "auc") == json.loads(bench.written("metrics.json"))["auc"]
    row = json.loads((FOLDER / "instance.json").read_text())
    ((refused, bought),) = mlflow.pyfunc.load_model(uri).predict(pd.DataFrame([row], columns=data.FEATURES))
    assert refused + bought == pytest.approx(1)


def test_the_data_may_come_from_a_uri(rows: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "showings.csv"
    rows.head(400).to_csv(file, index=False)
    monkeypatch.setenv("ML_LOOP_DATA_URI", file.as_uri())
    pd.testing.assert_frame_equal(data.load(), rows.head(400))
