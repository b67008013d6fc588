"""`python3 -m loop train -- COMMAND`: runs the image's train command, then checks what it left behind (`trained.py`).

The run is bound to the workflow in MLflow, where the next steps find it: nothing that the user's code writes in this
pod is passed on. A retried step trains again, in a new run; only `register` makes versions, and it does so once per
workflow.
"""

import json
import sys
from collections.abc import Sequence
from importlib import import_module
from threading import Thread
from typing import Final

from contract.commands import Train
from contract.names import RUN_ID_FILE, Env, Trigger
from contract.training_data import TRAIN
from loop.training import data
from loop.training.step import (
    TrainingError,
    experiment,
    optional,
    output_folder,
    run_step,
    run_user_command,
    setting,
    trigger,
)

CHECKS: Final = "loop.training.trained"


def parameters() -> str:
    """The training parameters, checked to be a JSON object."""
    text = optional(Env.PARAMETERS) or "{}"
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise TrainingError(f"{Env.PARAMETERS} must be a JSON object: it is {text!r}")
    return text


def train(command: Sequence[str]) -> None:
    trigger()  # an hour of training later, `register` would refuse it
    name, output = setting(Env.MODEL), output_folder()
    # A retry may find what a killed attempt left: only this attempt's run counts.
    (output / RUN_ID_FILE).unlink(missing_ok=True)
    rows = data.given(TRAIN)
    given, uid = experiment(), setting(Env.WORKFLOW_UID)
    if rows.fingerprint is not None and trigger() == Trigger.DRIFT:
        from loop.training.trained import nothing_new  # noqa: PLC0415

        if nothing_new(given, uid, rows.fingerprint):
            return
    environment: dict[str, str] = {Env.MODEL: name, Env.DATA_URI: rows.uri, Env.PARAMETERS: parameters()}
    # MLflow and the code that judges a model take seconds to import, while the command is at work.
    Thread(target=import_module, args=(CHECKS,), daemon=True).start()
    run_user_command("train", command, {**environment, "MLFLOW_EXPERIMENT_NAME": given})
    path = output / RUN_ID_FILE
    run_id = path.read_text().strip() if path.is_file() else ""
    if not run_id:
        raise TrainingError(
            f"the train command must write the id of its MLflow run to ${Env.OUTPUT}/{RUN_ID_FILE}: it wrote none"
        )
    print(f"run: {run_id}")
    from loop.training.trained import check_run  # noqa: PLC0415

    check_run(given, run_id, uid, rows)


def main() -> int:
    given = Train.parse(sys.argv[1:])
    return run_step(lambda: train(given.command))
