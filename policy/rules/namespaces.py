"""Every namespace the stack creates or deploys pods into enforces restricted, at a pinned version."""

import re
from collections.abc import Iterator

from policy.manifest import Unknown, get
from policy.pod_security import PINNED_VERSION
from policy.pods.workloads import OPERATED, WORKLOADS
from policy.rule import Resource, Rule, Stack
from policy.violation import Violation

PREFIX = "pod-security.kubernetes.io/"
MODES = ("enforce", "audit", "warn")


def label_violations(resource: Resource, stack: Stack) -> Iterator[Violation]:
    """The labels of a Namespace; for a workload, whether its namespace is one of the stack's."""
    if resource.kind == "/Namespace":
        for mode in MODES:
            level, version = (
                get(resource.manifest, "metadata", "labels", PREFIX + key) for key in (mode, f"{mode}-version")
            )
            field = f"metadata.labels[{PREFIX}{mode}"
            if level != "restricted":
                yield Violation(resource.name, f"{field}]", level, "restricted", "set it to restricted")
            if isinstance(version, Unknown) or not re.fullmatch(r"v1\.\d+", str(version)):
                required, remedy = "a pinned version such as v1.35", f"set it to {PINNED_VERSION}"
                yield Violation(resource.name, f"{field}-version]", version, required, remedy)
    elif resource.kind in WORKLOADS or resource.kind in OPERATED:
        # An Application's pods are in another namespace than itself.
        path = ("spec", "destination") if resource.kind == "argoproj.io/Application" else ("metadata",)
        namespace = get(resource.manifest, *path, "namespace")
        if namespace is None or "/Cluster" in resource.kind:
            return
        if isinstance(namespace, Unknown) or stack.find("/Namespace", None, namespace) is None:
            found = namespace if isinstance(namespace, Unknown) else Unknown(f"the labels of namespace {namespace}")
            field = ".".join((*path, "namespace"))
            yield Violation(resource.name, field, found, "a namespace that enforces restricted", "")


RESTRICTED_NAMESPACES = Rule(
    name="restricted-namespaces",
    description="Namespaces enforce Pod Security restricted at a pinned version.",
    check=label_violations,
    whole_stack=True,
)
