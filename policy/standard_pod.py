"""A pod as the controls of the Pod Security Standards see it: its containers, its security contexts, its version."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from policy.manifest import elements, get
from policy.violation import Violation


@dataclass(frozen=True)
class StandardPod:
    """A pod's metadata and spec, where the spec stands in its object, and the standard's version it is held to."""

    metadata: Mapping[str, Any]
    spec: Any
    object: str
    path: str
    version: tuple[int, int]

    def containers(self) -> Iterator[tuple[str, str, Any]]:
        """(path, name, container) of init, main and ephemeral containers."""
        for kind in ("initContainers", "containers", "ephemeralContainers"):
            for path, container in elements(get(self.spec, kind), f"{self.path}.{kind}"):
                name = get(container, "name")
                yield path, name if isinstance(name, str) else path.removeprefix(f"{self.path}."), container

    def contexts(self) -> Iterator[tuple[str, str | None, Any]]:
        """(path, container or None for the pod, security context)."""
        yield f"{self.path}.securityContext", None, get(self.spec, "securityContext")
        yield from self.container_contexts()

    def container_contexts(self) -> Iterator[tuple[str, str, Any]]:
        for path, name, container in self.containers():
            yield f"{path}.securityContext", name, get(container, "securityContext")

    @property
    def windows(self) -> bool:
        """The API refuses the Linux-only fields on such a pod, so the standard doesn't ask for them."""
        return get(self.spec, "os", "name") == "windows"

    @property
    def user_namespace(self) -> bool:
        """Root inside a user namespace is nobody outside it; the standard allows it since 1.35."""
        return self.version >= (1, 35) and get(self.spec, "hostUsers") is False

    def violation(self, path: str, found: Any, required: str, remedy: str, container: str | None = None) -> Violation:
        return Violation(self.object, path, found, required, remedy, container)
