"""Where the built-in cluster keeps what it builds and what it stores; nothing lands in the checkout."""

import os
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Paths:
    """All folders derive from one cache folder: `ML_LOOP_CACHE`, by default `~/.cache/ml-loop`."""

    cache: Path

    @classmethod
    def default(cls) -> "Paths":
        return cls(Path(os.environ.get("ML_LOOP_CACHE") or Path.home() / ".cache" / "ml-loop"))

    @property
    def bin(self) -> Path:
        """Binaries and links: first on PATH of everything the driver starts."""
        return self.cache / "bin"

    @property
    def go_caches(self) -> dict[str, Path]:
        """Go's caches while programs are built, under the variables that name them."""
        return {"GOCACHE": self.cache / "go-build", "GOMODCACHE": self.cache / "go-modules"}

    @property
    def images(self) -> Path:
        """Image layers and the index of what was imported."""
        return self.cache / "images"

    @property
    def steps(self) -> Path:
        """One file per finished step, holding the key of its inputs."""
        return self.cache / "steps"

    @property
    def node(self) -> Path:
        """The running cluster's state: certificates, etcd, containerd, volumes, logs."""
        return self.cache / "node"

    @property
    def volumes(self) -> Path:
        """Data of the persistent volumes; survives `make down`."""
        return self.node / "volumes"

    @property
    def stack(self) -> Path:
        """Pulumi's state, the stack's secrets and its rendered configuration."""
        return self.cache / "stack"

    @property
    def backend(self) -> str:
        """Where Pulumi keeps the stack's state, as its URL.

        It has no files of attributes beside it: a kill could leave one empty, and make the state unreadable.
        """
        return f"file://{self.stack}?metadata=skip"

    @property
    def kubeconfig(self) -> Path:
        return self.node / "admin.kubeconfig"
