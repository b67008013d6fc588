"""Least privilege on AWS: policies of roles, users and groups name actions and resources, trust policies name who is
trusted.

Policies of a key, a bucket or a queue are not judged: there `*` as the resource means the one that has the policy.
"""

from collections.abc import Iterator
from typing import Any

from policy.iam_document import several, statements
from policy.manifest import Unknown, elements, get
from policy.rule import Resource, Rule, Stack
from policy.violation import Violation

ROLE = "aws:iam/role:Role"
POLICIES = ("aws:iam/policy:Policy", *(f"aws:iam/{one}Policy:{one.title()}Policy" for one in ("role", "user", "group")))
ATTACHMENTS = tuple(f"aws:iam/{one}PolicyAttachment:{one.title()}PolicyAttachment" for one in ("role", "user", "group"))
EVERYONE = ("*", {"AWS": "*"}, {"AWS": ["*"]})
REMEDY = "list what is used"


def iam_wildcards(resource: Resource, _stack: Stack) -> Iterator[Violation]:
    """What a policy allows by `*` or by omission; roles that everyone may take; AWS's own policies of full access."""
    manifest = resource.manifest
    if resource.type in POLICIES:
        yield from _open(resource, "policy", get(manifest, "policy"))
    elif resource.type in ATTACHMENTS:
        yield from _full(resource, "policyArn", get(manifest, "policyArn"))
    elif resource.type == ROLE:
        yield from _trusting(resource, get(manifest, "assumeRolePolicy"))
        for path, inline in elements(get(manifest, "inlinePolicies"), "inlinePolicies"):
            yield from _open(resource, f"{path}.policy", get(inline, "policy"))
        for path, arn in elements(get(manifest, "managedPolicyArns"), "managedPolicyArns"):
            yield from _full(resource, path, arn)


def _open(resource: Resource, field: str, policy: Any) -> Iterator[Violation]:
    """A policy of an identity, at `field`."""
    for path, statement in _allowing(field, policy):
        for key in ("NotAction", "NotResource"):
            if (found := get(statement, key)) is not None:
                yield Violation(resource.name, f"{path}.{key}", found, "unset, as it allows all else", REMEDY)
        for at, action in several(get(statement, "Action"), f"{path}.Action"):
            if not isinstance(action, str) or "*" in action:
                yield Violation(resource.name, at, action, "named, not a wildcard", REMEDY)
        for at, arn in several(get(statement, "Resource"), f"{path}.Resource"):
            # arn:<partition>:<service>:<region>:<account>:<name>
            if not isinstance(arn, str) or arn.split(":", 5)[-1].startswith("*"):
                yield Violation(resource.name, at, arn, "an ARN that names what is used", REMEDY)


def _trusting(resource: Resource, policy: Any) -> Iterator[Violation]:
    for path, statement in _allowing("assumeRolePolicy", policy):
        found = get(statement, "Principal")
        if found in EVERYONE or isinstance(found, Unknown):
            yield Violation(resource.name, f"{path}.Principal", found, "named, not everyone", "name who takes the role")


def _full(resource: Resource, path: str, arn: Any) -> Iterator[Violation]:
    if isinstance(arn, Unknown) or str(arn).endswith(("/AdministratorAccess", "FullAccess")):
        yield Violation(resource.name, path, arn, "a policy of the least privilege", "write one with what is used")


def _allowing(field: str, policy: Any) -> Iterator[tuple[str, Any]]:
    for path, statement in statements(policy, field):
        if get(statement, "Effect") != "Deny":
            yield path, statement


NO_WILDCARD_IAM = Rule(
    name="no-wildcard-iam",
    description="IAM policies name actions and resources, and roles name who takes them.",
    check=iam_wildcards,
)
