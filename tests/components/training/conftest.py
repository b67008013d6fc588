"""Fixtures of these tests."""

import pytest

from tests.components.arguments import training_args
from tests.components.training.built import build
from tests.program.mocks import Recording


@pytest.fixture(scope="module")
def recording() -> Recording:
    return build(training_args())
