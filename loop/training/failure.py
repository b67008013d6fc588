"""`python3 -m loop report-failure`: a failed workflow's exit handler. Says why in MLflow and in the pod's status.

Where there is a run, it gets the tag; before there is one, the registered model does. Each failure is already one
sentence, written by the step that failed.

Needs: `list` on Workflows. The sentences hold what a user's code said, so they are read from the workflow's status, not
through a template: Argo's controller would evaluate what looks like an expression in them.
"""

import sys
from typing import Any, Final

from kubernetes import client
from kubernetes.client.exceptions import ApiException

from contract.commands import ReportFailure
from contract.names import FAILURE_TAG, Env
from contract.starting import ENDED_BECAUSE
from loop.runtime import command, pod
from loop.runtime.inference import api_client, said
from loop.runtime.registry import Registry
from loop.training.step import experiment, run_step, setting

FAILED: Final = frozenset({"Failed", "Error"})


def report_failure() -> None:
    name, workflow, uid = setting(Env.MODEL), setting(Env.WORKFLOW), setting(Env.WORKFLOW_UID)
    sentence = f"{workflow}: {reason_of(workflow)}"
    print(sentence)
    command.leave(sentence)
    registry = Registry()
    if run := registry.run_of_workflow(experiment(), uid):
        registry.tag_run(run.info.run_id, FAILURE_TAG, sentence[:5000])
        print(f"recorded: run {run.info.run_id}, tag {FAILURE_TAG}")
    else:
        registry.tag_model(name, FAILURE_TAG, sentence[:5000])
        print(f"recorded: registered model {name}, tag {FAILURE_TAG}")


def reason_of(workflow: str) -> str:
    """What the workflow's status says, or why it could not be read: the failure is recorded in any case."""
    try:
        found = client.CustomObjectsApi(api_client()).list_namespaced_custom_object(
            "argoproj.io", "v1alpha1", pod.namespace(), "workflows", field_selector=f"metadata.name={workflow}"
        )
    except ApiException as error:
        return f"failed, and its status cannot be read: {said(error)}"
    (shown,) = found["items"] or [{}]
    ended = shown.get("metadata", {}).get("annotations", {}).get(ENDED_BECAUSE)
    return ended or reason(shown.get("status", {}))


def reason(status: dict[str, Any]) -> str:
    """The failed nodes of a workflow's status with their messages, oldest first.

    A large workflow's nodes are compressed; then only its own message is told.
    """
    nodes = [node for node in status.get("nodes", {}).values() if node.get("phase") in FAILED]
    nodes.sort(key=lambda node: (node.get("finishedAt") or "", node.get("displayName", "")))
    told = [f"{node.get('displayName')}: {node.get('message') or node.get('phase')}" for node in nodes]
    return "; ".join(told) or status.get("message") or "failed, and Argo names no failed step"


def main() -> int:
    ReportFailure.parse(sys.argv[1:])
    return run_step(report_failure)
