"""Own pods say as whom they run: users and groups above 0, whatever their images say.

Restricted asks only for `runAsNonRoot`. But a process without a group has group 0, and many files are writable by
root's group.
"""

from collections.abc import Iterator

from policy.manifest import Unknown, elements, get
from policy.pods.workloads import containers, pods
from policy.rule import Resource, Rule, Stack
from policy.violation import Violation

REQUIRED = "a number above 0"
REMEDY = "name one, such as 65532"


def unnamed_users(resource: Resource, stack: Stack) -> Iterator[Violation]:
    """Users and groups that are root's, or that the image decides on; those of charts and operators are not judged."""
    for pod in pods(resource.kind, resource.manifest, stack):
        if resource.from_chart or pod.part:
            continue
        own = [(path, each) for path, each in containers(pod) if get(each, "name") not in pod.injected]
        for key in ("runAsUser", "runAsGroup"):
            contexts = [(f"{path}.securityContext", get(each, "securityContext", key)) for path, each in own]
            shared = get(pod.spec, "securityContext", key)
            if shared is not None or any(found is None for _, found in contexts):
                contexts.append(("pod.securityContext", shared))
            for path, found in contexts:
                if not (_above_zero(found) or (found is None and path != "pod.securityContext")):
                    yield Violation(resource.name, pod.source(f"{path}.{key}"), found, REQUIRED, REMEDY)
        context = get(pod.spec, "securityContext")
        groups = elements(get(context, "supplementalGroups"), "pod.securityContext.supplementalGroups")
        for path, found in [("pod.securityContext.fsGroup", get(context, "fsGroup")), *groups]:
            if found is not None and not _above_zero(found):
                yield Violation(resource.name, pod.source(path), found, REQUIRED, REMEDY)


def _above_zero(found: object) -> bool:
    return not isinstance(found, Unknown) and isinstance(found, int) and found > 0


NAMED_USERS = Rule(
    name="named-users",
    description="Own pods name their user and their groups, none of them root's.",
    check=unnamed_users,
    whole_stack=True,
)
