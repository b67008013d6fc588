"""One rule's verdict on one resource: what is violated, what is not known yet, and what exceptions cover."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from policy.exceptions import covers, told
from policy.manifest import Unknown
from policy.rule import Resource, Rule, Stack
from policy.violation import Violation
from settings import PolicyException


@dataclass(frozen=True)
class Ruling:
    """The outcome of a rule for a resource. Passed means that all three are empty."""

    violations: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    """Properties that a preview cannot know: neither violated nor passed."""
    excepted: tuple[str, ...] = ()


def judge(rule: Rule, resource: Resource, stack: Stack, exceptions: Sequence[PolicyException], today: date) -> Ruling:
    """Apply a rule. An exception that has expired covers nothing, and the violations say so."""
    found = list(rule.check(resource, stack))
    violations = [violation.message for violation in found if violation.known]
    unknown = tuple(_unknown_messages(found))
    matching = [exception for exception in exceptions if covers(exception, rule.name, resource)]
    valid = [exception for exception in matching if today < exception.expires]
    if violations and valid:
        return Ruling(
            unknown=unknown, excepted=tuple(f"{message} [exception: {told(valid[0])}]" for message in violations)
        )
    expired = "".join(f" [exception expired: {told(exception)}]" for exception in matching)
    return Ruling(tuple(message + expired for message in violations), unknown)


def _unknown_messages(found: Sequence[Violation]) -> list[str]:
    """One line for each unknown value, however many properties depend on it."""
    by_source: dict[str, Violation] = {}
    for violation in found:
        if isinstance(violation.found, Unknown):
            first = by_source.setdefault(violation.found.path, violation)
            if first is not violation and first.field != violation.field:
                by_source[violation.found.path] = replace(
                    first, field=violation.found.path, container=None, required=""
                )
    return [violation.message for violation in by_source.values()]
