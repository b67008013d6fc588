"""`python3 -m loop register`: decide the gate, and register the version with everything an audit asks.

A rejected candidate is registered too, tagged `rejected`: "why did that drift not lead to a new model?" is then
answered by the registry itself, with numbers. `staging` does not move for it: `stage` takes versions that passed only.
Idempotent by the workflow's name: a retried step finds the version it made.
"""

import json

from contract.names import GATE_FILE, GIT_COMMIT_TAG, RUN_ID_FILE, VERSION_FILE, Env, Tag, Trigger
from loop.runtime.registry import Registry
from loop.training import checks
from loop.training.gate import Evaluation, GateDecision, asked, decide
from loop.training.step import TrainingError, number, optional, run_step, setting, trigger, write_output


def register() -> None:
    name, run_id, workflow = setting(Env.MODEL), setting(Env.RUN_ID), setting(Env.WORKFLOW)
    origin = lineage()
    criteria = asked()
    candidate = evaluation(Env.CANDIDATE)
    if candidate is None:
        raise TrainingError(f"{Env.CANDIDATE} is not set: the gate needs what the candidate's evaluation left")
    decision = decide(criteria, candidate, evaluation(Env.PRODUCTION))
    registry = Registry()
    model_id = checks.logged_model(registry, run_id).model_id
    tags = (
        origin
        | source_commit(registry, run_id)
        | {
            Tag.WORKFLOW: workflow,
            Tag.DATA_FINGERPRINT: checks.data_fingerprint(registry, run_id),
            Tag.GATE: decision.gate,
            Tag.GATE_REPORT: json.dumps(decision.report, sort_keys=True),
        }
        | registry.digests(f"models:/{model_id}", run_id)
    )
    version = registry.register(name, run_id, model_id, tags, key=Tag.WORKFLOW)
    report(name, str(version.version), str(version.run_id), version.tags[Tag.GATE], decision)


def report(name: str, version: str, run_id: str, gate: str, decision: GateDecision) -> None:
    """The version's own gate is what counts: a retried step reports what its first attempt decided."""
    write_output(VERSION_FILE, version)
    write_output(GATE_FILE, gate)
    write_output(RUN_ID_FILE, run_id)
    print(f"version: {version} of {name}\ngate: {gate}\nreason: {decision.reason}")


def lineage() -> dict[str, str]:
    """Tags that say where the version comes from. Raises `TrainingError` for a trigger without its evidence."""
    reason = trigger()
    tags: dict[str, str] = {Tag.IMAGE: setting(Env.IMAGE), Tag.TRIGGER: reason}
    if reason == Trigger.DRIFT:
        tags[Tag.TRIGGER] = f"{Trigger.DRIFT}:{setting(Env.FEATURE)}"
        tags[Tag.EVENT_ID] = setting(Env.EVENT_ID)
        tags[Tag.P_VALUE] = repr(number(Env.P_VALUE))
    return tags


def source_commit(registry: Registry, run_id: str) -> dict[str, str]:
    """The commit that the run names; nothing where it names none."""
    run = registry.run(run_id)
    commit = run.data.tags.get(GIT_COMMIT_TAG) if run else None
    return {Tag.SOURCE_COMMIT: commit} if commit else {}


def evaluation(name: Env) -> Evaluation | None:
    if not (text := optional(name)):
        return None
    try:
        return Evaluation.from_json(text)
    except (ValueError, KeyError, TypeError):
        raise TrainingError(f"{name} must be what the step evaluate left in its output: it is {text[:100]!r}") from None


def main() -> int:
    return run_step(register)
