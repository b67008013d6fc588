"""A token for the API server only where it has rights, one for each pod, and valid for an hour at most.

Kubernetes hands one to every pod unless the pod or its account declines it.
"""

from collections.abc import Iterator
from typing import Any

from policy.manifest import Unknown, elements, get
from policy.pods.template import PodTemplate
from policy.pods.workloads import WORKLOADS, pods
from policy.rule import Resource, Rule, Stack
from policy.rules.rbac import BINDINGS
from policy.violation import Violation

KEY = "automountServiceAccountToken"
SPELLING = (*WORKLOADS, "serving.kserve.io/InferenceService", "serving.knative.dev/Service")
"""Kinds whose pods themselves say whether they get a token."""
EVENTS = ("argoproj.io/EventSource", "argoproj.io/Sensor")
"""Kinds whose pods get what their account says, and have no way to mount a token themselves."""
FOLLOWING = (
    *(f"argoproj.io/{kind}" for kind in ("ClusterWorkflowTemplate", "CronWorkflow", "Workflow", "WorkflowTemplate")),
    *EVENTS,
)
"""Kinds whose pods get what their account says. Pods of all other kinds run as an account of the operator's."""
HOUR = 3600
"""Seconds; a token's life by the API server's default."""


def unearned_tokens(resource: Resource, stack: Stack) -> Iterator[Violation]:
    """Tokens of accounts without rights, second tokens of a pod, and tokens that outlive an hour."""
    if resource.from_chart:
        return
    if resource.kind == "/ServiceAccount":
        account = get(resource.manifest, "metadata", "name")
        runs_events = any(
            get(each, "spec", "template", "serviceAccountName") == account for each in stack.manifests(*EVENTS)
        )
        rights = _rights(account, stack) if runs_events else False
        required = "false, or true for an EventSource's or a Sensor's account with rights in this stack"
        yield from _switch(resource, KEY, get(resource.manifest, KEY), rights, required)
    elif resource.kind in (*SPELLING, *FOLLOWING):
        for pod in pods(resource.kind, resource.manifest, stack):
            yield from _pod_tokens(resource, pod, stack)


def _pod_tokens(resource: Resource, pod: PodTemplate, stack: Stack) -> Iterator[Violation]:
    account, mounted = get(pod.spec, "serviceAccountName"), get(pod.spec, KEY)
    if mounted is not None or resource.kind in SPELLING:
        required = "false, or true for an account with rights in this stack"
        yield from _switch(resource, pod.source(f"pod.{KEY}"), mounted, _rights(account, stack), required)
    elif isinstance(account, Unknown) or (owned := _account(resource, account, stack)) is None:
        field, required = pod.source("pod.serviceAccountName"), "an account of this stack, which hands out no token"
        yield Violation(resource.name, field, account, required, "name one: the account default hands out a token")
    else:
        mounted = get(owned, KEY)
    tokens = list(_projected(pod))
    for path, token in tokens:
        seconds = get(token, "expirationSeconds")
        if seconds is not None and (isinstance(seconds, Unknown) or seconds > HOUR):
            field = pod.source(f"{path}.expirationSeconds")
            yield Violation(resource.name, field, seconds, f"{HOUR} at most", "set it lower: the kubelet renews tokens")
    for_api = [pod.source(f"{path}.audience") for path, token in tokens if get(token, "audience") is None]
    for field in for_api if mounted is True else for_api[1:]:
        required = "set: the pod has a token for the API server already"
        yield Violation(resource.name, field, None, required, "name the one server that takes it")
    if for_api and (rights := _rights(account, stack)) is not True:
        found, required = rights or None, "set: the pod's account has no rights in this stack"
        yield Violation(resource.name, for_api[0], found, required, "name the one server that takes it")


def _projected(pod: PodTemplate) -> Iterator[tuple[str, Any]]:
    """(path, token) of each token among the pod's volumes."""
    for volume_path, volume in elements(get(pod.spec, "volumes"), "pod.volumes"):
        for path, source in elements(get(volume, "projected", "sources"), f"{volume_path}.projected.sources"):
            if (token := get(source, "serviceAccountToken")) is not None:
                yield f"{path}.serviceAccountToken", token


def _switch(resource: Resource, field: str, found: Any, rights: bool | Unknown, required: str) -> Iterator[Violation]:
    """Judges what an account or a pod says about its token."""
    if found is not False and not (found is True and rights is True):
        shown = rights if found is True and isinstance(rights, Unknown) else found
        yield Violation(resource.name, field, shown, required, "set it to false")


def _account(resource: Resource, name: Any, stack: Stack) -> Any:
    return stack.find("/ServiceAccount", get(resource.manifest, "metadata", "namespace"), str(name))


def _rights(account: Any, stack: Stack) -> bool | Unknown:
    """Whether a binding of the stack names the account."""
    bindings = [get(binding, "subjects") for binding in stack.manifests(*BINDINGS)]
    names = [get(subject, "name") for subjects in bindings for _, subject in elements(subjects, "subjects")]
    unknown = next((name for name in (account, *names) if isinstance(name, Unknown)), None)
    return account in names or unknown or False


EARNED_TOKENS = Rule(
    name="earned-tokens",
    description="Pods and accounts have a token for the API server only where they have rights there.",
    check=unearned_tokens,
    whole_stack=True,
)
