"""The helpers beside these tests are importable in every import mode of pytest."""

import sys
from collections.abc import Iterator
from email.utils import format_datetime
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from fake_api import NOON, LeaseServer


@pytest.fixture
def server() -> Iterator[LeaseServer]:
    running = LeaseServer()
    running.date = format_datetime(NOON, usegmt=True)
    yield running
    running.close()
