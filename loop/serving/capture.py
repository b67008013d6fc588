"""Publishing every prediction to Kafka without slowing an answer.

`offer` takes constant time on the request's path: it hands the batch to a thread, or counts it as dropped when the
queue is full. The thread encodes and produces; messages that the broker does not take in time are counted as lost.
Nothing here blocks, retries on the request's path or raises into it.
"""

import logging
import os
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Protocol

import orjson
from confluent_kafka import KafkaError, KafkaException, Producer

from contract import messages as topics
from contract import metrics
from contract.names import PREDICTIONS_TOPIC, Env
from loop.model.answers import plain
from loop.runtime.kafka import client_settings
from loop.runtime.metrics import counter, gauge
from loop.serving.caller import Caller
from loop.serving.served import ServedModel

_log = logging.getLogger(__name__)

MESSAGES = counter(metrics.CAPTURED)
DELIVERED, QUEUE_FULL, UNDELIVERED, UNPUBLISHABLE = (
    MESSAGES.labels(outcome) for outcome in ("delivered", "queue_full", "undelivered", "unpublishable")
)
QUEUED = gauge(metrics.QUEUED)

CAPACITY = 10_000
"""Rows waiting for the thread, and again messages waiting inside the Kafka client."""
CLOSE_SECONDS = 5.0
LARGEST = 900_000
"""The most bytes of a message, below Kafka's usual limit of 1 MB."""


@dataclass(frozen=True)
class AnsweredRequest:
    """One request's rows and the model's answers to them, in the same order."""

    caller: Caller
    rows: list[list[Any]]
    predictions: list[Any]


class Sink(Protocol):
    """The part of confluent_kafka.Producer that capture uses."""

    def produce(self, topic: str, value: bytes, key: bytes, *, on_delivery: Callable[[Any, Any], None]) -> None: ...
    def poll(self, timeout: float) -> int: ...
    def flush(self, timeout: float) -> int: ...


class Capture:
    """A bounded queue in front of a Kafka producer."""

    def __init__(self, sink: Sink, served: ServedModel, capacity: int = CAPACITY) -> None:
        self._sink, self._served, self._capacity = sink, served, capacity
        self._queue: queue.SimpleQueue[tuple[AnsweredRequest, datetime] | None] = queue.SimpleQueue()
        self._rows, self._lock = 0, threading.Lock()
        self._thread = threading.Thread(target=self._run, name="capture", daemon=True)
        self._thread.start()

    def offer(self, prediction: AnsweredRequest) -> None:
        """Queue for publishing, or count as dropped. Never blocks."""
        rows = len(prediction.rows)
        with self._lock:
            fits = self._rows + rows <= self._capacity
            self._rows += rows if fits else 0
        if fits:
            QUEUED.set(self._rows)
            self._queue.put((prediction, datetime.now(UTC)))
        else:
            QUEUE_FULL.inc(rows)

    def close(self) -> None:
        """Give what is queued a few seconds to arrive, then count the rest as lost."""
        self._queue.put(None)
        self._thread.join(CLOSE_SECONDS)
        UNDELIVERED.inc(self._sink.flush(CLOSE_SECONDS))

    def _run(self) -> None:
        while True:
            try:
                item = self._queue.get(timeout=0.2)
            except queue.Empty:
                self._sink.poll(0)  # delivery reports arrive here, also without requests
                continue
            if item is None:
                return
            prediction, at = item
            for message in messages(prediction, self._served, at):
                self._produce(prediction.caller.tenant, message)
            with self._lock:
                self._rows -= len(prediction.rows)
            QUEUED.set(self._rows)
            self._sink.poll(0)

    def _produce(self, tenant: str, message: bytes) -> None:
        try:
            self._sink.produce(PREDICTIONS_TOPIC, value=message, key=tenant.encode(), on_delivery=_count)
        except BufferError:  # the client's own queue is full: the broker is down or slower than the model
            QUEUE_FULL.inc()
        except KafkaException as error:
            UNDELIVERED.inc()
            _log.warning("a prediction cannot be published: %s", error)


def messages(prediction: AnsweredRequest, served: ServedModel, at: datetime) -> list[bytes]:
    """One message per row. Whatever one of them holds, the others are published: no message may end the thread."""
    made: list[bytes] = []
    for number in range(min(len(prediction.rows), len(prediction.predictions))):
        try:
            made.append(_message(prediction, number, served, at))
        except Exception as error:  # noqa: BLE001  # from the JSON writer, or from an object that the model answered
            UNPUBLISHABLE.inc()
            _log.warning("a prediction cannot be published: %s: %s", type(error).__name__, error)
    return made


def _message(prediction: AnsweredRequest, number: int, served: ServedModel, at: datetime) -> bytes:
    """One row's JSON message, as the contract describes it. Numbers that are not finite become null.

    Features are scalars: a list or an object is its JSON text. What would make the message too large for Kafka, an
    image as a feature, is published as null: the predictions still count.
    """
    caller, row, answer = prediction.caller, prediction.rows[number], prediction.predictions[number]
    message = topics.Prediction(
        id=f"{caller.request_id}/{number}",
        tenant=caller.tenant,
        user_id=caller.user_id,
        features=[_json(each).decode() if isinstance(each, list | dict) else each for each in row],
        predictions=answer if isinstance(answer, list) else [answer],
        at=at,
        model=served.name,
        version=served.version,
    )
    encoded = message.encode(_json)
    return encoded if len(encoded) <= LARGEST else replace(message, features=[None] * len(row)).encode(_json)


def _json(fields: object) -> bytes:
    try:
        return orjson.dumps(fields)
    except TypeError:  # objects that the fast writer does not know; the model's own answers have none
        return orjson.dumps(plain(fields))


def from_environment(served: ServedModel) -> Capture | None:
    """The capture the environment asks for; None, said in the log, when no broker is named."""
    if not os.environ.get(Env.KAFKA):
        _log.warning("%s is empty: predictions are not published, drift will not be seen", Env.KAFKA)
        return None
    producer = Producer(
        client_settings(os.environ)
        | {
            "client.id": "ml-loop-serve",
            "linger.ms": 50,
            "queue.buffering.max.messages": CAPACITY,
            "queue.buffering.max.kbytes": 32 * 1024,
            "message.timeout.ms": 30_000,
            "compression.type": "lz4",
            "log_level": 2,  # error_cb says it once a minute, librdkafka at each reconnect
        },
        error_cb=_Outage().report,
    )
    return Capture(producer, served)


class _Outage:
    """Logs a broker's absence once a minute: librdkafka reports it at each reconnect."""

    def __init__(self) -> None:
        self._last = 0.0

    def report(self, error: KafkaError) -> None:
        now = datetime.now(UTC).timestamp()
        if now - self._last > 60:
            self._last = now
            _log.warning("Kafka: %s; answers continue, predictions are dropped and counted", error)


def _count(error: KafkaError | None, _message: object) -> None:
    (UNDELIVERED if error else DELIVERED).inc()
