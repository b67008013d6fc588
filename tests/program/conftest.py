"""The program as the tests of this room run it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.program import program
from tests.program.mocks import Recording
from tests.program.program import Run


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs the program with a stack file and changes to its keys: `run("local", {"tracking": {...}})`."""

    def run(stack: str, changes: Mapping[str, Any] | None = None) -> Recording:
        return program.run(stack, tmp_path / "config", changes)

    return run
