"""What MLflow's own client does for a training and a gate, through the guard: it sends what no test would think of."""

from typing import Any

import mlflow
import pytest
from guarded import Things
from guarded_server import GATE, TRAIN, GuardedServer
from mlflow import MlflowClient, artifacts
from mlflow.models import ModelSignature
from mlflow.pyfunc import log_model
from mlflow.pyfunc.model import PythonModel
from mlflow.types import ColSpec, Schema


class Echo(PythonModel):
    def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
        return model_input


def test_mlflow_s_client_trains_as_training_and_registers_as_the_gate(
    server: GuardedServer, things: Things, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = mlflow.get_tracking_uri()
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", TRAIN)
    mlflow.set_tracking_uri(server.url)
    try:
        mlflow.set_experiment("guarded")
        with mlflow.start_run() as run:
            mlflow.log_params({"a": 1, "b": None})
            mlflow.log_metrics({"auc": 0.9})
            signature = ModelSignature(Schema([ColSpec("string")]), Schema([ColSpec("string")]))
            logged = log_model(name="model", python_model=Echo(), signature=signature, pip_requirements=[])
            mlflow.log_dict({"of": "the run"}, "notes.json")
            mlflow.log_dict({"of": "the run", "again": True}, "notes.json")
        with mlflow.start_run(run_id=run.info.run_id):
            mlflow.log_metric("loss", 0.1)
            mlflow.set_tag("evaluated", "yes")
        monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", GATE)
        version = MlflowClient().create_model_version(
            "guarded", f"models:/{logged.model_id}", run.info.run_id, model_id=logged.model_id
        )
        MlflowClient().set_model_version_tag("guarded", version.version, "judged", "yes")
        assert artifacts.load_dict(f"runs:/{run.info.run_id}/notes.json")["again"]
    finally:
        mlflow.set_tracking_uri(before)
