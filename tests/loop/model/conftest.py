"""The helpers beside these tests are importable in every import mode of pytest."""

import sys
from pathlib import Path

import pytest

from loop.model.requests import InputCheck

sys.path.insert(0, str(Path(__file__).parent))
from request_checks import SIGNATURE


@pytest.fixture
def check() -> InputCheck:
    return InputCheck(SIGNATURE, max_rows=3)
