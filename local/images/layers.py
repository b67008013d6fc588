"""Image layers: each knows what it depends on and how to fill an empty folder with its files.

A layer is built into `<images>/<name>.part` and renamed when it is whole, as an uncompressed tar beside its digest.
"""

import hashlib
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from local.node.teardown import unmount_below
from local.paths import REPOSITORY, Paths
from local.shell import run
from local.steps import key_of


class Layer(Protocol):
    """One layer of an image."""

    @property
    def name(self) -> str: ...
    def key(self, paths: Paths) -> str:
        """A key that changes when the layer's content would."""
        ...

    def fill(self, folder: Path, paths: Paths) -> None:
        """Writes the layer's files below an empty folder."""
        ...


@dataclass(frozen=True, kw_only=True)
class Base:
    """A minimal Debian root file system."""

    suite: str
    packages: tuple[str, ...]
    name: str = "base"

    def key(self, paths: Paths) -> str:
        return key_of(self.suite, *self.packages)

    def fill(self, folder: Path, paths: Paths) -> None:
        include = ",".join(self.packages)
        run("debootstrap", "--variant=minbase", f"--include={include}", self.suite, str(folder))
        forget_downloads(folder)
        shutil.rmtree(folder / "proc", ignore_errors=True)
        (folder / "proc").mkdir()


@dataclass(frozen=True, kw_only=True)
class Apt:
    """Debian packages over a base, installed in a chroot."""

    name: str
    base: Base
    packages: tuple[str, ...]
    before: str = ""
    after: str = ""

    def key(self, paths: Paths) -> str:
        return key_of(self.base.key(paths), *self.packages, self.before, self.after)

    def fill(self, folder: Path, paths: Paths) -> None:
        script = "; ".join(
            part
            for part in (
                "apt-get update -qq",
                self.before,
                f"apt-get install -y -qq --no-install-recommends {' '.join(self.packages)}",
                self.after,
            )
            if part
        )
        with chroot(base_folder(paths, self.base), folder) as root:
            environment = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C.UTF-8"]
            run("chroot", str(root), "/usr/bin/env", "-i", *environment, "sh", "-ec", script)
        forget_downloads(folder)
        for marker in folder.rglob("*"):
            # Whiteouts of the base's files: those files are caches and locks, which are harmless in the image.
            if marker.is_char_device():
                marker.unlink()


@dataclass(frozen=True, kw_only=True)
class Programs:
    """Static binaries with the certificates and user names they need: an image without a distribution."""

    name: str
    binaries: tuple[tuple[str, str], ...]
    """Name in the cache's bin folder → path in the image."""
    links: tuple[tuple[str, str], ...] = ()

    def key(self, paths: Paths) -> str:
        stamps = [str((paths.bin / binary).stat().st_mtime_ns) for binary, _ in self.binaries]
        return key_of(*stamps, str(self))

    def fill(self, folder: Path, paths: Paths) -> None:
        (folder / "etc" / "ssl" / "certs").mkdir(parents=True)
        shutil.copy("/etc/ssl/certs/ca-certificates.crt", folder / "etc" / "ssl" / "certs")
        (folder / "etc" / "passwd").write_text("root:x:0:0::/:/none\nnonroot:x:65532:65532::/:/none\n")
        (folder / "etc" / "group").write_text("root:x:0:\nnonroot:x:65532:\n")
        (folder / "tmp").mkdir(mode=0o1777)
        for binary, place in self.binaries:
            target = folder / place.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(paths.bin / binary, target)
        for place, target in self.links:
            (folder / place.lstrip("/")).symlink_to(target)


