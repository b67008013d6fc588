"""Own containers run on a read-only root: what they write goes to volumes, which the manifest names."""

from collections.abc import Iterator

from policy.manifest import get
from policy.pods.workloads import containers, pods
from policy.rule import Resource, Rule, Stack
from policy.violation import Violation


def writable_roots(resource: Resource, stack: Stack) -> Iterator[Violation]:
    """Containers that may write their root; containers of charts and those that operators inject are not our own."""
    if resource.from_chart:
        return
    for pod in pods(resource.kind, resource.manifest, stack):
        for path, container in containers(pod):
            name, found = get(container, "name"), get(container, "securityContext", "readOnlyRootFilesystem")
            if found is not True and name not in pod.injected:
                field = pod.source(f"{path}.securityContext.readOnlyRootFilesystem")
                remedy = "set it to true and mount an emptyDir where the container writes"
                yield Violation(resource.name, field, found, "true", remedy, str(name))


READ_ONLY_FILESYSTEM = Rule(
    name="read-only-filesystem",
    description="Own containers run on a read-only root filesystem.",
    check=writable_roots,
    whole_stack=True,
)
