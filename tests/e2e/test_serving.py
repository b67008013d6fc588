"""Serving: one address, two services, and rollouts that nobody notices.

One model lives through it in order: declared, trained, staged, promoted, promoted again. The first test is its birth.
"""

import json
import statistics
import threading
import time
from collections import Counter
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Final

import pytest

from components.serving.serving import SLOTS
from contract.names import SERVER_PORT
from tests.e2e.scratch_model import ROWS, Answer, ScratchModel, eventually, scratch_model
from tests.e2e.station import Station, Timed

INITIALIZER: Final = "storage-initializer"
SCHEMA: Final = ("id", "tenant", "user_id", "features", "predictions", "at", "model", "version")
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def model(station: Station) -> Iterator[ScratchModel]:
    assert station.url  # MLflow is up, and this process' client knows where
    with scratch_model(f"scratch-{time.time_ns() % 10**6}") as model:
        model.declare(in_production=False)
        yield model


def test_before_there_is_a_version_the_address_says_503_and_the_pod_says_what_it_waits_for(model: ScratchModel) -> None:
    waits = f"waiting for the first version of {model.name}@staging: the registry has no model '{model.name}'"
    eventually(lambda: waits in model.said("staging", INITIALIZER), "the initializer's reason")
    host = model.host
    eventually(lambda: model.ask(host).status == 503, "an answer without a server")
    (pod,) = model.servers("staging").values()
    assert [status["restartCount"] for status in pod["status"]["initContainerStatuses"]] == [0]
    assert model.servers("production") == {}


def test_the_first_staging_version_answers_every_request(model: ScratchModel) -> None:
    model.log_two_versions()
    model.move("staging", 1)
    model.roll("staging")
    host = model.host
    eventually(lambda: model.ask(host).status == 200, "the first answer")
    answers = [model.ask(host) for _ in range(20)]
    assert {(answer.status, answer.version) for answer in answers} == {(200, "1")}
    predicted = json.loads(answers[0].text)["predictions"]
    assert predicted == pytest.approx([row[0] for row in ROWS])


def test_production_and_staging_share_the_requests_by_weight_and_kafka_has_every_one(model: ScratchModel) -> None:
    model.move("production", 1)
    model.declare(in_production=True)
    model.roll("production")
    model.move("staging", 2)
    model.roll("staging")
    host = model.host
    eventually(lambda: model.ask(host).status == 200, "the route's new backends")
    start, _ = model.captured(-1)

    def ask(number: int) -> Answer:
        return model.ask(host, [[float(number), -1.0]])

    with ThreadPoolExecutor(4) as clients:
        answers = list(clients.map(ask, range(2000)))
    assert {answer.status for answer in answers} == {200}
    # Five standard deviations of a fair draw around 10 %.
    assert 133 <= Counter(answer.version for answer in answers)["2"] <= 267

    def messages() -> list[dict[str, Any]]:
        return [message for message in model.captured(start)[1] if message["features"][1] == -1]

    eventually(lambda: len(messages()) >= 2000, "all predictions on the topic", 60)
    published = {message["features"][0]: message for message in messages()}
    assert len(published) == len(messages()) == 2000
    assert {frozenset(message) for message in messages()} == {frozenset(SCHEMA)}
    assert {(message["tenant"], message["user_id"]) for message in messages()} == {("default", "")}
    for number, answer in enumerate(answers):
        message = published[number]
        assert message["id"] == f"{answer.request}/0", "what then happens can be joined by the answer's id"
        assert message["version"] == answer.version
        assert message["predictions"] == json.loads(answer.text)["predictions"]


BAD: Final = {
    "not JSON": (b"{", 400),
    "the wrong shape": (b'{"instances": [[7.0]]}', 400),
    "NaN": (b'{"instances": [[7.0, NaN]]}', 400),
    "text for a number": (b'{"instances": [[7.0, "seven"]]}', 400),
    "nothing of the protocol": (b'{"rows": [[7.0, 7.0]]}', 400),
    "10 MB": (b'{"instances": [' + b",".join([b"[7.0, 7.0]"] * 900_000) + b"]}", 413),
}


