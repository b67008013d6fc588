"""What a pod tells MLflow of itself."""

from importlib.metadata import PathDistribution
from pathlib import Path

import pytest
from mlflow.tracking.request_header.registry import RequestHeaderProviderRegistry

from contract.names import Env

METADATA = Path(__file__).parents[3] / "images/loop/ml_loop.dist-info"


@pytest.fixture
def registry() -> RequestHeaderProviderRegistry:
    """MLflow's own, with the provider that the image's entry point names."""
    (entry,) = PathDistribution(METADATA).entry_points
    assert entry.group == "mlflow.request_header_provider"
    registry = RequestHeaderProviderRegistry()
    registry.register(entry.load())
    return registry


def headers(registry: RequestHeaderProviderRegistry) -> dict[str, str]:
    return {key: value for each in registry if each.in_context() for key, value in each.request_headers().items()}


def test_a_pod_sends_the_token_that_the_kubelet_has_written_last(
    registry: RequestHeaderProviderRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "token"
    monkeypatch.setenv(Env.TRACKING_TOKEN_FILE, str(file))
    for token in ("first", "second"):
        file.write_text(f"{token}\n")
        assert headers(registry) == {"Authorization": f"Bearer {token}"}


def test_a_program_without_a_token_sends_none(
    registry: RequestHeaderProviderRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(Env.TRACKING_TOKEN_FILE, raising=False)
    assert headers(registry) == {}
