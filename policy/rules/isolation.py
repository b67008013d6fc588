"""Own pods stand in namespaces where nobody talks to anybody until a NetworkPolicy says so."""

from collections.abc import Iterator

from policy.manifest import get
from policy.pods import WORKLOADS
from policy.rule import Resource, Rule, Stack
from policy.violation import Violation

POLICY = "networking.k8s.io/NetworkPolicy"
DIRECTIONS = {"Ingress": "ingress", "Egress": "egress"}


def open_namespaces(resource: Resource, stack: Stack) -> Iterator[Violation]:
    """Namespaces with own workloads, and without one policy that denies every pod all traffic."""
    if resource.kind != "/Namespace":
        return
    name = get(resource.manifest, "metadata", "name")
    owners = [other for other in stack.resources if other.kind in WORKLOADS and not other.from_chart]
    if any(get(owner.manifest, "metadata", "namespace") == name for owner in owners) and not any(
        _denies(policy) for policy in stack.manifests(POLICY) if get(policy, "metadata", "namespace") == name
    ):
        required = "one with an empty podSelector, policyTypes Ingress and Egress, and without rules"
        yield Violation(resource.name, "NetworkPolicy", None, required, "add it: other policies add to it")


def _denies(policy: object) -> bool:
    spec = get(policy, "spec")
    types = get(spec, "policyTypes")
    return (
        not get(spec, "podSelector")
        and isinstance(types, list)
        and set(types) == set(DIRECTIONS)
        and not any(get(spec, key) for key in DIRECTIONS.values())
    )


DENIED_BY_DEFAULT = Rule(
    name="denied-by-default",
    description="Namespaces with own workloads deny all traffic that no NetworkPolicy allows.",
    check=open_namespaces,
    whole_stack=True,
)