@dataclass(frozen=True, kw_only=True)
class Files:
    """Folders of this repository below /opt/app."""

    name: str
    folders: tuple[str, ...]
    entry_points: str | None = None
    """A `.dist-info` folder, by which MLflow finds plugins among the folders."""

    def key(self, paths: Paths) -> str:
        folders = (*self.folders, *([self.entry_points] if self.entry_points else []))
        return key_of(*folders, *(REPOSITORY / folder for folder in folders))

    def fill(self, folder: Path, paths: Paths) -> None:
        app = folder / "opt" / "app"
        for source in self.folders:
            ignore = shutil.ignore_patterns("__pycache__", "*.pyc")
            shutil.copytree(REPOSITORY / source, app / source, ignore=ignore)
        if self.entry_points:
            # Python looks for it in the folders of its path only.
            shutil.copytree(REPOSITORY / self.entry_points, app / Path(self.entry_points).name)


@dataclass(frozen=True, kw_only=True)
class Maven:
    """Jars of Maven Central with everything they need at run time, in one folder of the image."""

    name: str
    pom: str
    place: str

    def key(self, paths: Paths) -> str:
        return key_of(REPOSITORY / self.pom, self.place)

    def fill(self, folder: Path, paths: Paths) -> None:
        target = folder / self.place.lstrip("/")
        goal = ("dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={target}")
        run("mvn", "--quiet", "--batch-mode", "--strict-checksums", "-f", str(REPOSITORY / self.pom), *goal)


def build(layer: Layer, paths: Paths) -> None:
    """Builds a layer's tar and its digest; what an interrupted build left is cleared first."""
    part, tar = paths.images / f"{layer.name}.part", layer_tar(layer, paths)
    unmount_below(part.with_suffix(".merged"))
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    layer.fill(part, paths)
    unfinished = tar.with_suffix(".tar.part")
    run("tar", "-C", str(part), "--numeric-owner", "--sort=name", *ownership(layer), "-cf", str(unfinished), ".")
    digest_file(tar).write_text(digest(unfinished))
    unfinished.replace(tar)
    if isinstance(layer, Base):
        shutil.rmtree(base_folder(paths, layer), ignore_errors=True)
        part.rename(base_folder(paths, layer))
    shutil.rmtree(part, ignore_errors=True)


def ownership(layer: Layer) -> tuple[str, ...]:
    """Debian's own files keep their owners; everything else belongs to root and is readable by all."""
    return () if isinstance(layer, Base | Apt) else ("--owner=0", "--group=0", "--mode=a+rX,u+w")


def layer_tar(layer: Layer, paths: Paths) -> Path:
    return paths.images / f"{layer.name}.tar"


def digest_file(tar: Path) -> Path:
    return tar.with_suffix(".sha256")


def base_folder(paths: Paths, base: Base) -> Path:
    """The unpacked base: lower layer of every chroot."""
    return paths.images / f"{base.name}.rootfs"


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def chroot(lower: Path, upper: Path) -> Generator[Path]:
    """An overlay of `upper` over `lower` with what apt needs, in which services of installed packages do not start."""
    merged, work = upper.with_suffix(".merged"), upper.with_suffix(".work")
    for folder in (merged, work):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
    run("mount", "-t", "overlay", "overlay", "-o", f"lowerdir={lower},upperdir={upper},workdir={work}", str(merged))
    try:
        run("mount", "-t", "proc", "proc", str(merged / "proc"))
        run("mount", "--bind", "/dev", str(merged / "dev"))
        for file in ("/etc/resolv.conf", "/etc/ssl/certs/ca-certificates.crt"):
            shutil.copy(file, merged / file.lstrip("/"))
        policy = merged / "usr" / "sbin" / "policy-rc.d"
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
        yield merged
        policy.unlink()
    finally:
        for mount in (merged / "dev", merged / "proc", merged):
            run("umount", "--lazy", str(mount))
        shutil.rmtree(merged, ignore_errors=True)
        shutil.rmtree(work, ignore_errors=True)


def forget_downloads(root: Path) -> None:
    for folder in ("var/cache/apt", "var/lib/apt/lists", "var/log", "usr/share/doc", "usr/share/man"):
        shutil.rmtree(root / folder, ignore_errors=True)
        if folder.startswith("var"):
            (root / folder).mkdir(parents=True)
