"""Predictions per second of the detector on one core: `python3 -m benchmarks.detector`, in the detector's environment.

Everything but the network: messages of ten features are parsed, put into windows of 1000, compared by KSDrift,
adjusted and encoded; a consumer in memory hands them out as Kafka's client does, a thousand at a time.
"""

import json
import logging
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np

from loop.drift.alibi import make
from loop.drift.detector import Detector
from loop.drift.reference import Reference
from loop.drift.settings import DriftSettings

ROWS, FEATURES, WINDOW = 200_000, 10, 1000


class Message:
    def __init__(self, offset: int, value: bytes) -> None:
        self._offset, self._value = offset, value

    def error(self) -> None: ...
    def partition(self) -> int:
        return self._offset % 3

    def offset(self) -> int:
        return self._offset

    def value(self) -> bytes:
        return self._value


class Consumer:
    def __init__(self, messages: list[Message]) -> None:
        self._batches: Iterator[list[Message]] = (messages[at : at + 1000] for at in range(0, len(messages), 1000))

    def consume(self, num_messages: int, timeout: float) -> list[Message]:  # noqa: ARG002
        return next(self._batches, [])

    def commit(self, **_: Any) -> None: ...


def messages(random: np.random.Generator) -> list[Message]:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    head = {"tenant": "shop-1", "user_id": "12345", "predictions": [0.5], "model": "m", "version": "3"}
    return [
        Message(n, json.dumps(head | {"features": row, "at": (start + timedelta(seconds=n)).isoformat()}).encode())
        for n, row in enumerate(random.normal(size=(ROWS, FEATURES)).tolist())
    ]


def main() -> None:
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    logging.disable(logging.INFO)
    random, names = np.random.default_rng(1), tuple(f"f{n}" for n in range(FEATURES))
    reference = Reference("3", names, tuple(range(FEATURES)), {"window": random.normal(size=(1000, FEATURES))})
    events: list[bytes] = []
    detector = Detector(
        model="m",
        settings=DriftSettings(features=names, window=WINDOW),
        consumer=Consumer(messages(random)),  # type: ignore[arg-type]
        publish=events.extend,
        watcher=SimpleNamespace(reference=reference, problem=""),  # type: ignore[arg-type]
        make_test=make,
        partition=lambda *_: None,
    )
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(ROWS // 1000):
        detector.step(0)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    assert len(events) == ROWS // WINDOW * FEATURES
    print(
        f"{ROWS} predictions of {FEATURES} features, {len(events)} tests: {ROWS / cpu:,.0f} predictions/s of CPU time, "
        f"{ROWS / wall:,.0f}/s by the clock"
    )


if __name__ == "__main__":
    main()
