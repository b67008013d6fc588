"""Which templates of trainings something still runs by: an update that took one away would end its trainings.

Argo compares a Workflow with its template as long as it runs (`templateReferencing: Secure`), so each content has a
template of its own, and earlier ones stay until nothing names them (decision 30).

External: the cluster, read only. Where it cannot be asked, earlier templates are unknown, which is a warning.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

import pulumi
from kubernetes import client
from kubernetes.client.exceptions import ApiException

from checks.cluster import PATIENCE_SECONDS, UNANSWERED, connected, reason
from components.training.metrics import ENDED
from components.training.template import TRAINED, belongs
from settings import Settings

GROUP: Final = "argoproj.io"
VERSION: Final = "v1alpha1"
Specs = Mapping[str, Any]
"""Name of a WorkflowTemplate → its spec, as the cluster has it."""


def templates_in_use(stack: Settings) -> Mapping[str, Specs]:
    """Model → the templates of its trainings that a running Workflow, a schedule or a sensor names."""
    if not stack.models:
        return {}
    try:
        return _found(stack)
    except UNANSWERED as error:
        pulumi.log.warn(
            f"{stack.cluster.context} could not be asked for running trainings, so an update that changes how a model "
            f"is trained may end them: {reason(error)}"
        )
        return {}


def _found(stack: Settings) -> Mapping[str, Specs]:
    api = client.CustomObjectsApi(connected(stack.cluster))

    def objects(plural: str) -> list[Any]:
        try:
            listed: Any = api.list_namespaced_custom_object(
                GROUP, VERSION, stack.namespace, plural, _request_timeout=PATIENCE_SECONDS
            )
        except ApiException as error:
            if error.status == 404:  # a cluster without the kind
                return []
            raise
        return listed["items"]

    templates = {each["metadata"]["name"]: each for each in objects("workflowtemplates") if _is_ours(each)}
    if not templates:
        return {}
    users = [json.dumps(each["spec"]) for each in _users(objects)]
    used = {name: each["spec"] for name, each in templates.items() if any(f'"{name}"' in user for user in users)}
    return {model: {name: spec for name, spec in used.items() if belongs(name, model)} for model in stack.models}


def _users(objects: Any) -> Iterator[Any]:
    """The objects that may start a Workflow, and Workflows that have not ended."""
    yield from objects("cronworkflows")
    yield from objects("sensors")
    yield from (each for each in objects("workflows") if each.get("status", {}).get("phase") not in ENDED)


def _is_ours(template: Any) -> bool:
    return TRAINED.items() <= template["metadata"].get("labels", {}).items()