def test_a_bad_request_gets_a_reason_and_never_reaches_kafka(model: ScratchModel) -> None:
    start, _ = model.captured(-1)
    for what, (body, status) in BAD.items():
        answer = model.send(model.host, body)
        assert (what, answer.status) == (what, status)
        assert json.loads(answer.text)["error"], what
    unknown = model.send(model.host, b'{"instances": [[7.0, 7.0]]}', model="unknown")
    assert (unknown.status, unknown.text) == (404, "404 page not found\n")
    # What comes after them arrives: they would have, too.
    assert model.ask(model.host, [[8.0, 8.0]]).status == 200
    eventually(lambda: bool(model.captured(start)[1]), "a good request's message", 30)
    assert [message["features"] for message in model.captured(start)[1]] == [[8.0, 8.0]]


def test_a_client_cannot_say_whose_prediction_it_is(model: ScratchModel) -> None:
    start, _ = model.captured(-1)
    mine = {"X-Tenant": "somebody-else", "X-User-Id": "somebody"}
    assert model.send(model.host, b'{"instances": [[9.0, 9.0]]}', **mine).status == 200
    eventually(lambda: bool(model.captured(start)[1]), "the message", 30)
    (message,) = model.captured(start)[1]
    assert (message["tenant"], message["user_id"]) == ("default", "")


def test_an_alias_move_reaches_every_server_and_no_request_fails_meanwhile(model: ScratchModel, timed: Timed) -> None:
    model.declare(in_production=True, replicas=2)
    eventually(lambda: model.ready("production") == 2, "two servers")
    with asking(model) as seen:
        time.sleep(3)
        model.move("production", 2)
        with timed("a rollout of two servers under load"):
            model.roll("production")
        # The proxy may bring an old server requests as long as it is there; it answers them, as it must.
        with timed("until the servers of the version before have ended"):
            eventually(lambda: model.versions("production") == {"2"}, "the old servers have ended")
        done = len(seen)
        eventually(lambda: len(seen) > done + 50, "answers after that")
    assert Counter(answer.status for _, answer in seen) == {200: len(seen)}
    assert {answer.version for _, answer in seen[done:]} == {"2"}


def test_another_up_leaves_the_version_and_the_servers_alone(model: ScratchModel) -> None:
    before = [model.servers(slot).keys() for slot in SLOTS]
    model.declare(in_production=True, replicas=2)
    time.sleep(5)
    assert [model.servers(slot).keys() for slot in SLOTS] == before
    versions = [
        service["spec"]["predictor"]["annotations"]["ml-loop.dev/model-version"]
        for service in model.items("inferenceservices")
    ]
    assert versions == ["2", "2"]


def test_a_server_that_is_replaced_serves_its_rollout_s_version_wherever_the_alias_is(model: ScratchModel) -> None:
    model.move("production", 1)
    production = f"serving.kserve.io/inferenceservice={model.name}-production"
    old = model.servers("production").keys()
    model.kubectl("delete", "pods", "-l", production, "--wait=true")
    eventually(lambda: model.ready("production") == 2, "two new servers")
    new = model.servers("production")
    assert not new.keys() & old
    addresses = [pod["status"]["podIP"] for pod in new.values()]
    assert [model.ask(f"{address}:{SERVER_PORT}").version for address in addresses] == ["2", "2"]


def test_servers_that_are_added_while_the_alias_moves_serve_their_rollout_s_version(model: ScratchModel) -> None:
    model.move("production", 2)
    model.declare(in_production=True, replicas=3)
    model.move("production", 1)
    eventually(lambda: model.ready("production") == 3, "a third server")
    addresses = [pod["status"]["podIP"] for pod in model.servers("production").values()]
    assert [model.ask(f"{address}:{SERVER_PORT}").version for address in addresses] == ["2", "2", "2"]
    model.declare(in_production=True, replicas=1)


