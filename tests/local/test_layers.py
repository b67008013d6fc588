"""Image layers whose content does not come from elsewhere as it is."""

from pathlib import Path

import pytest

from local.images.packages import Environment, Python, name_interpreter, name_interpreters
from local.images.table import LOOP_PACKAGES, MLFLOW_PACKAGES, SHARED
from local.paths import Paths


@pytest.mark.parametrize("environment", [MLFLOW_PACKAGES, LOOP_PACKAGES], ids=["mlflow", "loop"])
def test_the_shared_layer_and_the_image_s_own_are_the_whole_environment(environment: Environment) -> None:
    shared = SHARED.packages()
    own = Python(name="own", environments=(environment,), above=SHARED).packages()
    assert shared
    assert shared | own == environment.packages()
    assert not shared.keys() & own.keys()


def test_layers_change_with_the_lock_of_any_of_their_environments(tmp_path: Path) -> None:
    one, other = (Environment(project=str(tmp_path / name)) for name in ("one", "other"))
    for each in (one, other):
        Path(each.project).mkdir()
        for file in ("uv.lock", "pyproject.toml"):
            (Path(each.project) / file).touch()
    shared = Python(name="shared", environments=(one, other))
    above = Python(name="above", environments=(one,), above=shared)
    before = [layer.key(Paths(tmp_path)) for layer in (shared, above)]
    (Path(other.project) / "uv.lock").write_text("changed")
    assert not set(before) & {layer.key(Paths(tmp_path)) for layer in (shared, above)}


@pytest.mark.parametrize(
    ("made", "kept"),
    [
        (b"#!/home/me/.venv/bin/python3\nprint()\n", b"#!/usr/bin/python3\nprint()\n"),
        (b"#!/bin/sh\necho python\n", b"#!/bin/sh\necho python\n"),
        (b"\x7fELF\n", b"\x7fELF\n"),
    ],
    ids=["a command", "another language", "a binary"],
)
def test_a_command_starts_the_image_s_own_python(tmp_path: Path, made: bytes, kept: bytes) -> None:
    script = tmp_path / "command"
    script.write_bytes(made)
    name_interpreter(script)
    assert script.read_bytes() == kept


def test_compiled_modules_beside_the_commands_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "jp.py").write_bytes(b"#!/home/somebody/.venv/bin/python\nrun()\n")
    name_interpreters(tmp_path)
    assert (tmp_path / "jp.py").read_bytes() == b"#!/usr/bin/python3\nrun()\n"
