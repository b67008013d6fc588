"""Reading manifests whose values may not be known yet.

In a preview some values exist only after the update. They stand in a manifest as `Unknown`, and reading below one gives
the same `Unknown`, so that "not known yet" is a value of its own for a rule, which never takes it for absent or
allowed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Manifest = Mapping[str, Any]


@dataclass(frozen=True)
class Unknown:
    """A value that only the update will know; `path` is where it stands in the object, such as `spec.replicas`."""

    path: str


def get(value: Any, *path: str) -> Any:
    """The value at `path`; None where a step is absent or not a mapping; the `Unknown` that it meets, if any."""
    for key in path:
        if isinstance(value, Unknown):
            return value
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def elements(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """The (path, element) pairs of a list; one `Unknown` element for a list that is not known yet."""
    if isinstance(value, Unknown):
        yield f"{path}[*]", value
    elif isinstance(value, list | tuple):
        for index, element in enumerate(value):
            yield f"{path}[{index}]", element


def entries(value: Any) -> Iterator[tuple[str, Any]]:
    """The (key, value) pairs of a mapping; one `Unknown` under the key `*` for a mapping that is not known yet."""
    if isinstance(value, Unknown):
        yield "*", value
    elif isinstance(value, Mapping):
        yield from value.items()


def strategic_merge(base: Any, patch: Any) -> Any:
    """Kubernetes' strategic merge: maps merge by key, lists of named elements by name, all else is replaced."""
    if patch is None or isinstance(base, Unknown):
        return base
    if isinstance(base, Mapping) and isinstance(patch, Mapping):
        merged = dict(base)
        for key, value in patch.items():
            # An explicit null deletes, as podSpecPatch users rely on.
            merged[key] = strategic_merge(merged.get(key), value) if value is not None else None
        return merged
    if _named(base) and _named(patch):
        changes = {element["name"]: element for element in patch}
        kept = [strategic_merge(element, changes.pop(element["name"], None)) for element in base]
        return [*kept, *changes.values()]
    return patch


def _named(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(element, Mapping) and "name" in element for element in value)
