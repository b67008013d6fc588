"""Reading IAM's policy documents: JSON in a string, or a mapping; a lone value where a list could be."""

import json
from collections.abc import Iterator
from typing import Any

from policy.manifest import elements, get


def statements(policy: Any, path: str) -> Iterator[tuple[str, Any]]:
    """The (path, statement) pairs of a document at `path`; none for a text that is not JSON, which AWS refuses."""
    try:
        document = json.loads(policy) if isinstance(policy, str) else policy
    except ValueError:
        return iter(())
    return several(get(document, "Statement"), f"{path}.Statement")


def several(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """The (path, value) pairs of a list, or of the one value that stands for a list of one."""
    if value is None or isinstance(value, list | tuple):
        return elements(value, path)
    return iter([(path, value)])
