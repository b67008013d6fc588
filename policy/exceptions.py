"""Exceptions from rules: written down in config, each with a reason and an end."""

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from pydantic import ValidationError

from policy.manifest import get
from policy.rule import Resource
from settings import PolicyException
from settings.scalars import restored

SCHEMA: Mapping[str, Any] = {
    "type": "array",
    "description": "Objects the rule need not hold for, each with a reason and an end.",
    "items": {
        "type": "object",
        "required": ["reason", "expires"],
        "additionalProperties": False,
        "properties": {
            "object": {"type": "string", "description": "Kind/namespace/name, * for any part. Unset: every object."},
            "reason": {"type": "string", "minLength": 1},
            "expires": {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$", "description": "First day without it."},
        },
    },
}


def covers(exception: PolicyException, rule: str, resource: Resource) -> bool:
    """Whether the exception covers the object, by its Kind/namespace/name."""
    return exception.rule == rule and fnmatchcase(identity(resource), exception.object)


def told(exception: PolicyException) -> str:
    return f"{exception.rule} for {exception.object} until {exception.expires}: {exception.reason}"


def identity(resource: Resource) -> str:
    """Kind/namespace/name, as far as there are such parts; for a cloud resource, its type's last part and its name."""
    kind = get(resource.manifest, "kind") if resource.kind else resource.type.rpartition(":")[2]
    names = (get(resource.manifest, "metadata", key) for key in ("namespace", "name")) if resource.kind else ()
    parts = [part for part in (kind, *names) if isinstance(part, str)]
    return "/".join(parts if resource.kind else [*parts, resource.label.rpartition(" ")[2]])


def read_exceptions(entries: Iterable[Mapping[str, Any]], rule: str | None = None) -> tuple[PolicyException, ...]:
    """The exceptions of a config; `rule` names the rule where the config is that of one rule.

    Raises ValueError, with the key and the remedy, for an entry without a rule, a reason or a date.
    """
    return tuple(_read({"rule": rule, **entry} if rule else entry) for entry in entries)


def _read(entry: Mapping[str, Any]) -> PolicyException:
    try:
        return PolicyException.model_validate(restored(entry))
    except ValidationError as error:
        problems = " ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        raise ValueError(f"policy exception {dict(entry)}: {problems}") from None
