"""`python -m local.toolchain.wheelwright make|verify FOLDER [NAME…]`: wheels of what is built, and their proof.

`make` packs binaries whose build is current, each with the licenses of all modules that are linked, and pins their
hashes. `verify` builds each pinned program again, from nothing, and compares.
"""

import base64
import hashlib
import os
import sys
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from local.lock import building
from local.paths import REPOSITORY, Paths
from local.plan import ELSEWHERE
from local.shell import run
from local.toolchain.prebuilt import BuildPin, Program, pins, sha256, wheel_name, write_pins
from local.toolchain.programs import KUBERNETES, of_tool
from local.toolchain.tools import TOOLS

LICENCES = ("LICENSE", "LICENCE", "COPYING", "NOTICE", "COPYRIGHT", "PATENTS")
EPOCH = (1980, 1, 1, 0, 0, 0)


def programs(names: Sequence[str]) -> list[Program]:
    """All programs of the built-in cluster, or the named ones."""
    tools = [of_tool(tool) for tool in TOOLS.values() if tool.commands and tool.name not in ELSEWHERE]
    found = [program for program in (KUBERNETES, *tools) if program.name in names or not names]
    if unknown := set(names) - {program.name for program in found}:
        sys.exit(
            f"wheelwright: no program {', '.join(sorted(unknown))}; one of {', '.join(p.name for p in programs([]))}"
        )
    return found


def go_version() -> str:
    return run("go", "env", "GOVERSION").strip()


def is_built(program: Program, paths: Paths) -> bool:
    """Whether `make up` left what would now be built."""
    marker = paths.steps / f"build-{program.name}"
    return marker.exists() and marker.read_text() == program.key()


def licenses(program: Program, paths: Paths) -> Iterator[tuple[str, bytes]]:
    """Path below the wheel's `licenses/` → text, of every linked module and of this repository."""
    yield "ml-loop/LICENSE", (REPOSITORY / "LICENSE").read_bytes()
    for folder in program.modules(paths):
        for file in sorted(folder.iterdir()):
            if file.is_file() and file.name.upper().startswith(LICENCES):
                yield f"{str(folder).partition('/pkg/mod/')[2] or folder.name}/{file.name}", file.read_bytes()


def pack(program: Program, paths: Paths, folder: Path) -> BuildPin:
    """Writes the program's wheel; the same content makes the same file."""
    pin = BuildPin(key=program.key(), go=go_version(), sha256={b: sha256(paths.bin / b) for b in program.binaries})
    wheel = folder / wheel_name(program.name, pin.key)
    stem = "-".join(wheel.name.split("-")[:2])
    metadata = f"Metadata-Version: 2.4\nName: ml-loop-{program.name}\nVersion: 0+{pin.key[:12]}\n"
    metadata += f"Summary: Built for ml-loop by {pin.go}; key {pin.key}\n"
    files = {f"{stem}.data/scripts/{binary}": (paths.bin / binary).read_bytes() for binary in program.binaries}
    files |= {f"{stem}.dist-info/licenses/{name}": text for name, text in licenses(program, paths)}
    files[f"{stem}.dist-info/METADATA"] = metadata.encode()
    files[f"{stem}.dist-info/WHEEL"] = (
        b"Wheel-Version: 1.0\nGenerator: ml-loop\nRoot-Is-Purelib: false\nTag: py3-none-linux_x86_64\n"
    )
    record = [f"{name},sha256={digest(content)},{len(content)}" for name, content in files.items()]
    files[f"{stem}.dist-info/RECORD"] = "\n".join([*record, f"{stem}.dist-info/RECORD,,", ""]).encode()
    unfinished = wheel.with_suffix(".part")
    with zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (0o755 if ".data/scripts/" in name else 0o644) << 16
            archive.writestr(entry, content)
    unfinished.replace(wheel)
    return pin


def digest(content: bytes) -> str:
    """The digest as RECORD wants it."""
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def make(folder: Path, names: Sequence[str], paths: Paths) -> int:
    """Packs what is built, and says of the rest why there is no wheel."""
    folder.mkdir(parents=True, exist_ok=True)
    found = pins()
    missing = 0
    for program in programs(names):
        if is_built(program, paths):
            found[program.name] = pin = pack(program, paths, folder)
            wheel = folder / wheel_name(program.name, pin.key)
            print(f"{wheel.name}: {wheel.stat().st_size / 1e6:.0f} MB")
        else:
            missing += 1
            print(f"{program.name}: not built, or of another key; `make up` builds it", file=sys.stderr)
    write_pins(found)
    return 1 if missing else 0


def verify(names: Sequence[str]) -> int:
    """Builds pinned programs again, in a folder and with a compiler cache of their own, and compares the bytes."""
    wrong = 0
    for program in programs(names):
        pin = pins().get(program.name)
        if pin is None or pin.key != program.key():
            print(f"{program.name}: not pinned with this key; nothing to verify")
            continue
        if pin.go != go_version():
            print(f"{program.name}: pinned with {pin.go}, this is {go_version()}: other bytes prove nothing")
            wrong += 1
            continue
        with TemporaryDirectory(prefix="ml-loop-verify-") as scratch:
            os.environ["GOCACHE"] = f"{scratch}/gocache"
            fresh = Paths(Path(scratch))
            fresh.bin.mkdir()
            with building(Paths.default()):
                program.build(fresh)
            different = [binary for binary, expected in pin.sha256.items() if sha256(fresh.bin / binary) != expected]
        print(f"{program.name}: {'other bytes in ' + ', '.join(different) if different else 'the same bytes'}")
        wrong += bool(different)
    return 1 if wrong else 0


def main(arguments: Sequence[str]) -> int:
    match arguments:
        case ["make", folder, *names]:
            return make(Path(folder), names, Paths.default())
        case ["verify", *names]:
            return verify(names)
        case _:
            print("usage: python -m local.toolchain.wheelwright make FOLDER [NAME…] | verify [NAME…]", file=sys.stderr)
            return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
