"""Models that clients of MLflow 2 log, in an environment of their own, to the server of MLflow 3."""

import os
import subprocess
from pathlib import Path

import mlflow
import pandas as pd
from closing import Case
from logged import bunch

HERE = Path(__file__).parent / "environments" / "mlflow2"
LOG: str = """
import sys
import mlflow
from mlflow.models import infer_signature
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

assert mlflow.__version__.startswith("2."), mlflow.__version__
rows, target = load_iris(as_frame=True, return_X_y=True)
with mlflow.start_run():  # that of MLFLOW_RUN_ID
    if sys.argv[1] == "autolog":
        mlflow.sklearn.autolog(silent=True, log_model_signatures=True)
    model = LogisticRegression(max_iter=500).fit(rows, target)
    if sys.argv[1] != "autolog":
        signature = infer_signature(rows, model.predict(rows))
        mlflow.sklearn.log_model(model, "model", signature=signature, pip_requirements=["scikit-learn"])
"""


def log(how: str) -> pd.DataFrame:
    """Have the older client log into the active run."""
    subprocess.run(["uv", "sync", "--quiet", "--frozen", "--project", HERE], check=True)
    active = mlflow.active_run()
    assert active is not None
    environment = os.environ | {"MLFLOW_RUN_ID": active.info.run_id, "PYTHONPATH": ""}
    subprocess.run([HERE / ".venv/bin/python", "-c", LOG, how], check=True, env=environment, stdout=subprocess.DEVNULL)
    return bunch("iris")[0]


CASES: dict[str, Case] = {
    "logged_by_mlflow_2": Case(train=lambda: log("log_model")),
    "autologged_by_mlflow_2": Case(train=lambda: log("autolog")),
}
