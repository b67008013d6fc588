"""A detector over Kafka in memory, and what it reads, as the tests of this room make them."""

import json
import random
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np
from memory_kafka import Broker, Process
from mortal import TopicPartition
from prometheus_client import REGISTRY

from contract.drift import DriftSettings
from contract.names import PREDICTIONS_TOPIC
from loop.drift.columns import Columns, Kind
from loop.drift.decision import Outcome
from loop.drift.detector import Detector
from loop.drift.reference import Reference

START = datetime(2026, 1, 1, tzinfo=UTC)


SIZE = 30


SETTINGS = DriftSettings(features=("x",), window=SIZE, every=SIZE)


COLUMNS = Columns({"x": Kind.NUMBER, "other": Kind.TEXT})


REFERENCE = Reference("3", COLUMNS, {"window": [np.arange(40.0)]})


def prediction(number: int, model: str = "recommender", **changes: Any) -> bytes:
    at = (START + timedelta(minutes=number)).isoformat()
    message = {"model": model, "version": "3", "features": [number, "other"], "at": at}
    return json.dumps(message | changes).encode()


def watcher(
    reference: Reference | None = REFERENCE,
    problem: str = "",
    no_version: bool = False,
    versions: dict[str, Columns] | None = None,
    waiting: Reference | None = None,
) -> Any:
    known = {"3": COLUMNS} | (versions or {})
    return SimpleNamespace(
        reference=reference, waiting=waiting, problem=problem, no_version=no_version, columns=known.get
    )


class Recorder:
    """A test that drifts always, and keeps which rows each window had."""

    def __init__(self) -> None:
        self.windows: list[tuple[float, ...]] = []

    def make(self, _settings: DriftSettings, _columns: Any) -> Any:
        def compare(window: np.ndarray, elapsed: float) -> list[Outcome]:
            self.windows.append(tuple(sorted(window[:, 0])))
            return [Outcome("x", 0.5, 1e-9 * float(np.nan_to_num(window[0, 0], posinf=0.0)))]

        return compare


def detector(
    process: Any, publish: Any, recorder: Recorder, partition: Any = TopicPartition, **changes: Any
) -> Detector:
    parts: dict[str, Any] = {
        "model": "recommender",
        "settings": SETTINGS,
        "consumer": process,
        "publish": publish,
        "watcher": watcher(),
        "make_test": recorder.make,
        "partition": partition,
        "clock": (START + timedelta(days=30)).timestamp,
    }
    return Detector(**(parts | changes))


def gauge(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(name, labels)


def malformed() -> float:
    return gauge("ml_loop_drift_messages_total", model="recommender", outcome="malformed") or 0.0


def run_through(messages: list[bytes], **changes: Any) -> tuple[Recorder, Detector, list[dict[str, Any]]]:
    broker, recorder = Broker([messages]), Recorder()
    process = Process(broker, random.Random(1), None)
    one = detector(process, process.publish, recorder, **changes)
    one.assigned(process, [TopicPartition(PREDICTIONS_TOPIC, 0)])
    for _ in range(100):
        one.step(0)
    return recorder, one, [json.loads(message) for message in broker.published]
