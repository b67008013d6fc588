"""What the loop asks every training and every evaluation to leave, whatever the model."""

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import sklearn
from mlflow.artifacts import download_artifacts
from mlflow.models import infer_signature
from mlflow.sklearn import log_model

REFERENCE_ROWS = 2000
"""How many training rows are kept, to compare predictions with later."""


def data(columns: list[str]) -> pd.DataFrame | None:
    """The CSV that `training.dataUri` names, its columns as numbers; None where it names none."""
    if not (uri := os.environ.get("ML_LOOP_DATA_URI")):
        return None
    with tempfile.TemporaryDirectory() as folder:
        rows = pd.read_csv(download_artifacts(artifact_uri=uri, dst_path=folder))
    return rows.astype(dict.fromkeys(columns, "float64"))


def parameters(usual: Mapping[str, Any]) -> dict[str, Any]:
    """`training.parameters`, over the defaults."""
    return {**usual, **json.loads(os.environ.get("ML_LOOP_PARAMETERS") or "{}")}


def fingerprint(rows: pd.DataFrame) -> str:
    """SHA-256 of the rows, hex."""
    return hashlib.sha256(rows.to_csv(index=False).encode()).hexdigest()


def model(fitted: Any, features: pd.DataFrame, given: Mapping[str, Any], rows: pd.DataFrame, predict: str) -> None:
    """One finished run: the model with its signature, its parameters, and rows to compare predictions with.

    skops, MLflow's default, loads linear models without running any code of the file. A model of your own classes, or
    of trees, names what it trusts, or is logged with serialization_format="cloudpickle".
    """
    with mlflow.start_run() as run:
        mlflow.log_params({**given, "data_fingerprint": fingerprint(rows), "rows": len(rows)})
        log_model(
            fitted,
            name="model",
            signature=infer_signature(features, getattr(fitted, predict)(features)),
            pyfunc_predict_fn=predict,
            serialization_format="skops",
            pip_requirements=[f"scikit-learn=={sklearn.__version__}"],
        )
        with tempfile.TemporaryDirectory() as folder:
            window = Path(folder) / "window.csv"
            features.head(REFERENCE_ROWS).to_csv(window, index=False)
            mlflow.log_artifact(str(window), "reference")
    _output("run_id", run.info.run_id)


def metrics(values: Mapping[str, float], rows: pd.DataFrame) -> None:
    """What was measured, and on which rows: the gate compares versions only on the same rows."""
    _output("metrics.json", json.dumps(values))
    _output("data_fingerprint", fingerprint(rows))


def _output(name: str, text: str) -> None:
    (Path(os.environ["ML_LOOP_OUTPUT"]) / name).write_text(text)
