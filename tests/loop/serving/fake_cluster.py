"""A cluster's API server, as far as a rollout asks it."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

from json_handler import JsonHandler

from loop.runtime.inference import InferenceService

ANNOTATION = "ml-loop.dev/model-version"


READY = {"running": {}}


OLD, NEW = "registry.example.com/books@sha256:1", "registry.example.com/books@sha256:2"
"""Images that versions 1 and 2 were trained in."""


class FakeCluster:
    """One InferenceService with one pod. A test says what becomes of a version's pod; the rest follows."""

    def __init__(self) -> None:
        self.annotation: str | None = "1"
        self.image: str | None = OLD
        self.containers: dict[str, dict[str, Any]] = {}
        self.condition: dict[str, str] | None = None
        self.served: str | None = None
        self.applied: list[tuple[str, str, str | None]] = []
        self.expected: list[str | None] = []
        """Resource versions that what was applied has named."""
        self.phase = "Running"
        self.revisions: list[str | None] = []
        """The version of each revision in Knative mode, oldest first; empty in Standard mode."""

    def apply(self, content_type: str, query: dict[str, list[str]], body: dict[str, Any]) -> None:
        self.expected.append(body["metadata"].get("resourceVersion"))
        predictor = body["spec"]["predictor"]
        self.annotation = predictor.get("annotations", {}).get(ANNOTATION)
        self.image = predictor.get("model", {}).get("image")
        self.applied.append((content_type, query["fieldManager"][0], self.annotation))

    def deployments(self) -> list[dict[str, Any]]:
        return [named(self.deployment(), number, version) for number, version in enumerate(self.revisions)] or [
            self.deployment()
        ]

    def pods(self) -> list[dict[str, Any]]:
        return [named(self.pod(), number, version) for number, version in enumerate(self.revisions)] or [self.pod()]

    def service(self) -> dict[str, Any]:
        annotations = {ANNOTATION: self.annotation} if self.annotation else {}
        model = {"modelFormat": {"name": "mlflow"}} | ({"image": self.image} if self.image else {})
        predictor = {"annotations": annotations, "model": model}
        return {"metadata": {"resourceVersion": "17"}, "spec": {"predictor": predictor}}

    def failed(self) -> dict[str, Any] | None:
        return self.containers.get(self.annotation or "")

    def deployment(self) -> dict[str, Any]:
        up = 0 if self.failed() or self.condition else 1
        return {
            "metadata": {"name": "books-production-predictor", "generation": 2},
            "spec": {
                "replicas": 1,
                "selector": {},
                "template": {"metadata": {"annotations": {ANNOTATION: self.annotation}}, "spec": {"containers": []}},
            },
            "status": {
                "observedGeneration": 2,
                "replicas": 1 if up else 2,
                "updatedReplicas": 1,
                "availableReplicas": 1,
                "conditions": [self.condition] if self.condition else [],
            },
        }

    def pod(self) -> dict[str, Any]:
        initializer = {"name": "storage-initializer", "image": "i", "imageID": "i", "restartCount": 0, "ready": True}
        return {
            "metadata": {"name": "books-new", "annotations": {ANNOTATION: self.annotation}},
            "status": {
                "phase": self.phase,
                "podIP": "127.0.0.1",
                "conditions": [{"type": "Ready", "status": "False" if self.failed() else "True"}],
                "initContainerStatuses": [initializer | (self.failed() or {"state": READY})],
            },
        }


def named(item: dict[str, Any], number: int, version: str | None) -> dict[str, Any]:
    """A Deployment or pod as that revision's, made in that second."""
    metadata = item["metadata"] | {
        "name": f"revision-{number}",
        "creationTimestamp": f"2026-01-01T00:00:{number:02d}Z",
        "labels": {"serving.knative.dev/revision": f"revision-{number}"},
    }
    annotations = {"annotations": {ANNOTATION: version}}
    if "template" not in item.get("spec", {}):
        return item | {"metadata": metadata | annotations}
    template = item["spec"]["template"] | {"metadata": annotations}
    return item | {"metadata": metadata, "spec": item["spec"] | {"template": template}}


def handler(cluster: FakeCluster) -> type[JsonHandler]:
    class Handler(JsonHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            if url.path == "/v1/models/books":
                version = cluster.served or cluster.annotation or ""
                return self.answer(200, {"ready": True}, X_Model_Version=version)
            if url.path.endswith("/inferenceservices/books-production"):
                return self.answer(200, cluster.service())
            if "/inferenceservices/" in url.path:
                return self.answer(404, {"message": "not found"})
            assert parse_qs(url.query)["labelSelector"] == ["serving.kserve.io/inferenceservice=books-production"]
            items = cluster.deployments() if url.path.endswith("/deployments") else cluster.pods()
            return self.answer(200, {"items": items})

        def do_PATCH(self) -> None:
            url = urlsplit(self.path)
            cluster.apply(self.headers["Content-Type"], parse_qs(url.query), self.body())
            return self.answer(200, cluster.service())

    return Handler


Fake = tuple[FakeCluster, InferenceService]
