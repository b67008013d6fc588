"""A pod that an object leads to, and the field that each of its parts comes from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from policy.manifest import Manifest


@dataclass(frozen=True)
class PodTemplate:
    """A pod's metadata and spec. Paths in `sources` and messages start at `pod`, the root of the spec."""

    metadata: Manifest
    spec: Any
    sources: Mapping[str, str] = field(default_factory=dict[str, str])
    """Path in the pod → the field a person changes, such as `pod.securityContext` → `spec.securityContext`."""
    injected: frozenset[str] = frozenset()
    """Containers that the operator adds by itself."""
    part: bool = False
    """Whether another object completes the pod: an InferenceService its runtime's, a chart an Application's."""

    def source(self, text: str) -> str:
        """The text of a message with each path in the pod replaced by its source, the most specific one."""
        for path in sorted(self.sources, key=len, reverse=True):
            if text.startswith(path):
                return self.sources[path] + text.removeprefix(path)
            text = text.replace(f" {path}", f" {self.sources[path]}")
        return text