def test_under_load_servers_are_added_up_to_the_maximum_all_of_one_version_and_no_request_fails(
    model: ScratchModel, timed: Timed
) -> None:
    eventually(lambda: len(model.servers("production")) == 1, "the servers of the test before have ended")
    model.declare(in_production=True, replicas=1, at_most=2)
    # Pauses leave the machine time to start a server; what is left is several times the CPU that one requests.
    with asking(model, pause=0.05) as seen, timed("load until a second server answers"):
        held = ("True", "TooManyReplicas")
        eventually(lambda: model.autoscaler("production").get("ScalingLimited") == held, "more wanted than allowed")
        eventually(lambda: model.ready("production") == 2, "a second server")
        time.sleep(3)
    servers = model.servers("production")
    assert len(servers) == 2
    assert {model.ask(f"{pod['status']['podIP']}:{SERVER_PORT}").version for pod in servers.values()} == {"2"}
    assert Counter((answer.status, answer.version) for _, answer in seen) == {(200, "2"): len(seen)}
    model.declare(in_production=True, replicas=1)
    eventually(lambda: len(model.servers("production")) == 1, "the maximum is lowered")


def test_without_the_registry_servers_answer_and_a_new_one_waits_for_it_and_says_so(
    model: ScratchModel, station: Station
) -> None:
    with station.without("mlflow", "deployment/mlflow"):
        staging = f"serving.kserve.io/inferenceservice={model.name}-staging"
        model.kubectl("delete", "pods", "-l", staging, "--wait=false")
        waits = "waiting for the registry: MLflow at http://mlflow.mlflow.svc.cluster.local:5000 does not answer"
        eventually(lambda: waits in model.said("staging", INITIALIZER), "the new server's reason")
        (address,) = [pod["status"]["podIP"] for pod in model.servers("production").values()]
        assert {model.ask(f"{address}:{SERVER_PORT}").status for _ in range(20)} == {200}
    eventually(lambda: model.ready("staging") == 1, "the server that waited")


def test_without_kafka_answers_are_as_right_and_as_fast_and_what_is_lost_is_counted(
    model: ScratchModel, station: Station
) -> None:
    (address,) = [pod["status"]["podIP"] for pod in model.servers("production").values()]
    lost, delivered = (f'ml_loop_capture_messages_total{{outcome="{each}"}}' for each in ("undelivered", "delivered"))

    def median() -> float:
        times: list[float] = []
        for _ in range(200):
            began = time.monotonic()
            answer = model.ask(f"{address}:{SERVER_PORT}")
            times.append(time.monotonic() - began)
            assert json.loads(answer.text)["predictions"] == pytest.approx([2 * row[0] for row in ROWS])
        return statistics.median(times)

    usual, before = median(), model.metric(address, lost)
    with station.without("kafka", "statefulset/kafka"):
        assert median() < usual + 0.05, "an answer never waits for Kafka"
        # The client gives a message up after 30 s.
        sent = 200 * len(ROWS)
        eventually(lambda: model.metric(address, lost) - before >= sent, "every lost prediction counted", 90)
    arrived = model.metric(address, delivered)

    def arrives() -> bool:
        return model.ask(f"{address}:{SERVER_PORT}").status == 200 and model.metric(address, delivered) > arrived

    eventually(arrives, "predictions on the topic again")


@contextmanager
def asking(model: ScratchModel, pause: float = 0) -> Generator[list[tuple[float, Answer]]]:
    """Four clients ask the address while the block runs; returns when each had which answer. `pause` is in seconds."""
    host, stop = model.host, threading.Event()
    seen: list[tuple[float, Answer]] = []

    def ask() -> None:
        while not stop.wait(pause):
            seen.append((time.monotonic(), model.ask(host)))

    clients = [threading.Thread(target=ask) for _ in range(4)]
    for client in clients:
        client.start()
    try:
        yield seen
    finally:
        stop.set()
        for client in clients:
            client.join()
