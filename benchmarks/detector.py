"""Predictions per second of the detector on one core: `python3 -m benchmarks.detector`, in the detector's environment.

All but the network is measured: messages are parsed, put into windows, compared by KSDrift, adjusted and encoded; a
consumer in memory hands them out as Kafka's client does, a thousand at a time. The baseline is the obvious way:
alibi-detect's `predict` for each message, on the last `window` rows, already parsed.
"""

import json
import logging
import os
import time
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
from alibi_detect.cd import KSDrift

from contract.drift import DriftSettings
from loop.drift.alibi import make
from loop.drift.columns import Columns
from loop.drift.comparison import Rows
from loop.drift.detector import Detector
from loop.drift.reference import Reference

FEATURES, WINDOWS = (1, 10, 100), (1000, 10_000)
REFERENCE = 1000
LEAST_ROWS, BASELINE = 40_000, 20
"""Messages for the detector, and for the baseline, which is slow."""


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


class ReplayConsumer:
    def __init__(self, messages: list[Message]) -> None:
        self._batches: Iterator[list[Message]] = (messages[at : at + 1000] for at in range(0, len(messages), 1000))

    def consume(self, num_messages: int, timeout: float) -> list[Message]:  # noqa: ARG002
        return next(self._batches, [])

    def commit(self, **_: Any) -> None: ...


def messages(random: np.random.Generator, rows: int, features: int) -> list[Message]:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    head = {"tenant": "shop-1", "user_id": "12345", "predictions": [0.5], "model": "m", "version": "3"}
    return [
        Message(n, json.dumps(head | {"features": row, "at": (start + timedelta(seconds=n)).isoformat()}).encode())
        for n, row in enumerate(random.normal(size=(rows, features)).tolist())
    ]


def measure(features: int, window: int) -> str:
    """One line of the table; memory is what the detector holds at most, without the libraries."""
    random, rows = np.random.default_rng(1), max(LEAST_ROWS, 2 * window)
    normal = random.normal(size=(REFERENCE, features))
    sent = messages(random, rows, features)
    ours = rows / detect(normal, sent, window)
    tracemalloc.start()  # NumPy's arrays are traced, too; tracing is slow, so nothing is timed meanwhile
    detect(normal, sent[: 2 * window], window)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    naive = BASELINE / predict_each(normal, random.normal(size=(window + BASELINE, features)), window)
    return f"{features:8} {window:8} {ours:14,.0f} {naive:14,.0f} {ours / naive:9,.0f} {peak / 2**20:13.1f}"


def detect(normal: Rows, sent: list[Message], window: int) -> float:
    """Seconds of CPU time for all messages."""
    features = normal.shape[1]
    names, events = tuple(f"f{n}" for n in range(features)), list[bytes]()
    columns, settings = Columns.numbers(names), DriftSettings(features=names, window=window)
    watcher = SimpleNamespace(
        reference=Reference("3", columns, {"window": list(normal.T)}),
        waiting=None,
        problem="",
        columns={"3": columns}.get,
    )
    detector = Detector(
        model="m",
        settings=settings,
        consumer=cast("Any", ReplayConsumer(sent)),  # it is never assigned partitions
        publish=events.extend,
        watcher=cast("Any", watcher),
        make_test=make,
        partition=lambda *_: None,
    )
    began = time.process_time()
    for _ in range(len(sent) // 1000):
        detector.step(0)
    spent = time.process_time() - began
    assert len(events) == ((len(sent) - window) // settings.stride + 1) * features
    return spent


def predict_each(normal: Rows, rows: Rows, window: int) -> float:
    """Seconds of CPU time for `BASELINE` messages."""
    detector = KSDrift(normal)
    began = time.process_time()
    for end in range(window, window + BASELINE):
        detector.predict(rows[end - window : end])
    return time.process_time() - began


def main() -> None:
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    logging.disable(logging.INFO)
    print("features   window  predictions/s  baseline, /s     ratio  memory, MiB")
    for features in FEATURES:
        for window in WINDOWS:
            print(measure(features, window), flush=True)


if __name__ == "__main__":
    main()
