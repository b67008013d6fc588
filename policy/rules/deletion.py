"""In production, what holds data is deleted on purpose only: Pulumi's `protect`, and no `forceDestroy`."""

from collections.abc import Iterator

from policy.manifest import get
from policy.rule import Resource, Rule, Stack
from policy.rules.buckets import BUCKETS
from policy.violation import Violation

STATEFUL_KINDS = ("postgresql.cnpg.io/Cluster", "/PersistentVolumeClaim")


def unprotected(resource: Resource, stack: Stack) -> Iterator[Violation]:
    """Stateful resources of a production stack that a careless `pulumi up` would delete."""
    if not stack.production or not (resource.type in BUCKETS or resource.kind in STATEFUL_KINDS):
        return
    if resource.type and not resource.protected:
        yield Violation(resource.name, "opts.protect", resource.protected, "true", "set protect=True in its options")
    if (found := get(resource.manifest, "forceDestroy")) not in (None, False):
        yield Violation(resource.name, "forceDestroy", found, "false or unset", "remove it")


DELETION_PROTECTION = Rule(
    name="deletion-protection",
    description="Stateful resources of production are protected from deletion.",
    check=unprotected,
)
