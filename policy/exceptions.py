"""Exceptions from rules: written down in config, each with a reason and an end."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase
from typing import Any

from policy.manifest import get
from policy.rule import Resource

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


@dataclass(frozen=True)
class PolicyException:
    """One rule that need not hold for the objects whose Kind/namespace/name matches `object`, before `expires`."""

    rule: str
    object: str
    reason: str
    expires: date

    def covers(self, rule: str, resource: Resource) -> bool:
        return self.rule == rule and fnmatchcase(identity(resource), self.object)

    def __str__(self) -> str:
        return f"{self.rule} for {self.object} until {self.expires}: {self.reason}"


def identity(resource: Resource) -> str:
    """Kind/namespace/name, as far as there are such parts; a cloud resource is its type's last part and its name."""
    kind = get(resource.manifest, "kind") if resource.kind else resource.type.rpartition(":")[2]
    names = (get(resource.manifest, "metadata", key) for key in ("namespace", "name")) if resource.kind else ()
    parts = [part for part in (kind, *names) if isinstance(part, str)]
    return "/".join(parts if resource.kind else [*parts, resource.label.rpartition(" ")[2]])


def read_exceptions(entries: Iterable[Mapping[str, Any]], rule: str | None = None) -> tuple[PolicyException, ...]:
    """The exceptions of a config; `rule` names the rule where the config stands below it.

    Raises ValueError, with the key and the remedy, for an entry without a rule, a reason or a date.
    """
    return tuple(_read(entry, rule) for entry in entries)


def _read(entry: Mapping[str, Any], rule: str | None) -> PolicyException:
    name, reason, expires = entry.get("rule", rule), entry.get("reason"), entry.get("expires")
    if not name or not reason:
        missing = "rule" if not name else "reason"
        raise ValueError(f"policy exception {dict(entry)}: {missing} is not set; must be a text; write it down")
    try:
        end = date.fromisoformat(str(expires).partition(" ")[0])  # Pulumi writes an unquoted date with a time
    except ValueError as error:
        raise ValueError(
            f"policy exception {dict(entry)}: expires is {expires!r}; must be a date such as 2027-01-31; write one"
        ) from error
    return PolicyException(str(name), str(entry.get("object") or "*"), str(reason), end)
