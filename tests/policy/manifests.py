"""Objects that every rule lets pass; each test breaks one property of a copy."""

import copy
from collections.abc import Mapping
from typing import Any

from policy.rule import Resource, Rule, Stack

DIGEST = "sha256:" + "0" * 64
IMAGE = f"registry.example/app@{DIGEST}"
CONTAINER_CONTEXT = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}
POD_CONTEXT = {
    "runAsNonRoot": True,
    "runAsUser": 65532,
    "runAsGroup": 65532,
    "seccompProfile": {"type": "RuntimeDefault"},
}
AT = 'Deployment ml/server, container "server": spec.template.spec.containers[0].'
SPEC = "spec.template.spec"
PREFIX = "pod-security.kubernetes.io/"


def container(name: str = "server", **settings: Any) -> dict[str, Any]:
    return {"name": name, "image": IMAGE, "securityContext": copy.deepcopy(CONTAINER_CONTEXT), **settings}


def pod(*containers: dict[str, Any]) -> dict[str, Any]:
    return {
        "automountServiceAccountToken": False,
        "securityContext": copy.deepcopy(POD_CONTEXT),
        "containers": list(containers) or [container()],
    }


def thing(api_version: str, kind: str, name: str, **content: Any) -> dict[str, Any]:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": "ml"}, **content}


def deployment(spec: dict[str, Any] | None = None) -> dict[str, Any]:
    return thing("apps/v1", "Deployment", "server", spec={"template": {"spec": spec or pod()}})


def namespace() -> dict[str, Any]:
    labels = {f"{PREFIX}{mode}": "restricted" for mode in ("enforce", "audit", "warn")}
    versions = {f"{label}-version": "v1.35" for label in labels}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "ml", "labels": labels | versions}}


def denial() -> dict[str, Any]:
    spec = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    return thing("networking.k8s.io/v1", "NetworkPolicy", "default-deny", spec=spec)


def changed(manifest: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy with the value at the dotted path replaced, or removed for None; numbers are list positions."""
    result = copy.deepcopy(manifest)
    target: Any = result
    *steps, last = (int(step) if step.isdigit() else step for step in path.split("."))
    for step in steps:
        target = target[step] if isinstance(step, int) else target.setdefault(step, {})
    if value is None:
        del target[last]
    else:
        target[last] = value
    return result


def messages(
    rule: Rule,
    manifest: Mapping[str, Any] | Resource,
    *others: Mapping[str, Any] | Resource,
    stack: str = "",
    **options: Any,
) -> list[str]:
    """What the rule says of the first object, beside the others."""
    resources = [one if isinstance(one, Resource) else Resource(one) for one in (manifest, *others)]
    found = rule.check(resources[0], Stack(tuple(resources), stack, options))
    return [violation.message for violation in found]
