"""The bench of the training steps, against the session's MLflow server."""

from pathlib import Path

import mlflow
import pytest
from bench import SIGNATURE, WINDOW, Bench
from mlflow.sklearn import log_model
from mlflow_server import MlflowServer
from sklearn.linear_model import LinearRegression

from contract.gate import Criterion, to_json
from contract.names import Env
from loop.runtime import registry


@pytest.fixture(scope="session")
def good_model(mlflow_server: MlflowServer) -> str:
    mlflow.set_tracking_uri(mlflow_server.url)
    model = LinearRegression().fit(WINDOW, WINDOW["price"])
    with mlflow.start_run():
        info = log_model(model, name="model", signature=SIGNATURE, pip_requirements=[])
    return str(info.model_id)


@pytest.fixture
def bench(
    tracking: MlflowServer,
    good_model: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Bench:
    bench = Bench(tmp_path, monkeypatch, capsys, good_model)
    settings = {
        Env.MODEL: bench.model,
        Env.OUTPUT: str(tmp_path),
        Env.WORKFLOW: f"{bench.model}-train-1",
        Env.WORKFLOW_UID: f"{bench.model}-uid",
        Env.TRIGGER: "manual",
        Env.IMAGE: "registry.example.com/books@sha256:0",
        Env.GATE: to_json([Criterion(metric="auc", bound=0.7)]),
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(registry, "LONGEST_PAUSE", 0.1)
    return bench
