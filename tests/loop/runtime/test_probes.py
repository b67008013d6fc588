"""The detector's addresses."""

import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from loop.drift import metrics
from loop.runtime.probes import serve


@pytest.fixture
def address() -> Iterator[str]:
    server = serve(0, lambda: (True, "reading"), lambda: (False, "no reference"))
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url) as answer:  # noqa: S310  # its own server
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_probes_answer_with_a_status_and_a_sentence(address: str) -> None:
    assert get(address + "/healthz") == (200, "reading\n")
    assert get(address + "/readyz") == (503, "no reference\n")
    assert get(address + "/") == (404, "/metrics, /healthz or /readyz\n")


def test_metrics_have_the_score_of_each_feature(address: str) -> None:
    metrics.SCORE.labels("recommender", "age").set(0.25)
    status, text = get(address + "/metrics")
    assert status == 200
    assert 'alibi_drift_score{feature="age",model="recommender"} 0.25' in text
