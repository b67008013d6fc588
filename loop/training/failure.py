"""`python3 -m loop report-failure`: a failed workflow's exit handler. Says why in MLflow and in the pod's status.

Where there is a run, it gets the tag; before there is one, the registered model does. Each failure is one sentence
already, written by the step that failed.
"""

import json

from contract.names import FAILURE_TAG, Env
from loop.runtime import command
from loop.runtime.registry import Registry
from loop.training.step import optional, run_step, setting


def report_failure() -> None:
    name, workflow, run_id = setting(Env.MODEL), setting(Env.WORKFLOW), optional(Env.RUN_ID)
    sentence = f"{workflow}: {reason(optional(Env.FAILURES))}"
    print(sentence)
    command.leave(sentence)
    registry = Registry()
    if run_id and registry.run(run_id) is not None:
        registry.tag_run(run_id, FAILURE_TAG, sentence[:5000])
        print(f"recorded: run {run_id}, tag {FAILURE_TAG}")
    else:
        registry.tag_model(name, FAILURE_TAG, sentence[:5000])
        print(f"recorded: registered model {name}, tag {FAILURE_TAG}")


def reason(failures: str) -> str:
    """What Argo's list of failed nodes says, oldest first. Argo quotes the list once more: a JSON string of JSON."""
    try:
        nodes = json.loads(failures or "[]")
        nodes = json.loads(nodes) if isinstance(nodes, str) else nodes
        told = [
            f"{node['displayName']}: {node.get('message') or node.get('phase', 'failed')}"
            for node in reversed(nodes or [])
        ]
    except (ValueError, KeyError, TypeError, AttributeError):
        return failures[:1000]
    return "; ".join(told) or "failed, and Argo names no failed step"


def main() -> int:
    return run_step(report_failure)
