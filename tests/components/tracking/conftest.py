"""MLflow as we deliver it, and as Argo CD does."""

from typing import Any

import pytest

from tests.components.arguments import mlflow_args
from tests.components.tracking.delivered import build, delivered
from tests.program.mocks import Recording


@pytest.fixture(scope="package")
def recording() -> Recording:
    """By way of Argo CD."""
    return delivered()


@pytest.fixture(scope="package")
def own() -> dict[str, Any]:
    """The pod template of our own Deployment."""
    return build(mlflow_args()).inputs("Deployment")["spec"]["template"]
