"""`make image`: a model's Dockerfile built without Docker, by buildah, for the built-in cluster or for a registry.

Buildah's store is in the cache folder. The image that the Dockerfile begins with is the project's own, from the
layers that `make up` has built; where there are none, or another image is named, it is pulled from a registry.
"""

import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import versions
from local.images.layers import digest_file, layer_tar
from local.images.oci import REGISTRY, Archive, Importer, sha256
from local.images.table import IMAGES
from local.node.node import Node
from local.node.teardown import unmount_below
from local.paths import REPOSITORY, Paths
from local.shell import run
from local.starter import pip_settings
from local.starter.folder import SETTINGS, ModelFolder
from local.starter.yaml_text import with_image, with_model
from local.steps import Runner, Step, StepError
from local.toolchain import debian

LOOP = next(image for image in IMAGES if image.name == "loop")


@dataclass(frozen=True, kw_only=True)
class Order:
    """What `make image` is asked for."""

    folder: ModelFolder
    registry: str = ""
    """Where the image is pushed; empty: it is given to the built-in cluster."""
    base: str = ""
    """Image that the Dockerfile begins with; empty: the project's own."""
    stack: str = ""
    """Stack whose file gets the settings; empty: none."""


class Build:
    """One image on its way; each method is a step."""

    def __init__(self, order: Order, paths: Paths) -> None:
        self._order, self._paths = order, paths
        self._store = paths.cache / "buildah"
        self._tag = f"localhost/{order.folder.name}:built"
        self._from = order.base
        self.reference = ""

    def run(self, runner: Runner) -> str:
        """The image's reference."""
        node = Node(self._paths)
        if not self._order.registry and not node.daemons["containerd"].pid():
            raise StepError("the built-in cluster, which gets the image, is not running; start it with `make up`")
        target = f"push to {self._order.registry}" if self._order.registry else "give it to the cluster"
        try:
            runner.run(
                [
                    Step(name="buildah", run=lambda: debian.provide({"buildah": "buildah"})),
                    Step(name="base", run=self._base, needs=["buildah"]),
                    Step(name="build", run=self.build, needs=["base"]),
                    Step(name=target, run=self._push if self._order.registry else self._give, needs=["build"]),
                    Step(name="settings", run=self.write_settings, needs=[target]),
                ]
            )
        finally:
            unmount_below(self._store)
        return self.reference

    def _base(self) -> str:
        """Puts the base into buildah's store under its own name."""
        if self._order.base:
            return f"{self._from}, as asked"
        if not all(digest_file(layer_tar(layer, self._paths)).exists() for layer in LOOP.layers):
            self._from = versions.LOOP.reference
            return f"{self._from}, as this machine has built none"
        archive = Archive(LOOP, self._paths)
        self._from = f"{REGISTRY}/loop:{sha256(archive.manifest)[:12]}"
        if not self._buildah("images", "--quiet", "--filter", f"reference={self._from}").strip():
            layout = self._fresh("base")
            archive.lay_out(layout)
            image = self._buildah("pull", "--quiet", f"oci:{layout.name}").strip().splitlines()[-1]
            self._buildah("tag", image, self._from)
            shutil.rmtree(layout)
        return self._from

    def build(self) -> None:
        """Runs the folder's Dockerfile on the base."""
        folder = self._order.folder.path
        if not (folder / "Dockerfile").exists():
            raise StepError(f"{folder} has no Dockerfile; `make model NAME=…` makes a folder with one")
        with tempfile.TemporaryDirectory(dir=self._store) as scratch:
            secrets = pip_settings.secrets(Path(scratch), os.environ)
            self._buildah(
                *("bud", "--isolation", "chroot", "--format", "oci", "--layers", *self._pulling()),
                *("--build-arg", f"LOOP={self._from}", *secrets, "--tag", self._tag, str(folder)),
            )

    def _pulling(self) -> tuple[str, ...]:
        """An image built here is never pulled from a registry; another base is, unless it is here already."""
        if self._from.startswith(f"{REGISTRY}/"):
            return ("--pull-never",)
        return ("--pull=missing", *unencrypted(self._from))

    def _give(self) -> str:
        folder = self._fresh("built")
        self._buildah("push", self._tag, f"docker-archive:{folder.name}/image.tar")
        run("tar", "-C", str(folder), "-xf", str(folder / "image.tar"))
        importer = Importer(Node(self._paths).socket, self._paths)
        self.reference = importer.load_built(self._order.folder.name, folder)
        shutil.rmtree(folder)
        return self.reference

    def _push(self) -> str:
        digests = self._store / "digest"
        target = f"{self._order.registry}/{self._order.folder.name}"
        self._buildah(
            "push", *unencrypted(target), "--digestfile", str(digests), self._tag, f"docker://{target}:latest"
        )
        self.reference = f"{target}@{digests.read_text().strip()}"
        return self.reference

    def write_settings(self) -> str:
        """Writes the reference to where people and stacks look for it."""
        file = self._order.folder.path / SETTINGS
        file.write_text(with_image(file.read_text(), self.reference))
        if not self._order.stack:
            return str(file)
        stack = REPOSITORY / f"Pulumi.{self._order.stack}.yaml"
        if not stack.exists():
            raise StepError(
                f"STACK is {self._order.stack!r}, and there is no {stack.name}; make one, as a copy of another stack's"
            )
        stack.write_text(with_model(stack.read_text(), self._order.folder.name, file.read_text(), self.reference))
        return f"{file} and {stack.name}"

    def _fresh(self, name: str) -> Path:
        folder = self._store / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder

    def _buildah(self, *arguments: str) -> str:
        # Run in its store: it names images after their paths, which must not begin with a dot.
        return run("buildah", *arguments, env=self._environment(), cwd=self._store)

    def _environment(self) -> Mapping[str, str]:
        """Buildah's environment: its store is on the disk that has room for it."""
        self._store.mkdir(parents=True, exist_ok=True)
        storage, run_root, graph_root = (self._store / name for name in ("storage.conf", "run", "store"))
        storage.write_text(f'[storage]\ndriver = "overlay"\nrunroot = "{run_root}"\ngraphroot = "{graph_root}"\n')
        return os.environ | {"CONTAINERS_STORAGE_CONF": str(storage)}


def unencrypted(reference: str) -> tuple[str, ...]:
    """Buildah's option for a registry on this machine, which need not speak TLS."""
    return ("--tls-verify=false",) if reference.startswith(("127.0.0.1:", "localhost:")) else ()
