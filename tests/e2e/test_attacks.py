"""What was done to an earlier state of the running stack, done again: each ends refused.

Others are beside what they attack: test_identities.py, test_closed_loop.py (events that are none), test_promotion.py
(messages that are none, versions without a signature), test_logs.py (keys of the store).
"""

import gzip
import http.client
import json
import time
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from socket import create_connection
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest
from kubernetes import client as kubernetes
from kubernetes import config
from mlflow import MlflowClient

from contract.names import SERVER_PORT
from local.images.oci import Archive
from local.images.table import IMAGES
from tests.e2e.closed_loop import MODEL, NAMESPACE
from tests.e2e.station import Station, until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
V2 = "/api/2.0/mlflow"
FILES = "/api/2.0/mlflow-artifacts/artifacts"
TRAIN, GATE, PROMOTE = f"{MODEL}-train", f"{MODEL}-gate", f"{MODEL}-promote"
JUDGED, EVIL = b"what was judged", b"EVIL, what is served"
CONNECTIONS = 600
"""More than a model server holds."""


class Answer(NamedTuple):
    status: int
    text: str


class Mlflow:
    """MLflow as raw requests reach it."""

    def __init__(self, station: Station) -> None:
        self._station, self._address = station, urlsplit(station.url).netloc
        found = MlflowClient().get_experiment_by_name(MODEL)
        assert found, f"train {MODEL} first: make train MODEL={MODEL}"
        self.experiment: str = found.experiment_id

    def token(self, account: str, *bound: str) -> str:
        given = ("create", "token", account, "-n", NAMESPACE, "--audience=mlflow", *bound)
        return self._station.kubectl(*given).strip()

    def begin(self, method: str, path: str, headers: list[tuple[str, str]], length: int) -> http.client.HTTPConnection:
        """A request up to its body."""
        connection = http.client.HTTPConnection(self._address, timeout=60)
        connection.putrequest(method, path)
        for name, value in [*headers, ("Content-Length", str(length))]:
            connection.putheader(name, value)
        connection.endheaders()
        return connection

    def send(self, method: str, path: str, body: bytes, *headers: tuple[str, str], token: str = "") -> Answer:
        authorized = [*headers, *([("Authorization", f"Bearer {token}")] if token else [])]
        connection = self.begin(method, path, authorized, len(body))
        connection.send(body)
        return ended(connection)

    def ask(self, method: str, path: str, token: str = "", **document: Any) -> Answer:
        body = json.dumps(document).encode()
        return self.send(method, f"{V2}/{path}", body, ("Content-Type", "application/json"), token=token)

    def made(self, method: str, path: str, token: str, **document: Any) -> Any:
        answer = self.ask(method, path, token, **document)
        assert answer.status == 200, answer
        return json.loads(answer.text)


def ended(connection: http.client.HTTPConnection) -> Answer:
    answer = connection.getresponse()
    found = Answer(answer.status, answer.read().decode())
    connection.close()
    return found


@pytest.fixture(scope="module")
def mlflow(station: Station) -> Mlflow:
    return Mlflow(station)


@pytest.fixture
def promotion(station: Station, mlflow: Mlflow) -> Iterator[str]:
    """A token of the account that promotes, which is there once the settings name a version."""
    known = station.kubectl("get", "serviceaccount", PROMOTE, "-n", NAMESPACE, "--ignore-not-found", "-o", "name")
    if not known:
        station.kubectl("create", "serviceaccount", PROMOTE, "-n", NAMESPACE)
    yield mlflow.token(PROMOTE)
    if not known:
        station.kubectl("delete", "serviceaccount", PROMOTE, "-n", NAMESPACE)


def test_an_upload_that_began_before_a_version_does_not_end_after_it(mlflow: Mlflow, promotion: str) -> None:
    train, gate = map(mlflow.token, (TRAIN, GATE))
    run = mlflow.made("POST", "runs/create", train, experiment_id=mlflow.experiment)["run"]["info"]["run_id"]
    given = {"experiment_id": mlflow.experiment, "name": "model", "source_run_id": run}
    model = mlflow.made("POST", "logged-models", train, **given)["model"]["info"]["model_id"]
    path = f"{FILES}/{mlflow.experiment}/models/{model}/artifacts/model.skops"
    assert mlflow.send("PUT", path, JUDGED, token=train).status == 200
    upload = mlflow.begin("PUT", path, [("Authorization", f"Bearer {train}")], len(EVIL))
    upload.send(EVIL[:4])
    source = {"source": f"models:/{model}", "run_id": run, "model_id": model}
    made = mlflow.made("POST", "model-versions/create", gate, name=MODEL, **source)["model_version"]["version"]
    try:
        upload.send(EVIL[4:])
        answer = ended(upload)
        assert answer.status == 403
        assert f"(files of version {made})" in answer.text
        assert mlflow.send("GET", path, b"").text.encode() == JUDGED
    finally:
        mlflow.made("DELETE", "model-versions/delete", promotion, name=MODEL, version=made)
        mlflow.made("DELETE", f"logged-models/{model}", promotion)
        mlflow.made("POST", "runs/delete", promotion, run_id=run)


