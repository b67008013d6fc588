"""`python3 -m loop train -- COMMAND`: run the image's train command, then check what it left behind.

A retried step trains again, in a new run; only `register` makes versions, and it does so once per workflow.
"""

import json
import os
import tempfile
from pathlib import Path

from contract.names import GIT_COMMIT_TAG, REFERENCE_ARTIFACT, RUN_ID_FILE, Env
from loop.runtime.registry import Registry
from loop.training import checks
from loop.training.step import (
    StepError,
    optional,
    output_folder,
    run_step,
    run_user_command,
    setting,
    trigger,
    user_command,
)


def parameters() -> str:
    """The training parameters, checked to be a JSON object."""
    text = optional(Env.PARAMETERS) or "{}"
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise StepError(f"{Env.PARAMETERS} must be a JSON object: it is {text!r}")
    return text


def train() -> None:
    command = user_command("train")
    trigger()  # an hour of training later, `register` would refuse it
    name, output = setting(Env.MODEL), output_folder()
    # A retry finds what the killed attempt left: only this attempt's run may count.
    (output / RUN_ID_FILE).unlink(missing_ok=True)
    environment: dict[str, str] = {Env.MODEL: name, Env.DATA_URI: optional(Env.DATA_URI), Env.PARAMETERS: parameters()}
    experiment = os.environ.get("MLFLOW_EXPERIMENT_NAME", name)
    run_user_command("train", command, {**environment, "MLFLOW_EXPERIMENT_NAME": experiment})
    path = output / RUN_ID_FILE
    run_id = path.read_text().strip() if path.is_file() else ""
    if not run_id:
        raise StepError(
            f"the train command must write the id of its MLflow run to ${Env.OUTPUT}/{RUN_ID_FILE}: it wrote none"
        )
    print(f"run: {run_id}")
    registry = Registry()
    check(registry, run_id)
    name_source(registry, run_id)


def name_source(registry: Registry, run_id: str) -> None:
    """The commit that the image was built from, unless MLflow has found one itself."""
    run, commit = registry.run(run_id), optional(Env.SOURCE_COMMIT)
    if run is not None and commit and GIT_COMMIT_TAG not in run.data.tags:
        registry.tag_run(run_id, GIT_COMMIT_TAG, commit)


def check(registry: Registry, run_id: str) -> None:
    """Everything the contract asks of a training run. Raises `StepError`."""
    checks.finished_run(registry, run_id)
    print(f"data fingerprint: {checks.data_fingerprint(registry, run_id)}")
    model = checks.logged_model(registry, run_id)
    folder = REFERENCE_ARTIFACT.rpartition("/")[0]
    if REFERENCE_ARTIFACT not in registry.run_artifacts(run_id, folder):
        raise StepError(
            f"the training run must log the reference window as artifact {REFERENCE_ARTIFACT}: run {run_id} has none"
        )
    with tempfile.TemporaryDirectory() as scratch:
        model_folder = registry.download(f"models:/{model.model_id}", Path(scratch) / "model")
        features = checks.feature_names(model_folder)
        print(f"features: {', '.join(features)}")
        window = checks.reference_window(
            registry.download(f"runs:/{run_id}/{REFERENCE_ARTIFACT}", Path(scratch)), features
        )
        checks.predictions(model_folder, window)
    print(f"reference window: {len(window)} rows")


def main() -> int:
    return run_step(train)
