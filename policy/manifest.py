"""Reading manifests whose values may not be known yet.

In a preview some values exist only after the update. They stand in a manifest as `Unknown`, and reading below one gives
the same `Unknown`, so that a rule meets "not known yet" as a value of its own and never takes it for absent or allowed.
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
    """The value at `path`; None where a step is absent or no mapping; the `Unknown` it runs into, if any."""
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
