"""Builds the commands of our own Go module: Kubernetes in one binary, the sandbox process, the Pod Security oracle."""

from pathlib import Path
from typing import Final

from local.paths import REPOSITORY, Paths
from local.steps import key_of
from local.toolchain.gotools import compile_into, go, modules_of

MODULE: Final = REPOSITORY / "local" / "go"
# renovate: datasource=go depName=k8s.io/kubernetes
VERSION: Final = "v1.35.8"
"""Must be the version that `local/go/go.mod` requires: the binary reports it, and clients act on it."""
COMMANDS: Final = ("kubernetes", "pause", "podsecurity")
LINKS: Final = (("kubectl", "kubernetes"),)
"""Links to the binary, which is kubectl when it is called by that name."""
PACKAGES: Final = tuple(f"./cmd/{command}" for command in COMMANDS)


def key() -> str:
    return key_of(VERSION, MODULE / "go.mod", MODULE / "go.sum", MODULE / "cmd")


def fetch(_: Paths) -> None:
    """Downloads the modules that the build takes packages from."""
    go(["list", "-deps", *PACKAGES], MODULE)


def linked_modules(_: Paths) -> list[Path]:
    """Folders of the modules that the binaries are made of."""
    return modules_of(PACKAGES, "", MODULE)


def build(paths: Paths) -> None:
    """Builds every command as a static binary."""
    major, minor, _ = VERSION.removeprefix("v").split(".")
    package = "k8s.io/component-base/version"
    stamps = {"gitVersion": VERSION, "gitMajor": major, "gitMinor": minor}
    ldflags = " ".join(["-s -w", *(f"-X {package}.{name}={value}" for name, value in stamps.items())])
    compile_into(paths.bin, dict(zip(PACKAGES, COMMANDS, strict=True)), ["-ldflags", ldflags], MODULE)
