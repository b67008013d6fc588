"""In the stack's namespaces no pod talks to another until a NetworkPolicy says so."""

from collections.abc import Iterator

from policy.manifest import get
from policy.rule import Resource, Rule, Stack
from policy.violation import Violation

POLICY = "networking.k8s.io/NetworkPolicy"
DIRECTIONS = {"Ingress": "ingress", "Egress": "egress"}


def open_namespaces(resource: Resource, stack: Stack) -> Iterator[Violation]:
    """Namespaces without one policy that denies every pod all traffic."""
    if resource.kind != "/Namespace" or resource.from_chart:
        return
    name = get(resource.manifest, "metadata", "name")
    policies = [policy for policy in stack.manifests(POLICY) if get(policy, "metadata", "namespace") == name]
    if not any(_denies(policy) for policy in policies):
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
    description="Namespaces deny all traffic that no NetworkPolicy allows.",
    check=open_namespaces,
    whole_stack=True,
)
