"""Image layers whose content does not come from elsewhere as it is."""

from pathlib import Path

import pytest

from local.images.layers import name_interpreter, name_interpreters


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
