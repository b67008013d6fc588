"""Writes images in the OCI layout as a tar stream, and imports them into containerd.

Format: the OCI image specification 1.1 (image-layout, manifest, config).
"""

import hashlib
import io
import json
import subprocess
import tarfile
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from local.images.layers import digest_file, layer_tar
from local.images.table import LocalImage
from local.paths import Paths
from local.shell import run
from local.steps import StepError

REGISTRY = "ml-loop.local"
YOURS = f"{REGISTRY}/models"
"""Prefix of the images of users' own models: only the registry of models knows whether a version still needs one."""
OCI = "application/vnd.oci.image"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Archive:
    """One image as the OCI documents that describe it: config, manifest, and the reference it gets."""

    def __init__(self, image: LocalImage, paths: Paths) -> None:
        self.layers = [layer_tar(layer, paths) for layer in image.layers]
        digests = [digest_file(layer).read_text() for layer in self.layers]
        self.config = json.dumps(config(image, digests)).encode()
        self.manifest = json.dumps(manifest(self.config, self.layers, digests)).encode()
        self.digests = digests
        suffix = f":{image.tag}@sha256:{sha256(self.manifest)}" if image.tag else f"@sha256:{sha256(self.manifest)}"
        self.reference = f"{REGISTRY}/{image.name}{suffix}"
        # containerd resolves `name:tag@digest` by digest alone; an image with a tag is named by the tag as well.
        self.names = [f"{REGISTRY}/{image.name}@sha256:{sha256(self.manifest)}"]
        if image.tag:
            self.names.append(f"{REGISTRY}/{image.name}:{image.tag}")

    def write(self, stream: IO[bytes], held: Collection[str] = ()) -> None:
        """Writes the layout: index, manifest, config and layers, without blobs that the reader has already."""
        index = json.dumps(index_of(self.manifest, self.names)).encode()
        with tarfile.open(fileobj=stream, mode="w|") as tar:
            add(tar, "oci-layout", b'{"imageLayoutVersion": "1.0.0"}')
            add(tar, "index.json", index)
            for blob in (self.manifest, self.config):
                add(tar, f"blobs/sha256/{sha256(blob)}", blob)
            for value, layer in dict(zip(self.digests, self.layers, strict=True)).items():
                if f"sha256:{value}" not in held:
                    tar.add(layer, f"blobs/sha256/{value}")

    def lay_out(self, folder: Path) -> None:
        """Writes the layout into an empty folder of the layers' file system: they are linked.

        It has a history, as buildah demands of an image that it builds on.
        """
        blobs = folder / "blobs" / "sha256"
        blobs.mkdir(parents=True)
        history = [{"created_by": layer.stem} for layer in self.layers]
        described = json.dumps(json.loads(self.config) | {"history": history}).encode()
        document = json.dumps(manifest(described, self.layers, self.digests)).encode()
        (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
        (folder / "index.json").write_text(json.dumps(index_of(document, ())))
        for blob in (document, described):
            (blobs / sha256(blob)).write_bytes(blob)
        for value, layer in dict(zip(self.digests, self.layers, strict=True)).items():
            (blobs / value).hardlink_to(layer)


class BuiltArchive(Archive):
    """A user's own image as an unpacked `docker-archive`, the format of buildah's whose layers are plain tars.

    The node has those of its layers that are the loop's image.
    """

    def __init__(self, name: str, folder: Path) -> None:
        (described,) = json.loads((folder / "manifest.json").read_text())
        self.layers = [folder / layer for layer in described["Layers"]]
        self.config = (folder / described["Config"]).read_bytes()
        self.digests = [each.removeprefix("sha256:") for each in json.loads(self.config)["rootfs"]["diff_ids"]]
        self.manifest = json.dumps(manifest(self.config, self.layers, self.digests)).encode()
        self.reference = f"{YOURS}/{name}@sha256:{sha256(self.manifest)}"
        self.names = [self.reference]


def index_of(manifest: bytes, names: Sequence[str]) -> dict[str, object]:
    """The index of a layout with one image, under the names that containerd gives it."""
    described = {
        "mediaType": f"{OCI}.manifest.v1+json",
        "digest": f"sha256:{sha256(manifest)}",
        "size": len(manifest),
    }
    named = [described | {"annotations": {"io.containerd.image.name": name}} for name in names]
    return {"schemaVersion": 2, "manifests": named or [described]}


def config(image: LocalImage, digests: list[str]) -> dict[str, object]:
    """The image's config document."""
    settings = {
        "User": image.user,
        "Env": [f"{key}={value}" for key, value in ({"PATH": PATH} | image.env).items()],
        "WorkingDir": "/",
    }
    if image.entrypoint:
        settings["Entrypoint"] = list(image.entrypoint)
    return {
        "architecture": "amd64",
        "os": "linux",
        "config": settings,
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{value}" for value in digests]},
    }


def manifest(config: bytes, layers: list[Path], digests: list[str]) -> dict[str, object]:
    """The image's manifest: layers are plain tars, which are imported faster than they could be decompressed."""
    return {
        "schemaVersion": 2,
        "mediaType": f"{OCI}.manifest.v1+json",
        "config": {
            "mediaType": f"{OCI}.config.v1+json",
            "digest": f"sha256:{sha256(config)}",
            "size": len(config),
        },
        "layers": [
            {"mediaType": f"{OCI}.layer.v1.tar", "digest": f"sha256:{value}", "size": layer.stat().st_size}
            for value, layer in zip(digests, layers, strict=True)
        ],
    }


def add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    tar.addfile(info, io.BytesIO(content))


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class Importer:
    """Puts images into the node's containerd, where the kubelet looks them up by reference."""

    def __init__(self, socket: Path, paths: Paths) -> None:
        self._blobs = socket.parent / "root" / "io.containerd.content.v1.content" / "blobs" / "sha256"
        self._ctr = ("ctr", "--address", str(socket), "--namespace", "k8s.io")
        self._paths = paths

    def load(self, image: LocalImage) -> str:
        """Imports an image unless containerd has it. Returns the reference that pods use."""
        archive = Archive(image, self._paths)
        if not set(archive.names) <= self.present():
            self._stream(archive)
            self._keep_once(archive)
        return archive.reference

    def _keep_once(self, archive: Archive) -> None:
        """Lets a layer's file and containerd's copy be one on disk; neither is ever written again in place."""
        for value, layer in zip(archive.digests, archive.layers, strict=True):
            held, same = self._blobs / value, layer.with_suffix(".tar.same")
            with suppress(OSError):  # another file system, or the layer of an image that is imported at the same time
                if not held.samefile(layer):
                    same.hardlink_to(held)
                    same.replace(layer)

    def present(self) -> set[str]:
        return set(run(*self._ctr, "images", "list", "--quiet").split())

    def prune(self, images: tuple[LocalImage, ...], named: str) -> None:
        """Removes earlier builds: names of ours that belong to no current image and are not in the text `named`.

        Images in which models were trained stay: each version is served in its own, whenever it goes into production.
        """
        wanted = {name for image in images for name in Archive(image, self._paths).names}
        trained_in = (*(f"{REGISTRY}/{image.name}@" for image in images if image.trains), f"{YOURS}/")
        ours = [name for name in self.present() if name.startswith(f"{REGISTRY}/")]
        old = [name for name in ours if name not in wanted and name not in named and not name.startswith(trained_in)]
        if old:
            self.remove(old)

    def remove(self, names: list[str]) -> None:
        run(*self._ctr, "images", "remove", *names)

    def load_built(self, name: str, folder: Path) -> str:
        """Imports what buildah has written there; returns the reference that pods use."""
        archive = BuiltArchive(name, folder)
        if archive.reference not in self.present():
            self._stream(archive)
        return archive.reference

    def _stream(self, archive: Archive) -> None:
        held = run(*self._ctr, "content", "list", "--quiet").split()
        process = subprocess.Popen(
            [*self._ctr, "images", "import", "-"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        assert process.stdin is not None  # noqa: S101  # narrows the type: it was asked for
        try:
            archive.write(process.stdin, held)
        except BrokenPipeError:
            process.stdin = None
        _, told = process.communicate()
        if process.returncode:
            raise StepError(
                f"containerd refused the image {archive.reference}: {told.decode(errors='replace').strip()}"
            )
