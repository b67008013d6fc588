"""What has left the settings and goes with the next update: namespaces with the volumes in them, and models.

Pulumi deletes what the program no longer declares. A namespace takes everything in it along, also what others put
there, so one that holds volumes stays until `discard` names it. Of a model, only what can be made again is deleted.

External: the cluster, read only. One that cannot be asked is a warning.
"""

from collections.abc import Iterator
from typing import Any, Final

import pulumi
from kubernetes import client
from kubernetes.client.exceptions import ApiException

from checks.cluster import PATIENCE_SECONDS, UNANSWERED, connected, reason
from components.kit.labels import of_stack
from components.training.template import TRAINED, model_of
from settings import Settings, SettingsError
from settings.problem import dotted

DISCARD: Final = dotted(["discard"])


def check(stack: Settings) -> None:
    """Raises SettingsError for volumes that would be lost unannounced. A preview only warns of them; of models that
    leave, every run warns.
    """
    try:
        api = connected(stack.cluster)
        lost = list(_lost_volumes(api, stack))
        gone = sorted(_departed_models(api, stack))
    except UNANSWERED as error:
        pulumi.log.warn(
            f"{stack.cluster.context} could not be asked for data that an update would delete: {reason(error)}"
        )
        return
    for model in gone:
        pulumi.log.warn(
            f"{dotted(['models', model])} has left the settings: its services, training and detector are deleted. Its "
            "versions stay in MLflow, its logs and records in their store. Under another name a model begins without "
            "versions; write the name back to keep it as it is."
        )
    if lost and not pulumi.runtime.is_dry_run():
        raise SettingsError(lost)
    for problem in lost:
        pulumi.log.warn(problem)


def _lost_volumes(api: client.ApiClient, stack: Settings) -> Iterator[str]:
    """A sentence for each namespace of this stack that no setting names, and that holds volumes."""
    core = client.CoreV1Api(api)
    selector = ",".join(f"{key}={value}" for key, value in of_stack(pulumi.get_stack()).items())
    ours: Any = core.list_namespace(label_selector=selector, _request_timeout=PATIENCE_SECONDS)
    for name in sorted({each.metadata.name for each in ours.items} - stack.namespaces - {*stack.discard}):
        claims: Any = core.list_namespaced_persistent_volume_claim(name, _request_timeout=PATIENCE_SECONDS)
        if volumes := ", ".join(sorted(each.metadata.name for each in claims.items)):
            yield (
                f"{DISCARD} does not name {name}, a namespace of this stack that no setting names any more: the update "
                f"would delete it with all that is in it, its volumes ({volumes}) and your Secrets too. Put the "
                f"namespace back, or add it to {DISCARD} once you have a copy of what you need."
            )


def _departed_models(api: client.ApiClient, stack: Settings) -> set[str]:
    """Models with a template of their trainings in the cluster, and without settings."""
    selector = ",".join(f"{key}={value}" for key, value in TRAINED.items())
    try:
        listed: Any = client.CustomObjectsApi(api).list_namespaced_custom_object(
            *("argoproj.io", "v1alpha1", stack.namespace, "workflowtemplates"),
            label_selector=selector,
            _request_timeout=PATIENCE_SECONDS,
        )
    except ApiException as error:
        if error.status == 404:  # a cluster without the kind
            return set()
        raise
    found = {model_of(each["metadata"]["name"]) for each in listed["items"]}
    return {model for model in found if model is not None} - stack.models.keys()
