"""Serving: one address, two services, and rollouts that nobody notices.

One model lives through it in order: declared, trained, staged, promoted, promoted again. The first test is its birth.
"""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from components.serving import PORT, Slot
from tests.e2e.scratch_model import ROWS, Answer, ScratchModel, eventually, scratch_model
from tests.e2e.station import Station, Timed

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def model(station: Station) -> Iterator[ScratchModel]:
    assert station.url  # MLflow is up, and this process' client knows where
    with scratch_model(f"scratch-{time.time_ns() % 10**6}") as model:
        model.declare(in_production=False)
        yield model


def test_before_there_is_a_version_the_address_says_503_and_the_pod_says_why(model: ScratchModel) -> None:
    reason = f"the registry has no model '{model.name}': train and register one first"

    def said() -> bool:
        states = [
            state
            for pod in model.items("pods")
            for status in pod["status"].get("initContainerStatuses", [])
            for state in (status["state"], status["lastState"])
        ]
        return any(reason in state.get("terminated", {}).get("message", "") for state in states)

    eventually(said, "the initializer's reason")
    host = model.host
    eventually(lambda: model.ask(host).status == 503, "an answer without a server")
    assert (len(model.servers("staging")), len(model.servers("production"))) == (1, 0)


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


def test_production_and_staging_share_the_requests_by_weight(model: ScratchModel) -> None:
    model.move("production", 1)
    model.declare(in_production=True)
    model.roll("production")
    model.move("staging", 2)
    model.roll("staging")
    host = model.host
    eventually(lambda: model.ask(host).status == 200, "the route's new backends")
    answers = [model.ask(host) for _ in range(1000)]
    assert {answer.status for answer in answers} == {200}
    versions = Counter(answer.version for answer in answers)
    # Five standard deviations of a fair draw around 10 %.
    assert 52 <= versions["2"] <= 148


def test_an_alias_move_reaches_every_server_and_no_request_fails_meanwhile(model: ScratchModel, timed: Timed) -> None:
    model.declare(in_production=True, replicas=2)
    eventually(lambda: model.ready("production") == 2, "two servers")
    host = model.host
    seen: list[tuple[float, Answer]] = []
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            seen.append((time.monotonic(), model.ask(host)))

    clients = [threading.Thread(target=ask) for _ in range(4)]
    for client in clients:
        client.start()
    try:
        time.sleep(3)
        model.move("production", 2)
        with timed("a rollout of two servers under load"):
            model.roll("production")
        done = time.monotonic()
        time.sleep(5)
    finally:
        stop.set()
        for client in clients:
            client.join()
    assert Counter(answer.status for _, answer in seen) == {200: len(seen)}
    assert {answer.version for when, answer in seen if when > done + 1} == {"2"}


def test_another_up_leaves_the_version_and_the_servers_alone(model: ScratchModel) -> None:
    before = [model.servers(slot).keys() for slot in Slot]
    model.declare(in_production=True, replicas=2)
    time.sleep(5)
    assert [model.servers(slot).keys() for slot in Slot] == before
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
    assert [model.ask(f"{address}:{PORT}").version for address in addresses] == ["2", "2"]
