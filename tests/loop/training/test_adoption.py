"""Models that an older client or autologging leaves, brought to what the registry and the server take."""

from pathlib import Path

import mlflow
import pandas as pd
import pytest
from bench import FEATURES, SIGNATURE, WINDOW, Bench
from mlflow.models import get_model_info
from mlflow.sklearn import save_model
from sklearn.linear_model import LinearRegression


def left_by_mlflow_2(bench: Bench, folder: Path) -> str:
    """A run as a client of MLflow 2 leaves it: the model's files among the run's artifacts, and no logged model."""
    save_model(LinearRegression().fit(WINDOW, WINDOW["price"]), str(folder), signature=SIGNATURE, pip_requirements=[])
    run_id = bench.run(model_id=None)
    bench.client.log_artifacts(run_id, str(folder), "model")
    return run_id


def test_a_model_of_an_mlflow_2_client_is_logged_anew_and_registered(bench: Bench, tmp_path: Path) -> None:
    run_id = left_by_mlflow_2(bench, tmp_path / "model")
    code, said = bench.train(run_id)
    assert code == 0, said
    assert "model: taken from the run's artifact model, as a client of MLflow 2 logs it" in said
    run = bench.client.get_run(run_id)
    assert run.outputs
    (output,) = run.outputs.model_outputs
    code, said = bench.register(run_id)
    assert code == 0, said
    (version,) = bench.client.search_model_versions(f"name = '{bench.model}'")
    assert version.source == f"models:/{output.model_id}"
    loaded = mlflow.pyfunc.load_model(f"models:/{bench.model}/{version.version}")
    assert loaded.predict(WINDOW.head(2)).tolist() == pytest.approx([0.0, 1.0], abs=1e-9)


def test_a_retried_training_of_an_mlflow_2_client_adopts_the_model_once(bench: Bench, tmp_path: Path) -> None:
    run_id = left_by_mlflow_2(bench, tmp_path / "model")
    assert [bench.train(run_id)[0] for _ in range(2)] == [0, 0]
    run = bench.client.get_run(run_id)
    assert run.outputs
    assert len(run.outputs.model_outputs) == 1


def test_a_run_with_neither_a_logged_model_nor_an_artifact_model_is_told_so(bench: Bench) -> None:
    code, said = bench.train(run_id := bench.run(model_id=None))
    assert code == 1
    assert said == f"the training run must log one model named 'model': run {run_id} logged none"


def test_a_model_without_a_signature_gets_the_one_that_its_answers_to_the_reference_show(bench: Bench) -> None:
    model_id = bench.pyfunc(lambda rows: rows["price"] * 2, signature=None)
    code, said = bench.train(bench.run(model_id=model_id))
    assert code == 0, said
    assert "signature: inferred from reference/window.csv" in said
    signature = get_model_info(f"models:/{model_id}").signature
    assert signature is not None
    assert signature.inputs.input_names() == FEATURES
    assert signature.outputs is not None


def test_nothing_is_inferred_from_rows_that_the_model_does_not_answer(bench: Bench) -> None:
    def needs_weight(rows: pd.DataFrame) -> object:
        return rows["weight"]

    code, said = bench.train(bench.run(model_id=bench.pyfunc(needs_weight, signature=None)))
    assert code == 1
    assert said == (
        "the model 'model' must have a signature: log it with one, such as mlflow's infer_signature "
        "(none could be inferred from the reference: KeyError: 'weight')"
    )