@contextmanager
def pod(station: Station, seconds: int) -> Generator[str]:
    """One of the training's account that runs for so long."""
    name = f"e2e-attacks-{time.time_ns() % 10**6}"
    image = next(Archive(image, station.paths).reference for image in IMAGES if image.name == "loop")
    closed = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "readOnlyRootFilesystem": True}
    command = ["python3", "-c", f"import time; time.sleep({seconds})"]
    spec = {
        "serviceAccountName": TRAIN,
        "automountServiceAccountToken": False,
        "restartPolicy": "Never",
        "securityContext": {"runAsNonRoot": True, "runAsUser": 10000, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [
            {
                "name": "main",
                "image": image,
                "command": command,
                "securityContext": closed,
                "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": "64Mi"}},
            }
        ],
    }
    core = kubernetes.CoreV1Api(config.new_client_from_config(str(station.paths.kubeconfig)))
    core.create_namespaced_pod(NAMESPACE, {"metadata": {"name": name}, "spec": spec})
    try:
        yield name
    finally:
        core.delete_namespaced_pod(name, NAMESPACE, grace_period_seconds=0)


def test_the_token_of_a_pod_counts_while_it_runs_and_not_after(station: Station, mlflow: Mlflow) -> None:
    def tagged(token: str) -> Answer:
        tag = {"key": "e2e-attacks", "value": "by a pod"}
        return mlflow.ask("POST", "experiments/set-experiment-tag", token, experiment_id=mlflow.experiment, **tag)

    with pod(station, seconds=4) as name:
        bound = ("--bound-object-kind=Pod", f"--bound-object-name={name}")
        early, late = (mlflow.token(TRAIN, *bound) for _ in range(2))
        assert tagged(early).status == 200
        phase = ("get", "pod", name, "-n", NAMESPACE, "-o", "jsonpath={.status.phase}")
        until(lambda: station.kubectl(*phase) == "Succeeded", "the pod's end")
        answer = tagged(late)
    assert answer.status == 403
    assert f"a token of the pod {name}, which has ended" in answer.text


def test_nobody_gets_past_the_guard_by_the_form_of_a_request(mlflow: Mlflow) -> None:
    json_type, bomb = ("Content-Type", "application/json"), gzip.compress(bytes(300 << 20), 1)
    guarded, free = (("X-Mlflow-Experiment-Id", each) for each in (mlflow.experiment, "0"))
    attacks: dict[str, tuple[int, Answer]] = {
        f"an experiment's id as {spelled}": (
            403,
            mlflow.send("POST", f"{V2}/runs/create", f'{{"experiment_id": {spelled}}}'.encode(), json_type),
        )
        for spelled in (f"{mlflow.experiment}.0", "true", f'"{mlflow.experiment}.0"', "null", "[1]")
    } | {
        "a header twice": (403, mlflow.send("POST", "/v1/traces", b"", guarded, free, json_type)),
        "the gateway": (403, mlflow.send("POST", "/api/3.0/mlflow/gateway/endpoints/create", b"{}", json_type)),
        "a webhook": (403, mlflow.send("POST", f"{V2}/webhooks", b"{}", json_type)),
        "a prompt's run": (403, mlflow.send("POST", f"/ajax-api{V2[4:]}/runs/create-promptlab-run", b"{}", json_type)),
        "what inflates": (413, mlflow.send("POST", "/v1/traces", bomb, free, json_type, ("Content-Encoding", "gzip"))),
        "a place outside": (
            403,
            mlflow.ask("POST", "model-versions/create", name="e2e-attacks", source="s3://ml-loop-logs/logs"),
        ),
    }
    assert {name: answer.status for name, (_, answer) in attacks.items()} == {
        name: status for name, (status, _) in attacks.items()
    }


@pytest.fixture
def server(station: Station) -> str:
    """Address of a model server."""
    found = station.objects("pods", "-n", NAMESPACE, "-l", "app.kubernetes.io/name=model-server")
    assert found, f"train {MODEL} first: make train MODEL={MODEL}"
    return found[0]["status"]["podIP"]


def test_a_model_server_answers_beside_more_connections_than_it_holds(server: str) -> None:
    half = f"POST /v1/models/{MODEL}:predict HTTP/1.1\r\nHost: {server}\r\nContent-Length: 100\r\n\r\n{{".encode()
    with ExitStack() as held:
        for _ in range(CONNECTIONS):
            one = held.enter_context(create_connection((server, SERVER_PORT), timeout=10))
            one.sendall(half)
        asked = http.client.HTTPConnection(server, SERVER_PORT, timeout=30)
        asked.request("GET", f"/v1/models/{MODEL}")
        assert asked.getresponse().status == 200
