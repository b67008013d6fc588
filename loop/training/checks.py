"""What a training run must have left in MLflow. Each check raises `StepError` with what the contract asked."""

import csv
import math
import re
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
from mlflow.entities import LoggedModel
from mlflow.models import Model
from mlflow.types.schema import DataType

from contract.names import DATA_FINGERPRINT_PARAM, MODEL_ARTIFACT, REFERENCE_ARTIFACT, REFERENCE_MIN_ROWS
from loop.runtime.registry import Registry
from loop.training.step import StepError

NUMERIC = {DataType.double, DataType.float, DataType.integer, DataType.long}


def finished_run(registry: Registry, run_id: str) -> None:
    run = registry.run(run_id)
    if run is None:
        raise StepError(f"the train command must write the id of its MLflow run: no run {run_id!r} exists")
    if run.info.status != "FINISHED":
        raise StepError(f"the training run must end FINISHED: run {run_id} is {run.info.status}")


def data_fingerprint(registry: Registry, run_id: str) -> str:
    run = registry.run(run_id)
    value = run.data.params.get(DATA_FINGERPRINT_PARAM, "") if run else ""
    if not is_sha256(value):
        raise StepError(
            f"the training run must log the param {DATA_FINGERPRINT_PARAM}, the SHA-256 of its data in hex: "
            f"run {run_id} has {value or 'none'!r}"
        )
    return value


def is_sha256(text: str) -> bool:
    return re.fullmatch(r"[0-9a-f]{64}", text) is not None


def logged_model(registry: Registry, run_id: str) -> LoggedModel:
    """The one model the run logged under the contract's name."""
    run = registry.run(run_id)
    outputs = run.outputs.model_outputs if run and run.outputs else []
    models = [registry.logged_model(output.model_id) for output in outputs]
    named = [model for model in models if model.name == MODEL_ARTIFACT]
    if len(named) != 1:
        found = ", ".join(repr(model.name) for model in models) or "none"
        raise StepError(f"the training run must log one model named {MODEL_ARTIFACT!r}: run {run_id} logged {found}")
    return named[0]


def feature_names(model_folder: Path) -> list[str]:
    """Names of the signature's inputs, in order. All must be named numbers: drift is reported by feature."""
    signature = Model.load(str(model_folder)).signature
    if signature is None or not signature.inputs.has_input_names():
        raise StepError(
            f"the model {MODEL_ARTIFACT!r} must have a signature whose inputs are named columns: log it with one"
        )
    for column in signature.inputs.inputs:
        if column.type not in NUMERIC:
            raise StepError(f"the signature's inputs must be numbers: column {column.name!r} is of type {column.type}")
    return list(signature.inputs.input_names())


def reference_window(path: Path, features: list[str]) -> pd.DataFrame:
    """The reference rows, shape (rows, features), read from the artifact."""
    with path.open(newline="") as file:
        header, *rows = list(csv.reader(file)) or [[]]
    if header != features:
        raise StepError(
            f"the header of {REFERENCE_ARTIFACT} must be the signature's columns in order ({', '.join(features)}), "
            f"and is: {', '.join(header)}"
        )
    if len(rows) < REFERENCE_MIN_ROWS:
        raise StepError(f"{REFERENCE_ARTIFACT} must hold at least {REFERENCE_MIN_ROWS} rows, and holds {len(rows)}")
    for line, row in enumerate(rows, start=2):
        if len(row) != len(features):
            raise StepError(
                f"line {line} of {REFERENCE_ARTIFACT} must hold {len(features)} numbers, and holds {len(row)}"
            )
        for feature, value in zip(features, row, strict=True):
            if not _finite(value):
                raise StepError(f"line {line} of {REFERENCE_ARTIFACT} must be finite numbers: {feature} is {value!r}")
    return pd.DataFrame(rows, columns=features).astype("float64")


def predictions(model_folder: Path, window: pd.DataFrame) -> None:
    """The model must answer the reference rows as it will answer requests: one finite prediction per row."""
    try:
        # MLflow's signature check refuses a float where it wants an integer: pyfunc is given the column types it names.
        columns = Model.load(str(model_folder)).signature.inputs
        types = dict(zip(columns.input_names(), columns.pandas_types(), strict=True))
        answer = np.asarray(mlflow.pyfunc.load_model(str(model_folder)).predict(window.astype(types)))
    except Exception as error:  # the user's model may raise anything
        raise StepError(
            f"the model must predict on the rows of {REFERENCE_ARTIFACT}, and raised {type(error).__name__}: {error}"
        ) from error
    if answer.ndim == 0 or len(answer) != len(window):
        raise StepError(f"the model must give one prediction per row: {len(window)} rows gave the shape {answer.shape}")
    if not np.issubdtype(answer.dtype, np.number) or not np.isfinite(answer).all():
        raise StepError(f"the model's predictions on the rows of {REFERENCE_ARTIFACT} must be finite numbers")


def _finite(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
