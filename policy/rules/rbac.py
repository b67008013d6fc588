"""Least privilege: no wildcard in a role, nobody bound to cluster-admin."""

from collections.abc import Iterator

from policy.manifest import elements, get
from policy.rule import Level, Resource, Rule, Stack
from policy.violation import Violation

ROLES = ("rbac.authorization.k8s.io/Role", "rbac.authorization.k8s.io/ClusterRole")
BINDINGS = ("rbac.authorization.k8s.io/RoleBinding", "rbac.authorization.k8s.io/ClusterRoleBinding")


def wildcards(resource: Resource) -> Iterator[Violation]:
    """Each `*` in a role, and a binding to cluster-admin."""
    if resource.kind in ROLES:
        for path, rule in elements(get(resource.manifest, "rules"), "rules"):
            for key in ("apiGroups", "resources", "verbs", "nonResourceURLs"):
                for value_path, value in elements(get(rule, key), f"{path}.{key}"):
                    if not isinstance(value, str) or "*" in value:
                        yield Violation(resource.name, value_path, value, "named, not a wildcard", "list what is used")
    elif resource.kind in BINDINGS and (found := get(resource.manifest, "roleRef", "name")) == "cluster-admin":
        remedy = "bind a role with the verbs that are used"
        yield Violation(resource.name, "roleRef.name", found, "a role of the least privilege", remedy)


def own(resource: Resource, _stack: Stack) -> Iterator[Violation]:
    return iter(()) if resource.from_chart else wildcards(resource)


def charted(resource: Resource, _stack: Stack) -> Iterator[Violation]:
    return wildcards(resource) if resource.from_chart else iter(())


NO_WILDCARD_RBAC = Rule(
    name="no-wildcard-rbac",
    description="Roles name groups, resources and verbs.",
    check=own,
)
CHART_RBAC = Rule(
    name="chart-wildcard-rbac",
    description="Roles of charts name groups, resources and verbs.",
    check=charted,
    level=Level.ADVISORY,
)
