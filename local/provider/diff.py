"""What changed between two sets of inputs, and what a live object says about the fields we own."""

from __future__ import annotations

import re
from typing import Any, Literal, TypeAlias

from kubernetes.utils.quantity import parse_quantity

from local.provider.values import Json, Secret, has_unknown, reveal

Change = Literal["add", "delete", "update"]
Changes: TypeAlias = dict[str, Change]
"""Changed paths in the engine's notation, as `spec.containers[0].image`."""
_MISSING: Any = object()
AUTONAMED = "pulumi.com/autonamed"


def changed_paths(old: Any, new: Any, at: str = "") -> Changes:
    """Every path at which the two differ, as deep as both sides have structure; secrets are compared in clear."""
    old, new = (value.value if isinstance(value, Secret) else value for value in (old, new))
    if isinstance(old, dict) and isinstance(new, dict):
        steps = [(_field(at, key), old.get(key, _MISSING), new.get(key, _MISSING)) for key in sorted(old.keys() | new)]
    elif isinstance(old, list) and isinstance(new, list):
        longest = max(len(old), len(new))
        steps = [(f"{at}[{i}]", _item(old, i), _item(new, i)) for i in range(longest)]
    elif reveal(old) == reveal(new):
        return {}
    else:
        return {at: "add" if old is _MISSING else "delete" if new is _MISSING else "update"}
    return {path: change for step, a, b in steps for path, change in changed_paths(a, b, step).items()}


def _field(at: str, key: str) -> str:
    if not re.fullmatch(r"[\w$-]+", key):
        return f'{at}["{key}"]'
    return f"{at}.{key}" if at else key


def _item(items: list[Any], index: int) -> Any:
    return items[index] if index < len(items) else _MISSING


def under(path: str, field: str) -> bool:
    """Whether the path is the field, is inside it, or contains it."""
    return path == field or path.startswith((f"{field}.", f"{field}[")) or field.startswith(f"{path}.")


def replacing(changes: Changes, fields: tuple[str, ...]) -> tuple[str, ...]:
    """The changed paths that touch one of the fields."""
    return tuple(path for path in changes if any(under(path, field) for field in fields))


def delete_first(old: Json, new: Json) -> bool:
    """Whether a replacement would collide with what it replaces: same namespace, same name, not generated."""
    before, after = reveal(old.get("metadata") or {}), reveal(new.get("metadata") or {})
    if not isinstance(after, dict) or has_unknown(after.get("name")):
        return False
    autonamed = (after.get("annotations") or {}).get(AUTONAMED) == "true"
    return not autonamed and all(before.get(key) == after.get(key) for key in ("name", "namespace"))


def owned(given: Any, live: Any) -> Any:
    """The live values of the fields that `given` sets: the inputs of a program that asks for the live state.

    Fields that others added (defaults, injected containers, status) are left out. A field that is gone is left out too,
    so that the next update sees a difference. Secrets stay secret.
    """
    if isinstance(given, Secret):
        return Secret(owned(given.value, live))
    if isinstance(given, dict) and isinstance(live, dict):
        return {
            key: owned(value, live.get(key)) for key, value in given.items() if key in live or value in (None, {}, [])
        }
    if isinstance(given, list) and isinstance(live, list):
        return _owned_list(given, live)
    return given if _same(given, live) else live


def _owned_list(given: list[Any], live: list[Any]) -> list[Any]:
    """A list's items by name, as others may add items; by position where names repeat (mounts of one volume)."""
    by_name = {item["name"]: item for item in live if isinstance(item, dict) and "name" in item}
    ours = [isinstance(item, dict) and item.get("name") in by_name for item in given]
    if given and all(ours) and len(by_name) == len(live):
        return [owned(item, by_name[item["name"]]) for item in given]
    return [owned(given[i], item) if i < len(given) else item for i, item in enumerate(live)]


def _same(given: Any, live: Any) -> bool:
    """Equal, or one quantity written in two ways: the API server stores `1000m` as `1`."""
    if given == live or (live is None and given in (None, {}, [])):
        return True
    try:
        return isinstance(live, str) and parse_quantity(given) == parse_quantity(live)
    except (ValueError, TypeError):
        return False
