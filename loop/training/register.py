"""`python3 -m loop register`: decides the gate, registers the version with all that an audit asks for, and stages what
passed.

A rejected candidate is registered too, tagged `rejected`: "why did that drift not lead to a new model?" is then
answered by the registry itself, with numbers. `staging` does not move for it: only what passed is staged.
Idempotent by the workflow's name: a retried step finds the version it made.
"""

import json
import sys
from functools import partial
from pathlib import Path

from mlflow.entities import Run

from contract.commands import Register
from contract.gate import nothing_new_to_learn
from contract.names import (
    GATE_FILE,
    GIT_COMMIT_TAG,
    MESSAGE_FILE,
    NOTHING_NEW,
    VERSION_FILE,
    Alias,
    Env,
    GateResult,
    Measured,
    Tag,
    Trigger,
)
from loop.runtime import signatures
from loop.runtime.registry import Registry
from loop.training import checks, drift_report, evaluations, novelty
from loop.training.chance import Pair
from loop.training.gate import Evaluation, GateDecision, asked, decide, sliced
from loop.training.stage import stage
from loop.training.step import TrainingError, experiment, number, optional, run_step, setting, trigger, write_output


def register() -> None:
    name, workflow = setting(Env.MODEL), setting(Env.WORKFLOW)
    origin = lineage()
    criteria = asked()
    registry = Registry()
    run = evaluations.run_of_workflow(registry, experiment())
    run_id = run.info.run_id
    checks.finished_run(registry, run_id)
    if (same := novelty.known_of(registry, run)) is not None:
        write_output(VERSION_FILE, same)
        write_output(GATE_FILE, NOTHING_NEW)
        write_output(MESSAGE_FILE, nothing_new_to_learn(same))
        print(nothing_new_to_learn(same))
        return
    candidate = evaluations.read(run, Measured.CANDIDATE)
    if candidate is None:
        raise TrainingError(f"the candidate must have been measured: the step evaluate found no model of run {run_id}")
    before = production(registry, name, run) if optional(Env.BASELINE) else None
    decision = decide(criteria, candidate, before, pair(registry, run, candidate, before), sliced())
    model_id = checks.logged_model(registry, run_id).model_id
    signed: dict[str, str] = {}
    if decision.gate == GateResult.PASSED and (key := optional(Env.SIGNING_KEY_FILE)):
        signer = partial(_sign, signed, name, Path(key))
    else:
        signer = _leave_unsigned
    digests = registry.digests(f"models:/{model_id}", run_id, signer)
    tags = (
        origin
        | source_commit(registry, run_id)
        | {
            Tag.WORKFLOW: workflow,
            Tag.DATA_FINGERPRINT: checks.data_fingerprint(registry, run_id),
            Tag.GATE: decision.gate,
            Tag.GATE_REPORT: json.dumps(decision.report, sort_keys=True),
        }
        | digests
        | signed
        | drift_report.keep(registry, run.info, workflow, optional(Env.EVIDENCE))
    )
    version = registry.register(name, run_id, model_id, tags, key=Tag.WORKFLOW)
    report(name, str(version.version), version.tags[Tag.GATE], decision)
    if version.tags[Tag.GATE] == GateResult.PASSED:
        stage(registry, name, str(version.version))


def _sign(tags: dict[str, str], name: str, key: Path, folder: Path) -> None:
    """Adds the tag. The folder's name becomes the signature's subject."""
    try:
        tags[Tag.SIGNATURE] = signatures.sign(folder.rename(folder.with_name(name)), key)
    except signatures.SignatureError as error:
        raise TrainingError(str(error)) from error


def _leave_unsigned(_folder: Path) -> None: ...


def production(registry: Registry, name: str, run: Run) -> Evaluation | None:
    """What was measured for the version in production; None where there is none, which the registry itself is asked."""
    evaluation = evaluations.read(run, Measured.PRODUCTION)
    current = registry.alias(name, Alias.PRODUCTION)
    if evaluation is None and current is not None:
        raise TrainingError(
            f"version {current.version} of {name} is in production, and was not measured: run the training again"
        )
    return evaluation


def pair(registry: Registry, run: Run, candidate: Evaluation, production: Evaluation | None) -> Pair | None:
    """The rows that both versions were measured on, if both evaluations left them."""
    if production is None:
        return None
    one = evaluations.rows_of(registry, run, Measured.CANDIDATE, candidate)
    other = evaluations.rows_of(registry, run, Measured.PRODUCTION, production)
    return None if one is None or other is None else Pair(one, other)


def report(name: str, version: str, gate: str, decision: GateDecision) -> None:
    """The version's own gate is what counts: a retried step reports what its first attempt decided."""
    write_output(VERSION_FILE, version)
    write_output(GATE_FILE, gate)
    write_output(MESSAGE_FILE, f"version {version} {gate}, {decision.leading}")
    print(f"version: {version} of {name}\ngate: {gate}\nreason: {decision.reason}")


def lineage() -> dict[str, str]:
    """Tags that say where the version comes from. Raises `TrainingError` for a trigger without its event."""
    reason = trigger()
    recipe: dict[str, str] = {Tag.RECIPE: found} if (found := optional(Env.RECIPE)) else {}
    tags: dict[str, str] = {Tag.IMAGE: setting(Env.IMAGE), Tag.TRIGGER: reason} | recipe
    if reason == Trigger.DRIFT:
        tags[Tag.TRIGGER] = f"{Trigger.DRIFT}:{setting(Env.FEATURE)}"
        tags[Tag.EVENT_ID] = setting(Env.EVENT_ID)
        tags[Tag.P_VALUE] = repr(number(Env.P_VALUE))
    return tags


def source_commit(registry: Registry, run_id: str) -> dict[str, str]:
    """The commit that the run names; empty where it names none."""
    run = registry.run(run_id)
    commit = run.data.tags.get(GIT_COMMIT_TAG) if run else None
    return {Tag.SOURCE_COMMIT: commit} if commit else {}


def main() -> int:
    Register.parse(sys.argv[1:])
    return run_step(register)
