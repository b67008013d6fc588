"""What the step `train` asks of the run that the image's command has left behind, and what it adds to it."""

import json
import tempfile
from pathlib import Path

import orjson
import pandas as pd
from mlflow.models import Model

from contract.gate import nothing_new_to_learn
from contract.messages import leading
from contract.names import (
    ANSWERS_ARTIFACT,
    DATA_FINGERPRINT_PARAM,
    GIT_COMMIT_TAG,
    MODEL_ARTIFACT,
    REFERENCE_ARTIFACT,
    Env,
)
from loop.runtime.registry import Registry
from loop.training import adoption, checks, data, fit, novelty
from loop.training.candidate import Candidate
from loop.training.step import optional


def check_run(given: str, run_id: str, uid: str, rows: data.StepData) -> None:
    """Binds the run to the workflow and judges it. Raises `TrainingError`, `RegistryError` or `MlflowException`."""
    registry = Registry()
    # Before it is judged, so that a broken rule is recorded at the run.
    registry.bind_run(given, run_id, uid)
    adopt(registry, run_id)
    _fingerprint(registry, run_id, rows)
    if (version := novelty.known(registry, checks.finished_run_fingerprint(registry, run_id, given))) is not None:
        print(nothing_new_to_learn(version))
        return
    check(registry, run_id, given)
    name_source(registry, run_id)


def nothing_new(given: str, uid: str, fingerprint: str) -> bool:
    """Whether fresh rows have taught an earlier version. Then a run without a model says so to the next steps."""
    registry = Registry()
    version = novelty.known(registry, fingerprint)
    if version is None:
        return False
    run_id = registry.empty_run(given, {DATA_FINGERPRINT_PARAM: fingerprint})
    registry.bind_run(given, run_id, uid)
    print(f"run: {run_id}\n{nothing_new_to_learn(version)}")
    return True


def _fingerprint(registry: Registry, run_id: str, rows: data.StepData) -> None:
    """The fingerprint of fresh rows, where the command leaves it to the loop."""
    run = registry.run(run_id)
    if run is None or rows.fingerprint is None:
        return
    said = run.data.params.get(DATA_FINGERPRINT_PARAM, "")
    counts = rows.agreed(said, f"the param {DATA_FINGERPRINT_PARAM}")
    if not said:
        registry.ask(lambda: registry.client.log_param(run_id, DATA_FINGERPRINT_PARAM, counts))


def adopt(registry: Registry, run_id: str) -> None:
    """Takes the model of an MLflow 2 client from the run's artifacts, if no model was logged as MLflow 3 does."""
    run = registry.run(run_id)
    if run is not None and not (run.outputs and run.outputs.model_outputs) and adoption.of_mlflow_2(registry, run_id):
        print(f"model: taken from the run's artifact {MODEL_ARTIFACT}, as a client of MLflow 2 logs it")


def name_source(registry: Registry, run_id: str) -> None:
    """Names the commit that the image was built from, unless MLflow found one itself."""
    run, commit = registry.run(run_id), optional(Env.SOURCE_COMMIT)
    if run is not None and commit and GIT_COMMIT_TAG not in run.data.tags:
        registry.tag_run(run_id, GIT_COMMIT_TAG, commit)


def check(registry: Registry, run_id: str, given: str) -> None:
    """Checks everything that the contract asks of a training run. Raises `TrainingError`."""
    checks.finished_run(registry, run_id)
    checks.experiment(registry, run_id, given)
    print(f"data fingerprint: {checks.data_fingerprint(registry, run_id)}")
    artifacts = checks.reference(registry, run_id)
    model_id = checks.logged_model(registry, run_id).model_id
    with tempfile.TemporaryDirectory() as scratch:
        folder = registry.download(f"models:/{model_id}", Path(scratch) / "model")
        window = registry.download(f"runs:/{run_id}/{artifacts[0]}", Path(scratch))
        if Model.load(str(folder)).signature is None:
            adoption.infer(registry, model_id, folder, window)
            print(f"signature: inferred from {artifacts[0]}")
        candidate = Candidate(folder, window, artifacts[0])
        candidate.judge()
        print(fit.server(candidate.seconds), *fit.requirements(folder), sep="\n")
        print(f"features: {', '.join(candidate.inputs)}", *candidate.notes, sep="\n")
        checks.watched(json.loads(optional(Env.WATCHED) or "[]"), candidate.columns)
        if REFERENCE_ARTIFACT not in artifacts:
            text = as_csv(candidate)
            registry.ask(lambda: registry.client.log_text(run_id, text, REFERENCE_ARTIFACT))
        answers = orjson.dumps([leading(answer) for answer in candidate.answers]).decode()
        registry.ask(lambda: registry.client.log_text(run_id, answers, ANSWERS_ARTIFACT))
    print(f"reference window: {len(candidate.rows)} rows")


def as_csv(candidate: Candidate) -> str:
    """The reference rows as the drift detector reads them: the published columns, under the inputs' names."""
    if candidate.ragged:
        cells = [[orjson.dumps(row).decode()] for row in candidate.rows]
        return pd.DataFrame(cells, columns=pd.Index(candidate.inputs)).to_csv(index=False)
    features = candidate.features()
    names = candidate.columns or [f"x{at}" for at in range(len(features[0]))]
    return pd.DataFrame(features, columns=pd.Index(names)).to_csv(index=False)
