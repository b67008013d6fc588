"""Writes images in the OCI layout as a tar stream, and imports them into containerd.

Format: the OCI image specification 1.1 (image-layout, manifest, config).
"""

import hashlib
import io
import json
import subprocess
import tarfile
from pathlib import Path
from typing import IO

from local.images.layers import digest_file, layer_tar
from local.images.table import LocalImage
from local.paths import Paths
from local.shell import run
from local.steps import StepError

REGISTRY = "ml-loop.local"
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

    def write(self, stream: IO[bytes]) -> None:
        """Writes the layout: index, manifest, config and layers."""
        described = {
            "mediaType": f"{OCI}.manifest.v1+json",
            "digest": f"sha256:{sha256(self.manifest)}",
            "size": len(self.manifest),
        }
        entries = [described | {"annotations": {"io.containerd.image.name": name}} for name in self.names]
        index = json.dumps({"schemaVersion": 2, "manifests": entries}).encode()
        with tarfile.open(fileobj=stream, mode="w|") as tar:
            add(tar, "oci-layout", b'{"imageLayoutVersion": "1.0.0"}')
            add(tar, "index.json", index)
            for blob in (self.manifest, self.config):
                add(tar, f"blobs/sha256/{sha256(blob)}", blob)
            for value, layer in dict(zip(self.digests, self.layers, strict=True)).items():
                tar.add(layer, f"blobs/sha256/{value}")


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
    """The image's manifest: layers are plain tars, which import faster than they would decompress."""
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
        self._ctr = ("ctr", "--address", str(socket), "--namespace", "k8s.io", "images")
        self._paths = paths

    def load(self, image: LocalImage) -> str:
        """Imports an image unless containerd has it; returns the reference that pods use."""
        archive = Archive(image, self._paths)
        if not set(archive.names) <= self.present():
            self._stream(archive)
        return archive.reference

    def present(self) -> set[str]:
        return set(run(*self._ctr, "list", "--quiet").split())

    def prune(self, images: tuple[LocalImage, ...], named: str) -> None:
        """Removes earlier builds: names of ours that no current image has, and that do not stand in the text `named`.

        Those that models were trained in stay: a version is served in its own, whenever it goes into production.
        """
        wanted = {name for image in images for name in Archive(image, self._paths).names}
        trained_in = tuple(f"{REGISTRY}/{image.name}@" for image in images if image.trains)
        ours = [name for name in self.present() if name.startswith(f"{REGISTRY}/")]
        old = [name for name in ours if name not in wanted and name not in named and not name.startswith(trained_in)]
        if old:
            self.remove(old)

    def remove(self, names: list[str]) -> None:
        run(*self._ctr, "remove", *names)

    def _stream(self, archive: Archive) -> None:
        process = subprocess.Popen(
            [*self._ctr, "import", "-"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        assert process.stdin is not None  # noqa: S101  # narrows the type: it was asked for
        try:
            archive.write(process.stdin)
        except BrokenPipeError:
            process.stdin = None
        _, told = process.communicate()
        if process.returncode:
            raise StepError(
                f"containerd refused the image {archive.reference}: {told.decode(errors='replace').strip()}"
            )
