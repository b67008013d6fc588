"""The helpers beside these tests are importable in every import mode of pytest."""

import sys
from pathlib import Path

import pytest
from mlflow_server import MlflowServer

sys.path.insert(0, str(Path(__file__).parent))

from promotable import Loop


@pytest.fixture
def loop(tracking: MlflowServer) -> Loop:
    return Loop()
