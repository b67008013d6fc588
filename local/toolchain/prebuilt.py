"""Programs built before, in a folder of wheels (`ML_LOOP_WHEELS`): taken by key and hash instead of being built again.

`prebuilt.json` pins, for each program, the key of its build and the hash of each binary: builds are the same byte for
byte with the same Go. `make wheels` writes it and the wheels, `make verify-wheels` builds anew and compares.
"""

import hashlib
import json
import os
import shutil
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from local.paths import Paths
from local.steps import StepError
from local.toolchain.programs import Program

VARIABLE: Final = "ML_LOOP_WHEELS"
PINS: Final = Path(__file__).with_name("prebuilt.json")


@dataclass(frozen=True, kw_only=True)
class BuildPin:
    """What a program's build resulted in."""

    key: str
    go: str
    """The Go that built it; another version makes other bytes."""
    sha256: Mapping[str, str]
    """Binary → hash."""


def pins() -> dict[str, BuildPin]:
    read: dict[str, Any] = json.loads(PINS.read_text())
    return {name: BuildPin(**pin) for name, pin in read.items()}


def write_pins(found: Mapping[str, BuildPin]) -> None:
    PINS.write_text(json.dumps({name: asdict(found[name]) for name in sorted(found)}, indent=2) + "\n")


def wheel_name(program: str, key: str) -> str:
    """A wheel for any Python on Linux; the local part of its version is the build's key."""
    return f"ml_loop_{program.replace('-', '_')}-0+{key[:12]}-py3-none-linux_x86_64.whl"


def wheel_of(program: Program) -> tuple[Path, BuildPin] | None:
    """The wheel with what would be built, and its pin; None where no folder is named or nothing in it fits."""
    folder, pin = os.environ.get(VARIABLE), pins().get(program.name)
    if not folder or pin is None or pin.key != program.key():
        return None
    if not Path(folder).is_dir():
        raise StepError(f"{VARIABLE} is {folder!r}, which is not a folder; name one with wheels, or unset it")
    wheel = Path(folder) / wheel_name(program.name, pin.key)
    return (wheel, pin) if wheel.exists() else None


def fetch(program: Program, paths: Paths) -> str | None:
    """Downloads what the build reads, unless there is nothing to build."""
    if wheel_of(program):
        return "not needed"
    program.fetch(paths)
    return None


def provide(program: Program, paths: Paths) -> str:
    """Leaves the program in the bin folder; the note says what it was taken from."""
    found = wheel_of(program)
    if found:
        unpack(*found, paths.bin)
    else:
        program.build(paths)
    for link, binary in program.links:
        (paths.bin / link).unlink(missing_ok=True)
        (paths.bin / link).symlink_to(binary)
    return f"from {found[0].name}" if found else "built from source"


def unpack(wheel: Path, pin: BuildPin, target: Path) -> None:
    """Takes only the pinned binaries; one with another hash never appears in the bin folder."""
    with zipfile.ZipFile(wheel) as archive, TemporaryDirectory(dir=target, prefix=".wheel-") as unfinished:
        members = {Path(name).name: name for name in archive.namelist() if ".data/scripts/" in name}
        for binary, expected in pin.sha256.items():
            if binary not in members:
                raise StepError(f"{wheel} lacks {binary}; make it again (make wheels), or unset {VARIABLE}")
            written = Path(unfinished) / binary
            with archive.open(members[binary]) as packed, written.open("wb") as file:
                shutil.copyfileobj(packed, file)
            if (found := sha256(written)) != expected:
                raise StepError(
                    f"{wheel} has {binary} with the hash {found}, pinned is {expected}; do not use it: make it anew "
                    f"(make wheels), or unset {VARIABLE}"
                )
            written.chmod(0o755)
        for binary in pin.sha256:
            (Path(unfinished) / binary).replace(target / binary)


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
