"""Ten thousand broken messages on both topics of the record: none ends its recorder, or the watch over performance."""

import json
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import junk
from hypothesis import given
from mortal import Broker, TopicPartition
from prometheus_client import REGISTRY
from record_kafka import Clock, Process

from contract.fields import rfc3339
from contract.names import OUTCOMES_TOPIC, PREDICTIONS_TOPIC
from contract.outcome_commands import WatchPerformance
from loop.outcomes.archive import RowKind, files, row
from loop.outcomes.join import read
from loop.outcomes.performance import PerformanceWatch, Promises
from loop.outcomes.recorder import Recorder
from loop.runtime.objects import folder

AT = datetime(2026, 1, 1, 8, tzinfo=UTC)
ASKED: dict[str, Any] = {
    "id": "r/0",
    "model": "churn",
    "version": "3",
    "tenant": "a",
    "user_id": "b",
    "features": [1.0, "a"],
    "predictions": [0.5],
    "at": AT.isoformat(),
}
SAID: dict[str, Any] = {"id": "r/0", "model": "churn", "outcome": 1, "at": AT.isoformat()}
GIVEN = WatchPerformance(model="churn", delay=timedelta(hours=1), every=timedelta(hours=1))
GOOD = 110


def counted() -> float:
    """Messages, whatever became of them."""
    found = REGISTRY.collect()
    return sum(each.value for family in found for each in family.samples if each.name == "ml_loop_record_rows_total")


def good(message: dict[str, Any], **values: Any) -> list[bytes]:
    return [json.dumps(message | values | {"id": f"good-{n}/0"}).encode() for n in range(GOOD)]


@junk.times(100)
@given(asked=junk.batches(ASKED, 100), said=junk.batches(SAID, 100))
def test_no_broken_message_ends_the_recorder_or_the_watch_over_performance(
    asked: list[bytes], said: list[bytes]
) -> None:
    logs = {
        (PREDICTIONS_TOPIC, 0): [*asked[::2], *good(ASKED), *asked[1::2]],
        (OUTCOMES_TOPIC, 0): [*said[::2], *good(SAID), *said[1::2]],
    }
    with TemporaryDirectory() as root:
        store, kafka, clock = folder(Path(root).as_uri()), Broker(logs), Clock()
        process = Process(kafka, store, random.Random(1), None)
        recorder = Recorder(
            model="churn", consumer=process, target=process, partition=TopicPartition, every=3.0, clock=clock
        )
        recorder.assigned(process, [TopicPartition(*place) for place in logs])
        for _ in range(60):
            recorder.step()
            clock.now += 1.0
        assert {place: kafka.kept[place].offset for place in logs} == {place: len(log) for place, log in logs.items()}
        for kind in RowKind:
            ids = [row["id"] for row in read(store, kind, AT, AT + timedelta(hours=1)).to_pylist()]
            assert sorted(each for each in ids if each.startswith("good-")) == sorted(
                f"good-{n}/0" for n in range(GOOD)
            )
        published: list[bytes] = []

        def publish(_topic: str, messages: Any) -> bool:
            published.extend(value for _, value in messages)
            return True

        now = (AT + timedelta(days=1)).timestamp()
        promises = Promises("3", {"3": {"accuracy": 0.9, "auc": 0.9, "mae": 0.4}})
        watch = PerformanceWatch(GIVEN, store, publish, lambda: promises, lambda: now)
        watch.step()
        assert watch.ready() == (True, "watching")
        assert f"performance/{rfc3339(AT)}.json" in set(store.names("performance/"))


def test_predictions_of_the_last_day_of_time_are_waited_for(tmp_path: Path) -> None:
    store, last = folder(tmp_path.as_uri()), json.dumps(ASKED | {"at": "9999-12-31T23:00:00Z"}).encode()
    written = row(RowKind.PREDICTIONS, last, "churn")
    assert isinstance(written, dict)
    for name, data in files(PREDICTIONS_TOPIC, 0, 0, [written | {"kafka_partition": 0, "kafka_offset": 0}]):
        store.put(name, data)
    daily = replace(GIVEN, every=timedelta(days=1))
    watch = PerformanceWatch(daily, store, lambda _topic, _messages: True, lambda: Promises(None, {}), AT.timestamp)
    watch.step()
    assert watch.ready() == (True, "watching")
