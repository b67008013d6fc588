"""`python3 -m loop evaluate -- COMMAND`: measures one model with the image's evaluate command.

`ML_LOOP_MEASURED` says which: the candidate that the workflow's run has logged, or the version in production. A run's
model is passed on by its own id: MLflow would first look for it among the run's artifacts, where an S3 store answers
with an error that its clients retry for four minutes. The alias is resolved once, so the gate's report names the
version that was measured. Without that alias nothing is run, which the gate then finds.

What was found goes to the run (`loop.training.evaluations`), with those metrics that the gate asks for.
"""

import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path

from contract.commands import Evaluate
from contract.gate import nothing_new_to_learn
from contract.names import DATA_FINGERPRINT_FILE, EVALUATED_ROWS, METRICS_FILE, Alias, Env, Measured
from contract.training_data import HELD_OUT
from loop.runtime.registry import Registry
from loop.training import checks, data, evaluations, novelty, rows
from loop.training.gate import Evaluation, asked, sliced
from loop.training.step import (
    TrainingError,
    experiment,
    one_of,
    output_folder,
    run_step,
    run_user_command,
    setting,
)
from loop.training.train import parameters


def evaluate(command: Sequence[str]) -> None:
    measured, name = Measured(one_of(Env.MEASURED, Measured)), setting(Env.MODEL)
    needed, output, registry = [each.metric for each in asked()], output_folder(), Registry()
    for file in (METRICS_FILE, DATA_FINGERPRINT_FILE, *EVALUATED_ROWS):
        (output / file).unlink(missing_ok=True)
    run, version = evaluations.run_of_workflow(registry, experiment()), None
    if (same := novelty.known_of(registry, run)) is not None:
        print(nothing_new_to_learn(same))
        return
    if measured is Measured.PRODUCTION:
        found = registry.alias(name, Alias.PRODUCTION)
        if found is None:
            evaluations.leave(registry, run, measured, None)
            print(f"model {name} has no version under {Alias.PRODUCTION}: nothing to measure")
            return
        version = str(found.version)
        uri = f"models:/{name}/{version}"
    else:
        uri = f"models:/{checks.logged_model(registry, run.info.run_id).model_id}"
    print(f"model: {uri}")
    fresh = data.given(HELD_OUT)
    environment: dict[str, str] = {
        Env.MODEL_URI: uri,
        Env.DATA_URI: fresh.uri,
        Env.PARAMETERS: parameters(),
    }
    run_user_command("evaluate", command, environment)
    values, digest_of_data = metrics(output / METRICS_FILE, needed), fingerprint(output / DATA_FINGERPRINT_FILE, fresh)
    asked_for = {each: values[each] for each in needed}
    file = evaluated_rows(output, asked_for)
    if file is not None:
        evaluations.keep_rows(registry, run, measured, file)
    digest = None if file is None else rows.digest(file)
    evaluations.leave(registry, run, measured, Evaluation(version, asked_for, digest_of_data, digest))
    for key, value in values.items():
        print(f"{key}: {value:g}")


def metrics(path: Path, needed: Sequence[str]) -> dict[str, float]:
    """What the evaluate command measured: finite numbers, with those that are needed. Raises `TrainingError`."""
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


def evaluated_rows(output: Path, measured: dict[str, float]) -> Path | None:
    """The rows that the evaluate command wrote, checked. Raises `TrainingError` where the gate needs them."""
    file, groups = rows.found(output), sliced()
    if file is None:
        if groups is not None:
            raise rows.missing(groups.metric, "gate.slices")
        return None
    frame = rows.read(file)
    needed = {} if groups is None else dict.fromkeys((groups.metric, *groups.by), "gate.slices")
    rows.check(frame, file.name, measured, needed)
    print(f"evaluated rows: {len(frame)}")
    return file


def fingerprint(path: Path, fresh: data.StepData) -> str:
    said = path.read_text().strip() if path.is_file() else ""
    value = fresh.agreed(said, f"${Env.OUTPUT}/{DATA_FINGERPRINT_FILE}")
    if not checks.is_sha256(value):
        raise TrainingError(
            f"the evaluate command must write the SHA-256 of the rows it measured on, in hex, to "
            f"${Env.OUTPUT}/{DATA_FINGERPRINT_FILE}: it wrote {value or 'none'!r}"
        )
    return value


def main() -> int:
    given = Evaluate.parse(sys.argv[1:])
    return run_step(lambda: evaluate(given.command))
