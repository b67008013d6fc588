"""What a wait says of itself: reasons in the words of the pod, told again while nothing changes."""

import threading
from typing import Any, cast

import pytest

from local.provider import waiting
from local.provider.cluster import ApiError, ClusterClient
from local.provider.values import Json
from local.provider.waiting import NotReadyError, Waiter

PROBE = {"httpGet": {"path": "/readyz", "port": 9090}}
POD = {
    "metadata": {"name": "d-1", "namespace": "ml"},
    "spec": {"containers": [{"name": "detector", "readinessProbe": PROBE}]},
    "status": {"containerStatuses": [{"name": "detector", "ready": False, "state": {"running": {}}}]},
}
DEPLOYMENT: Json = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "d", "namespace": "ml", "generation": 1},
    "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "d"}}},
    "status": {"observedGeneration": 1, "updatedReplicas": 1, "replicas": 1},
}


class OnePod:
    """A cluster whose only pod does not become ready, and says why."""

    def __init__(self, code: int) -> None:
        self.code = code

    def get(self, _: Json) -> Json:
        return DEPLOYMENT

    def find(self, _: str, kind: str, *__: Any) -> list[Json]:
        return [POD] if kind == "Pod" else []

    def request(self, method: str, path: str) -> Json:
        assert (method, path) == ("GET", "/api/v1/namespaces/ml/pods/d-1:9090/proxy/readyz")
        raise ApiError({"code": self.code, "message": "no reference; version 1 has no column 'prize'"})


def waited(code: int, seconds: float) -> tuple[str, list[str]]:
    """What the wait ended with, and what it reported."""
    reports: list[str] = []
    waiter = Waiter(cast("ClusterClient", OnePod(code)), threading.Event())
    with pytest.raises(NotReadyError) as ended:
        waiter.ready(DEPLOYMENT, seconds, reports.append)
    return str(ended.value), reports


def test_a_pod_that_is_not_ready_is_told_in_its_own_words() -> None:
    said, _ = waited(503, 0.01)
    assert said == (
        "is not ready: 0 of 1 replicas available; pod d-1, container detector is not ready: no reference; "
        "version 1 has no column 'prize' (after 0 s)"
    )


def test_a_probe_that_may_not_be_asked_is_no_reason() -> None:
    assert waited(403, 0.01)[0] == "is not ready: 0 of 1 replicas available (after 0 s)"


def test_a_reason_that_stays_is_told_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "AGAIN", 0.3)
    _, reports = waited(403, 1.0)
    assert len(reports) >= 2
    assert set(reports) == {"0 of 1 replicas available"}
