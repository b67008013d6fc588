"""Least privilege: roles name groups, resources, verbs and objects; no account is bound to cluster-admin."""

from collections.abc import Iterator
from itertools import chain

from policy.manifest import elements, get
from policy.rule import Level, Resource, Rule, Stack
from policy.violation import Violation

ROLES = ("rbac.authorization.k8s.io/Role", "rbac.authorization.k8s.io/ClusterRole")
NAMED_VERBS = ("get", "update", "patch", "delete")
NAMELESS_VERBS = ("create", "list", "watch", "deletecollection")
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


def unnamed(resource: Resource) -> Iterator[Violation]:
    """Rights on all objects of a kind although verbs take names. A right to any Secret is a right to all of them."""
    for path, rule in elements(get(resource.manifest, "rules"), "rules") if resource.kind in ROLES else ():
        verbs, resources, names = (
            [value for _, value in elements(get(rule, key), key)] for key in ("verbs", "resources", "resourceNames")
        )
        # `create` has no name yet, so a rule with other verbs beside it (get, create, update of a lease) can't have one
        # either.
        nameable = any(verb in NAMED_VERBS for verb in verbs) and not any(verb in NAMELESS_VERBS for verb in verbs)
        if not names and ("secrets" in resources or nameable):
            remedy = "list the names"
            yield Violation(resource.name, f"{path}.resourceNames", None, "the objects that are used", remedy)


def own(resource: Resource, _stack: Stack) -> Iterator[Violation]:
    return iter(()) if resource.from_chart else chain(wildcards(resource), unnamed(resource))


def charted(resource: Resource, _stack: Stack) -> Iterator[Violation]:
    return wildcards(resource) if resource.from_chart else iter(())


NO_WILDCARD_RBAC = Rule(
    name="no-wildcard-rbac",
    description="Roles name groups, resources, verbs and, where verbs take one, objects.",
    check=own,
)
CHART_RBAC = Rule(
    name="chart-wildcard-rbac",
    description="Roles of charts name groups, resources and verbs.",
    check=charted,
    level=Level.ADVISORY,
)
