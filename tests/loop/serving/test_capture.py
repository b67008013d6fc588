import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from confluent_kafka import KafkaError
from prometheus_client import REGISTRY

from contract import messages as topics
from loop.serving import capture
from loop.serving.caller import Caller
from loop.serving.capture import AnsweredRequest, Capture, messages
from loop.serving.served import ServedModel

SERVED = ServedModel("books", "7", "run", "production")


class RecordingSink:
    """Stands in for the producer: `accept` decides what becomes of a message."""

    def __init__(self, accept: Callable[[bytes], KafkaError | None]) -> None:
        self.accept, self.flushed = accept, 0
        self.sent: list[tuple[str, bytes, dict[str, Any]]] = []

    def produce(self, topic: str, value: bytes, key: bytes, *, on_delivery: Callable[[Any, Any], None]) -> None:
        error = self.accept(value)
        self.sent.append((topic, key, json.loads(value)))
        on_delivery(error, None)

    def poll(self, timeout: float) -> int:
        return 0

    def flush(self, timeout: float) -> int:
        self.flushed += 1
        return 0


def prediction(rows: int, tenant: str = "acme") -> AnsweredRequest:
    return AnsweredRequest(Caller(tenant, "u1", "r1"), [[float(i), 2.0] for i in range(rows)], [0.5] * rows)


def count(outcome: str) -> float:
    return REGISTRY.get_sample_value("ml_loop_capture_messages_total", {"outcome": outcome}) or 0.0


def test_each_row_is_one_message_under_its_tenant() -> None:
    sink = RecordingSink(lambda _: None)
    before = count("delivered")
    publisher = Capture(sink, SERVED)
    publisher.offer(prediction(2))
    publisher.close()
    assert [(topic, key) for topic, key, _ in sink.sent] == [("ml.predictions", b"acme")] * 2
    assert [message["features"] for _, _, message in sink.sent] == [[0.0, 2.0], [1.0, 2.0]]
    assert [message["id"] for _, _, message in sink.sent] == ["r1/0", "r1/1"]
    assert count("delivered") - before == 2
    assert sink.flushed == 1, "what is queued at the end must be given time to arrive"


def test_a_message_is_what_the_contract_says() -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)
    (message,) = messages(
        AnsweredRequest(Caller("acme", "u1", "r1"), [[1.5, float("nan"), "crime"]], [0.25]), SERVED, at
    )
    assert json.loads(message) == {
        "id": "r1/0", "tenant": "acme", "user_id": "u1", "features": [1.5, None, "crime"], "predictions": [0.25],
        "at": "2026-01-02T03:04:05.678Z", "model": "books", "version": "7",
    }  # fmt: skip


def test_a_model_with_several_outputs_publishes_them_all() -> None:
    (message,) = messages(AnsweredRequest(Caller("acme", "", "r1"), [[1.0]], [[0.1, 0.9]]), SERVED, datetime.now(UTC))
    assert json.loads(message)["predictions"] == [0.1, 0.9]


class Unspeakable:
    """An answer that nothing can make JSON of."""

    def __str__(self) -> str:
        raise RuntimeError("no words")


def test_one_odd_row_is_counted_and_the_rows_after_it_are_published() -> None:
    sink = RecordingSink(lambda _: None)
    before = count("unpublishable")
    publisher = Capture(sink, SERVED)
    publisher.offer(
        AnsweredRequest(
            Caller("acme", "", "r1"), [[1.0]] * 3, [{0: float("nan")}, Unspeakable(), [1, [2.0, {"a": None}]]]
        )
    )
    publisher.offer(prediction(1))
    publisher.close()
    assert [message["predictions"] for _, _, message in sink.sent] == [[{"0": None}], [1, [2.0, {"a": None}]], [0.5]]
    assert count("unpublishable") - before == 1


def test_features_that_are_too_large_for_kafka_are_left_out_and_the_predictions_are_published() -> None:
    image = AnsweredRequest(Caller("acme", "", "r1"), [["x" * 1_000_000, 1.0]], [0.5])
    (message,) = messages(image, SERVED, datetime.now(UTC))
    assert json.loads(message)["features"] == [None, None]
    assert json.loads(message)["predictions"] == [0.5]


def test_a_feature_that_is_a_list_is_published_as_its_json_text_which_the_contract_reads() -> None:
    (message,) = messages(
        AnsweredRequest(Caller("acme", "", "r1"), [[[0.5, 1.0], 2.0]], [0.5]), SERVED, datetime.now(UTC)
    )
    read = topics.Prediction.parse(message, "books")
    assert isinstance(read, topics.Prediction)
    assert read.features == ["[0.5,1.0]", 2.0]


def test_a_full_queue_drops_and_counts_and_never_blocks() -> None:
    blocked = threading.Event()

    def accept(_message: bytes) -> None:
        blocked.wait()

    sink = RecordingSink(accept)
    publisher = Capture(sink, SERVED, capacity=10)
    before = count("queue_full")
    publisher.offer(prediction(6))
    publisher.offer(prediction(6))
    assert count("queue_full") - before == 6
    publisher.offer(prediction(4))
    assert count("queue_full") - before == 6, "rows that fit must not be dropped"
    blocked.set()
    publisher.close()
    assert len(sink.sent) == 10


def test_room_is_given_back_when_rows_are_published() -> None:
    sink = RecordingSink(lambda _: None)
    publisher = Capture(sink, SERVED, capacity=5)
    for _ in range(4):
        publisher.offer(prediction(5))
        while publisher._rows:  # pyright: ignore[reportPrivateUsage]
            threading.Event().wait(0.01)
    publisher.close()
    assert len(sink.sent) == 20


def test_a_client_queue_that_is_full_is_counted_as_a_drop() -> None:
    def full(_: bytes) -> None:
        raise BufferError("Local: Queue full")

    before = count("queue_full")
    publisher = Capture(RecordingSink(full), SERVED)
    publisher.offer(prediction(3))
    publisher.close()
    assert count("queue_full") - before == 3


def test_a_message_the_broker_never_took_is_counted_as_undelivered() -> None:
    before = count("undelivered")
    publisher = Capture(RecordingSink(lambda _: KafkaError(KafkaError._MSG_TIMED_OUT)), SERVED)
    publisher.offer(prediction(3))
    publisher.close()
    assert count("undelivered") - before == 3


def test_no_broker_means_no_capture_and_a_line_in_the_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("KAFKA_BOOTSTRAP_SERVERS", raising=False)
    assert capture.from_environment(SERVED) is None
    assert caplog.messages == [
        "KAFKA_BOOTSTRAP_SERVERS is empty: predictions are not published, drift will not be seen"
    ]
