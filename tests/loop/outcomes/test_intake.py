"""The intake: 200 only when Kafka has everything, and a sentence for everything else."""

from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from contract.names import OUTCOMES_TOPIC
from loop.outcomes.intake import MAX_BODY, application
from loop.runtime.publishing import Publisher

BODY = {"outcomes": [{"id": "4f1c/0", "outcome": 1}, {"id": "4f1c/1", "outcome": 0}]}
PATH = "/v1/models/churn:outcome"


class Brokers:
    """Reports deliveries when polled, as the client does; `take` of them, all others fail or stay unheard of."""

    def __init__(self, *, take: int = 1000, error: object = None, room: int = 1000) -> None:
        self.messages: list[tuple[str, bytes, bytes]] = []
        self._take, self._error, self._room = take, error, room
        self._reports: list[Callable[[Any, Any], None]] = []

    def produce(self, topic: str, value: bytes, key: bytes, *, on_delivery: Callable[[Any, Any], None]) -> None:
        if len(self.messages) >= self._room:
            raise BufferError
        self.messages.append((topic, key, value))
        self._reports.append(on_delivery)

    def poll(self, timeout: float) -> int:
        del timeout
        for report in self._reports[: self._take]:
            report(self._error, None)
        self._reports.clear()
        return 0


def client(brokers: Brokers) -> TestClient:
    return TestClient(application(["churn"], Publisher(brokers, patience=0.05)))


def test_outcomes_are_acknowledged_when_kafka_has_them() -> None:
    brokers = Brokers()
    answer = client(brokers).post(PATH, json=BODY)
    assert (answer.status_code, answer.json()) == (200, {"accepted": 2})
    assert [(topic, key) for topic, key, _ in brokers.messages] == [
        (OUTCOMES_TOPIC, b"4f1c/0"),
        (OUTCOMES_TOPIC, b"4f1c/1"),
    ]


@pytest.mark.parametrize("brokers", [Brokers(take=1), Brokers(error="timed out"), Brokers(room=1)])
def test_what_kafka_has_not_taken_is_not_acknowledged(brokers: Brokers) -> None:
    answer = client(brokers).post(PATH, json=BODY)
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "5"
    assert answer.json() == {"error": "Kafka has not taken all of the outcomes: send the request again"}


def test_a_body_of_ten_megabytes_gets_a_sentence() -> None:
    brokers = Brokers()
    answer = client(brokers).post(PATH, content=b" " * (10 * 1024 * 1024))
    said = f"the body is larger than {MAX_BODY} bytes: send fewer outcomes at once"
    assert (answer.status_code, answer.json()) == (413, {"error": said})
    assert not brokers.messages


def test_a_wrong_outcome_sends_none_of_the_request() -> None:
    brokers = Brokers()
    answer = client(brokers).post(PATH, json={"outcomes": [*BODY["outcomes"], {"id": "4f1c/2", "outcome": None}]})
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("outcomes[2] has the outcome null; it must be a finite number")
    assert not brokers.messages


@pytest.mark.parametrize(
    ("method", "path", "said"),
    [
        ("POST", "/v1/models/other:outcome", "no outcomes of 'other' are taken; they are of churn"),
        ("GET", PATH, "POST /v1/models/NAME:outcome is served, and nothing else"),
        ("POST", "/v1/models/churn:predict", "POST /v1/models/NAME:outcome is served, and nothing else"),
    ],
)
def test_another_path_is_a_sentence(method: str, path: str, said: str) -> None:
    answer = client(Brokers()).request(method, path)
    assert (answer.status_code, answer.json()) == (404, {"error": said})
