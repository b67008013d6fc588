"""`python3 -m loop evaluate -- COMMAND`: measure one model with the image's evaluate command.

`ML_LOOP_MODEL_URI` names it: `runs:/<run>/model` for a candidate, `models:/<name>@production` for the version to
compare with. A run's model is handed on by its own id: MLflow would first look for it among the run's artifacts, where
an S3 store answers with an error that its clients retry for four minutes. An alias is resolved once, so the gate's
report names the version that was measured. No such alias: nothing is run, and the empty evaluation tells `register`
that there is nothing to compare with.
"""

import json
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from contract.names import DATA_FINGERPRINT_FILE, EVALUATION_FILE, METRICS_FILE, MODEL_ARTIFACT, Env
from loop.runtime.registry import ALIAS_URI, Registry
from loop.training import checks
from loop.training.gate import Evaluation, asked
from loop.training.step import (
    TrainingError,
    optional,
    output_folder,
    run_step,
    run_user_command,
    setting,
    user_command,
    write_output,
)
from loop.training.train import parameters

RUN_URI: Final = re.compile(rf"runs:/(?P<run>[^/]+)/{MODEL_ARTIFACT}")


def evaluate() -> None:
    command = user_command("evaluate")
    uri, needed, output = setting(Env.MODEL_URI), [each.metric for each in asked()], output_folder()
    for name in (METRICS_FILE, DATA_FINGERPRINT_FILE, EVALUATION_FILE):
        (output / name).unlink(missing_ok=True)
    version = None
    if alias := ALIAS_URI.fullmatch(uri):
        found = Registry().alias(alias["name"], alias["alias"])
        if found is None:
            write_output(EVALUATION_FILE, "")
            print(f"model {alias['name']} has no version under {alias['alias']}: nothing to measure")
            return
        version = str(found.version)
        uri = f"models:/{alias['name']}/{version}"
    if candidate := RUN_URI.fullmatch(uri):
        uri = f"models:/{checks.logged_model(Registry(), candidate['run']).model_id}"
    print(f"model: {uri}")
    environment: dict[str, str] = {
        Env.MODEL_URI: uri,
        Env.DATA_URI: optional(Env.DATA_URI),
        Env.PARAMETERS: parameters(),
    }
    run_user_command("evaluate", command, environment)
    evaluation = Evaluation(
        version, metrics(output / METRICS_FILE, needed), fingerprint(output / DATA_FINGERPRINT_FILE)
    )
    write_output(EVALUATION_FILE, evaluation.to_json())
    for key, value in evaluation.metrics.items():
        print(f"{key}: {value:g}")


def metrics(path: Path, needed: Sequence[str]) -> dict[str, float]:
    """The metrics the evaluate command wrote: finite numbers, the needed ones among them. Raises `TrainingError`."""
    try:
        values = json.loads(path.read_text()) if path.is_file() else None
    except ValueError:
        values = None
    if not isinstance(values, dict):
        raise TrainingError(
            f"the evaluate command must write a JSON object of metrics to ${Env.OUTPUT}/{METRICS_FILE}: "
            f"{'it is not one' if path.is_file() else 'there is none'}"
        )
    for key, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise TrainingError(f"each metric in {METRICS_FILE} must be a finite number: {key} is {value!r}")
    if missing := [metric for metric in needed if metric not in values]:
        raise TrainingError(
            f"{METRICS_FILE} must hold the gate's metric {missing[0]!r}: it holds {', '.join(values) or 'none'}"
        )
    return {key: float(value) for key, value in values.items()}


def fingerprint(path: Path) -> str:
    value = path.read_text().strip() if path.is_file() else ""
    if not checks.is_sha256(value):
        raise TrainingError(
            f"the evaluate command must write the SHA-256 of the rows it measured on, in hex, to "
            f"${Env.OUTPUT}/{DATA_FINGERPRINT_FILE}: it wrote {value or 'none'!r}"
        )
    return value


def main() -> int:
    return run_step(evaluate)
