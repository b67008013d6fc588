"""A real MLflow server with the plugin, found by its entry point as in the image."""

import json
import socket
from pathlib import Path
from typing import Any, NamedTuple

import requests
from mlflow_server import MlflowServer
from prometheus_client.parser import text_string_to_metric_families
from token_reviews import ACCOUNTS, TokenReviews

REPOSITORY = Path(__file__).parents[3]
TRAIN, GATE, HEAL, PROMOTE = "train-token", "gate-token", "heal-token", "promote-token"
OTHER, STRANGER = "other-token", "stranger-token"
POLICY = {
    "models": {
        "guarded": {
            "training": [ACCOUNTS[TRAIN]],
            "gate": [ACCOUNTS[GATE]],
            "healing": [ACCOUNTS[HEAL]],
            "promotion": [ACCOUNTS[PROMOTE]],
        },
        "other": {"training": [ACCOUNTS[OTHER]]},
    }
}
COUNTER = "ml_loop_tracking_refusals_total"
DENIED = "PERMISSION_DENIED"
HOSTS = ("127.0.0.1:*", "10.173.0.1:*", "ml.example.com")
ORIGINS = ("http://10.173.0.1:30500", "https://ml.example.com", "https://ml.example.com:*")
"""As the stack spells the addresses of a node and of a host."""


class Answer(NamedTuple):
    """A status, what it says of an error, and the document."""

    status: int
    code: str
    message: str
    document: dict[str, Any]

    @property
    def denied(self) -> bool:
        return (self.status, self.code) == (403, DENIED)


class GuardedServer(MlflowServer):
    """Asks `reviews` whose a token is."""

    def __init__(self, folder: Path, reviews: TokenReviews) -> None:
        policy, kubeconfig = folder / "policy.json", folder / "kubeconfig"
        counts = folder / "counts"
        counts.mkdir()
        policy.write_text(json.dumps(POLICY))
        kubeconfig.write_text(
            json.dumps(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "current-context": "test",
                    "clusters": [{"name": "test", "cluster": {"server": reviews.url}}],
                    "users": [{"name": "test", "user": {}}],
                    "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
                }
            )
        )
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.metrics_port = free.getsockname()[1]
        environment = {
            "ML_LOOP_IDENTITY_METRICS_PORT": str(self.metrics_port),
            "ML_LOOP_IDENTITY_POLICY": str(policy),
            "KUBECONFIG": str(kubeconfig),
            "MLFLOW_SERVER_ALLOWED_HOSTS": ",".join(HOSTS),
            "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS": ",".join(ORIGINS),
            "PROMETHEUS_MULTIPROC_DIR": str(counts),
            "PYTHONPATH": f"{REPOSITORY}:{REPOSITORY / 'images/mlflow'}",
        }
        self.session = requests.Session()
        super().__init__(folder, "--app-name", "ml-loop-identity", environment=environment)

    def ask(self, method: str, path: str, token: str | None = None, body: Any = None, **more: Any) -> Answer:
        """One request; `body` is JSON, or bytes as they are."""
        headers = more.pop("headers", {}) | ({"Authorization": f"Bearer {token}"} if token else {})
        content = {"data": body} if isinstance(body, bytes) else {"json": body}
        answer = self.session.request(method, self.url + path, headers=headers, timeout=30, **content, **more)
        try:
            document = answer.json()
        except ValueError:
            document = {}
        document = document if isinstance(document, dict) else {}
        return Answer(answer.status_code, document.get("error_code", ""), document.get("message", ""), document)

    def made(self, method: str, path: str, token: str | None, body: Any = None, **more: Any) -> dict[str, Any]:
        """A request that must succeed; what it answers."""
        answer = self.ask(method, path, token, body, **more)
        assert answer.status < 300, (path, answer)
        return answer.document

    def log(self) -> str:
        return (self.folder / "server.log").read_text()

    def refusals(self, **labels: str) -> float:
        """What the counter says."""
        text = requests.get(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=30).text
        families = text_string_to_metric_families(text)
        samples = [each for family in families for each in family.samples if each.name == COUNTER]
        return sum(each.value for each in samples if each.labels == labels)
