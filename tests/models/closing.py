"""Every model through the stations of the loop: train, evaluate, gate, register, stage, fetch, serve, publish, watch.

The steps are the loop's own, against a real MLflow server; the train command logs the model in this process, and the
steps' commands hand over what it left.
"""

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from asking import Server
from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts
from watching import watch

from contract.gate import Criterion, Direction, to_json
from contract.names import Alias, Env, Measured
from loop.runtime.registry import Registry
from loop.serving.capture import Capture
from loop.serving.fetch import fetch
from loop.serving.server import PyfuncModel
from loop.training import checks
from starter.answering import KeptMessages
from starter.steps import changed, step

DATA = "a" * 64
"""Fingerprint of the rows that evaluate measures on."""
GATE = Criterion(metric="load_seconds", bound=120.0, direction=Direction.LOWER)


@dataclass(frozen=True, kw_only=True)
class Case:
    """One model. `train` logs it in the active run and returns its reference rows."""

    train: Callable[[], pd.DataFrame]
    null: str = ""
    """An input that may be missing."""
    unseen: dict[str, Any] = field(default_factory=dict)
    """Values that the training did not know."""
    rows: list[Any] = field(default_factory=list)
    """What a client sends; empty: the reference's rows."""
    parquet: bool = False
    repeats: bool = True
    """The same request gets the same answer; not where an answer carries an id or a time of its own."""


def close(case: Case, name: str, folder: Path, server: Server) -> float:
    """Put one model through the loop; the seconds it took. Raises at the first station that it fails."""
    began = time.monotonic()
    run_id = _trained(case, name, folder)
    output = folder / "output"
    settings: dict[str, str] = {Env.MODEL: name, Env.OUTPUT: str(output), Env.WORKFLOW: f"{name}-train-1",
                                Env.WORKFLOW_UID: f"{name}-uid", Env.TRIGGER: "manual", Env.IMAGE: "models@sha256:0",
                                Env.GATE: to_json([GATE])}  # fmt: skip
    with changed(settings):
        step("train", "--", "sh", "-c", f"printf {run_id} > $ML_LOOP_OUTPUT/run_id")
        measured = folder / "metrics.json"
        measured.write_text(json.dumps({GATE.metric: _measured(run_id, folder)}))
        evaluate = f"cp {measured} $ML_LOOP_OUTPUT && printf {DATA} > $ML_LOOP_OUTPUT/data_fingerprint"
        for each in Measured:  # nothing is in production yet
            with changed({Env.MEASURED: each}):
                step("evaluate", "--", "sh", "-c", evaluate)
        step("register")
        with changed({Env.MODEL_VERSION: (output / "version").read_text()}):
            step("stage")
    served = fetch(f"models://{name}/{Alias.STAGING}", folder / "served", patience=5.0)
    sink = KeptMessages()
    capture = Capture(sink, served)
    model = PyfuncModel(name, folder / "served", served, capture, max_rows=1000, batch=64)
    model.load()
    server.serve(model)
    sent = server.ask_all(model, folder / "served", case.rows, case.null, case.unseen, repeats=case.repeats)
    capture.close()
    assert len(sink.messages) == sum(sent), f"{len(sink.messages)} of {sum(sent)} rows were published"
    watch(MlflowClient(), served, sink.messages, sent[1])
    return time.monotonic() - began


def _trained(case: Case, name: str, folder: Path) -> str:
    """The id of a run that the train command leaves: the model, the reference, the fingerprint."""
    (folder / "output").mkdir()
    # Not `set_experiment`: it would name the experiment to everything that this process starts from then on.
    with mlflow.start_run(experiment_id=mlflow.create_experiment(name)) as run:
        reference = case.train()
        window = folder / f"window.{'parquet' if case.parquet else 'csv'}"
        reference.to_parquet(window) if case.parquet else reference.to_csv(window, index=False)
        mlflow.log_artifact(str(window), "reference")
        mlflow.log_param("data_fingerprint", hashlib.sha256(window.read_bytes()).hexdigest())
    return run.info.run_id


def _measured(run_id: str, folder: Path) -> float:
    """What the evaluate command measures: the seconds in which MLflow alone has the model loaded."""
    began = time.monotonic()
    model_id = checks.logged_model(Registry(), run_id).model_id
    path = download_artifacts(f"models:/{model_id}", dst_path=str(folder / "evaluated"))
    assert mlflow.pyfunc.load_model(path).metadata.signature is not None
    return time.monotonic() - began
