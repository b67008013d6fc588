"""The layers of Python packages: each from the lock of an environment, with one layer for what two of them share."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from local.paths import REPOSITORY, Paths
from local.shell import run
from local.steps import key_of

BYTECODE: Final = ("UV_COMPILE_BYTECODE=1", "PYC_INVALIDATION_MODE=UNCHECKED_HASH")
"""Modules are compiled into the image: no pod can write them beside its packages, so each would compile them anew. They
are checked by hash, as the times of files get lost on the way into an image.
"""
_TARGET: Final = ("--python-version", "3.11", "--python-platform", "x86_64-manylinux_2_28", "--only-binary", ":all:")


@dataclass(frozen=True, kw_only=True)
class Environment:
    """A locked environment, or a part of it."""

    project: str
    part: tuple[str, ...] = ("--no-dev",)
    """Options of `uv export` that choose the packages."""

    def key(self) -> str:
        project = REPOSITORY / self.project
        return key_of(project / "uv.lock", project / "pyproject.toml", *self.part)

    def packages(self) -> dict[str, str]:
        """Each package's line with version and platforms, and that line with the hashes of its files."""
        project = str(REPOSITORY / self.project)
        flags = ("--frozen", "--no-emit-project", "--no-header", "--no-annotate")
        exported = run("uv", "export", *flags, *self.part, "--project", project).replace("\\\n", "")
        return {line.partition("--hash=")[0].strip(): line for line in exported.splitlines()}


@dataclass(frozen=True, kw_only=True)
class Python:
    """The wheels of an environment below /opt/python; of several environments, those that all of them lock."""

    name: str
    environments: tuple[Environment, ...]
    above: "Python | None" = None
    """A layer below it, whose packages it leaves out."""

    def key(self, paths: Paths) -> str:
        below = [self.above.key(paths)] if self.above else []
        return key_of(*(each.key() for each in self.environments), *below, *BYTECODE)

    def packages(self) -> dict[str, str]:
        first, *others = (each.packages() for each in self.environments)
        left_out = self.above.packages() if self.above else {}
        return {
            package: line
            for package, line in first.items()
            if package not in left_out and all(package in other for other in others)
        }

    def fill(self, folder: Path, paths: Paths) -> None:
        site = folder / "opt" / "python"
        site.mkdir(parents=True)
        # The lock names every package; one that was left out on purpose must not come back as a dependency.
        flags = ("--no-deps", "--target", str(site), "--link-mode", "copy")
        locked = "\n".join(self.packages().values())
        run("env", *BYTECODE, "uv", "pip", "install", *_TARGET, *flags, "-r", "-", stdin=locked)
        name_interpreters(site / "bin")


def name_interpreters(folder: Path) -> None:
    """Does so for a folder of commands. Compiled modules are beside them where a command is a `.py` file."""
    for script in folder.glob("*"):
        if script.is_file():
            name_interpreter(script)


def name_interpreter(script: Path) -> None:
    """Lets a command that pip made start the image's own Python: it names the Python that pip ran with."""
    content = script.read_bytes()
    first, _, rest = content.partition(b"\n")
    if first.startswith(b"#!") and b"python" in first:
        script.write_bytes(b"#!/usr/bin/python3\n" + rest)
