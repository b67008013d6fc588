"""What a training run must have left in MLflow. Each check raises `TrainingError` with what the contract asked."""

import re
from collections.abc import Sequence

from mlflow.entities import LoggedModel, LoggedModelStatus

from contract.messages import PREDICTION
from contract.names import DATA_FINGERPRINT_PARAM, MODEL_ARTIFACT, REFERENCE_ARTIFACT, REFERENCE_PARQUET
from loop.runtime.registry import Registry
from loop.training.step import TrainingError


def finished_run(registry: Registry, run_id: str) -> None:
    run = registry.run(run_id)
    if run is None:
        raise TrainingError(f"the train command must write the id of its MLflow run: no run {run_id!r} exists")
    if run.info.status != "FINISHED":
        raise TrainingError(f"the training run must end FINISHED: run {run_id} is {run.info.status}")


def experiment(registry: Registry, run_id: str, name: str) -> None:
    """The run's experiment: MLflow registers no version from another one, whose files anyone may change."""
    run = registry.run(run_id)
    found = registry.experiment(run.info.experiment_id) if run else ""
    if found != name:
        raise TrainingError(
            f"the training run must be in the experiment {name!r} that it was given: run {run_id} is in {found!r}; "
            "let the train command, and the libraries it calls, not set another experiment"
        )


def data_fingerprint(registry: Registry, run_id: str) -> str:
    run = registry.run(run_id)
    value = run.data.params.get(DATA_FINGERPRINT_PARAM, "") if run else ""
    if not is_sha256(value):
        raise TrainingError(
            f"the training run must log the param {DATA_FINGERPRINT_PARAM}, the SHA-256 of its data in hex: "
            f"run {run_id} has {value or 'none'!r}"
        )
    return value


def finished_run_fingerprint(registry: Registry, run_id: str, given: str) -> str:
    """The fingerprint of a run that counts for this model at all. Raises `TrainingError`."""
    finished_run(registry, run_id)
    experiment(registry, run_id, given)
    return data_fingerprint(registry, run_id)


def is_sha256(text: str) -> bool:
    return re.fullmatch(r"[0-9a-f]{64}", text) is not None


def logged_model(registry: Registry, run_id: str) -> LoggedModel:
    """The one model the run logged under the contract's name."""
    run = registry.run(run_id)
    outputs = run.outputs.model_outputs if run and run.outputs else []
    models = [registry.logged_model(output.model_id) for output in outputs]
    # A log_model that raised leaves behind a model that never became ready.
    models = [model for model in models if model.status == LoggedModelStatus.READY]
    named = [model for model in models if model.name == MODEL_ARTIFACT]
    if len(named) != 1:
        found = ", ".join(repr(model.name) for model in models) or "none"
        raise TrainingError(
            f"the training run must log one model named {MODEL_ARTIFACT!r}: run {run_id} logged {found}"
        )
    return named[0]


def reference(registry: Registry, run_id: str) -> tuple[str, ...]:
    """The artifacts of the run that hold reference rows, the typed one first."""
    there = registry.run_artifacts(run_id, REFERENCE_ARTIFACT.rpartition("/")[0])
    found = tuple(each for each in (REFERENCE_PARQUET, REFERENCE_ARTIFACT) if each in there)
    if not found:
        raise TrainingError(
            f"the training run must log the reference window as artifact {REFERENCE_ARTIFACT}: run {run_id} has none"
        )
    return found


def watched(features: Sequence[str], columns: Sequence[str]) -> None:
    """Checks that each watched feature is a column. A model without named columns is served unwatched."""
    if not features:
        return
    if not columns:
        print("watched: none of drift.features, as the model's columns have no names")
        return
    if missing := [name for name in features if name not in {*columns, PREDICTION}]:
        raise TrainingError(
            f"the model must have the columns of drift.features, and lacks {', '.join(map(repr, missing))}: "
            f"its columns are {', '.join(columns)}; correct drift.features, or train with the column"
        )
