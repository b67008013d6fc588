"""Publishing to Kafka, with confirmation by the brokers."""

import time
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

PATIENCE: Final = 10.0
"""Seconds that Kafka has to take messages that are published together."""


class PublisherSink(Protocol):
    """The part of confluent_kafka.Producer that is used."""

    def produce(self, topic: str, value: bytes, key: bytes, *, on_delivery: Callable[[Any, Any], None]) -> None: ...
    def poll(self, timeout: float) -> int: ...


class Publisher:
    """Publishes messages and waits until the brokers have them. Thread-safe."""

    def __init__(self, sink: PublisherSink, patience: float = PATIENCE) -> None:
        self._sink, self._patience = sink, patience

    def __call__(self, topic: str, messages: Sequence[tuple[bytes, bytes]]) -> bool:
        """Publishes keys and values. Returns whether Kafka has all of them."""
        reports: list[bool] = []
        try:
            for key, value in messages:
                self._sink.produce(
                    topic, value=value, key=key, on_delivery=lambda error, _: reports.append(error is None)
                )
        except BufferError:  # the client's queue is full: the brokers are away or slower than the clients
            return False
        deadline = time.monotonic() + self._patience
        while len(reports) < len(messages) and time.monotonic() < deadline:
            self._sink.poll(0.02)  # another thread may get this one's reports
        return len(reports) == len(messages) and all(reports)
