"""What an evaluation found, on its way to the gate: a tag of the workflow's run, which carries the workflow's uid.

The tag is written with the rights of the model's own training, so that no other model's code can write it. The gate
does not trust it: whatever is not an evaluation of this workflow is refused.
"""

import json
import math
import tempfile
from pathlib import Path
from typing import Final

import pandas as pd
from mlflow.entities import Run

from contract.names import EVALUATED_ROWS_FOLDER, Env, Measured, RunTag
from loop.runtime.registry import Registry
from loop.training import rows
from loop.training.checks import is_sha256
from loop.training.gate import Evaluation
from loop.training.step import TrainingError, setting

TAGS: Final = {Measured.CANDIDATE: RunTag.CANDIDATE, Measured.PRODUCTION: RunTag.PRODUCTION}


def run_of_workflow(registry: Registry, experiment: str) -> Run:
    """The run that the step `train` bound to this workflow. Raises TrainingError."""
    uid = setting(Env.WORKFLOW_UID)
    run = registry.run_of_workflow(experiment, uid)
    if run is None:
        raise TrainingError(
            f"the step train must have bound a run to this workflow: no run of {experiment!r} names {uid}"
        )
    return run


def leave(registry: Registry, run: Run, measured: Measured, evaluation: Evaluation | None) -> None:
    """Keeps what was found about the model; None: there was no such version."""
    found = None if evaluation is None else vars(evaluation)
    text = json.dumps({"workflow": setting(Env.WORKFLOW_UID), "evaluation": found}, sort_keys=True)
    registry.tag_run(run.info.run_id, TAGS[measured], text)


def keep_rows(registry: Registry, run: Run, measured: Measured, file: Path) -> None:
    """Keeps the evaluated rows at the run; their digest is part of the evaluation."""
    registry.ask(lambda: registry.client.log_artifact(run.info.run_id, str(file), _folder(measured)))


def rows_of(registry: Registry, run: Run, measured: Measured, evaluation: Evaluation) -> pd.DataFrame | None:
    """The rows that the evaluation was made on; None where it left none. Raises TrainingError for any other rows."""
    if evaluation.rows is None:
        return None
    run_id = run.info.run_id
    with tempfile.TemporaryDirectory() as scratch:
        for path in registry.run_artifacts(run_id, _folder(measured)):
            file = registry.download(f"runs:/{run_id}/{path}", Path(scratch))
            if rows.digest(file) == evaluation.rows:
                return rows.read(file)
    raise TrainingError(
        f"the evaluated rows of the {measured} must be those that the step evaluate left: run {run_id} has none with "
        f"the digest {evaluation.rows[:12]}; run the training again"
    )


def _folder(measured: Measured) -> str:
    return f"{EVALUATED_ROWS_FOLDER}/{measured}"


def read(run: Run, measured: Measured) -> Evaluation | None:
    """What `leave` kept in this workflow. Raises TrainingError for anything else."""
    tag, uid = TAGS[measured], setting(Env.WORKFLOW_UID)
    text = run.data.tags.get(tag, "")
    try:
        kept = json.loads(text)
        if kept["workflow"] != uid:
            raise ValueError
        return _evaluation(kept["evaluation"])
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        raise TrainingError(
            f"the step evaluate must have left its result for the {measured} at run {run.info.run_id}: its tag {tag} "
            f"holds {text[:100]!r}, and nothing of the workflow {uid}"
        ) from None


def _evaluation(found: object) -> Evaluation | None:
    """The evaluation in a tag. Raises ValueError, KeyError or TypeError for anything else."""
    match found:
        case None:
            return None
        case {"version": str() | None as version, "metrics": dict() as metrics, "data": str() as data, **others}:
            values = {str(key): _finite(value) for key, value in metrics.items()}
            digest = others.get("rows")
            return Evaluation(version, values, _sha256(data), None if digest is None else _sha256(digest))
        case _:
            raise ValueError


def _finite(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError
    return float(value)


def _sha256(text: object) -> str:
    if not isinstance(text, str) or not is_sha256(text):
        raise ValueError
    return text
