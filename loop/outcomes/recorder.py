"""`python3 -m loop record`: archive a model's predictions and outcomes as Parquet.

Nothing is lost and nothing is written twice, whatever ends the process. A stretch of a partition is written in three
steps: its end is committed beside its start, its files are put, its end is committed as the next start. A process that
finds the end beside the start reads exactly that stretch again, and puts the same files under the same names.
"""

import json
import logging
import os
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from contract import metrics
from contract.brokers import record_group
from contract.messages import Malformed
from contract.names import Env
from contract.outcome_commands import Record
from loop.outcomes.archive import TOPICS, files, row
from loop.runtime import log, objects, watcher
from loop.runtime.kafka import TopicConsumer, bookmarked, client_settings
from loop.runtime.metrics import counter
from loop.runtime.objects import ObjectFolder, ObjectStoreError

_log = logging.getLogger(__name__)

RECORDED = counter(metrics.RECORDED)
FAILURES = counter(metrics.RECORD_FAILURES)

STRETCH: Final = 10_000
"""The most messages of a partition that are written together."""
STUCK_SECONDS: Final = 300.0
PAUSE: Final = 5.0
"""Seconds until a store that refused is asked again."""


@dataclass
class Stretch:
    """What has been read of a partition but not recorded yet."""

    start: int | None = None
    """Offset that it begins at; None until it is known."""
    until: int | None = None
    """Offset after its last message, where it has been decided already."""
    end: int = 0
    """Offset after the last message read."""
    messages: int = 0
    rows: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    began: float = 0.0


class Recorder:
    """One model's messages, from Kafka to files. `partition` makes the client's TopicPartition."""

    def __init__(
        self,
        *,
        model: str,
        consumer: TopicConsumer,
        target: ObjectFolder,
        partition: Callable[..., Any],
        every: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._model, self._consumer, self._objects, self._partition = model, consumer, target, partition
        self._every, self._clock = every, clock
        self._open: dict[tuple[str, int], Stretch] = {}
        self._read = deque[Any]()
        self._problem = ""
        self.last_step = clock()
        self._count = {
            (kind, result): RECORDED.labels(model, kind, result)
            for kind in TOPICS.values()
            for result in ("recorded", "malformed", "other_model")
        }

    def assigned(self, consumer: Any, partitions: list[Any]) -> None:
        """Begin where the last stretch ended, or with one that was being written."""
        for kept in consumer.committed(partitions, timeout=30.0):
            stretch = Stretch()
            if kept.offset >= 0:
                stretch = Stretch(start=kept.offset, until=_until(kept.metadata))
            self._open[kept.topic, kept.partition] = stretch
        consumer.assign(partitions)

    def revoked(self, _consumer: Any, partitions: list[Any]) -> None:
        """Forgets what is not committed: the process that gets the partitions reads it again."""
        gone = {(each.topic, each.partition) for each in partitions}
        self._open = {place: stretch for place, stretch in self._open.items() if place not in gone}
        self._read = deque(each for each in self._read if (each.topic(), each.partition()) not in gone)

    def step(self, timeout: float = 0.5) -> float:
        """Reads what there is and records what is due. Returns the seconds until the next step."""
        self.last_step = now = self._clock()
        try:
            for place, stretch in list(self._open.items()):
                if self._due(stretch, now):
                    self._record(place, stretch)
            if not self._read:
                self._read.extend(self._consumer.consume(num_messages=1000, timeout=timeout))
            while self._read:  # what a store that is away leaves here is not read from Kafka again
                self._take(self._read[0])
                self._read.popleft()
        except ObjectStoreError as error:
            FAILURES.labels(self._model).inc()
            self._problem = str(error)
            _log.warning("%s; trying again", error)
            return PAUSE
        return 0.0

    def alive(self) -> tuple[bool, str]:
        still = self._clock() - self.last_step
        return still < STUCK_SECONDS, f"last read {still:.0f} s ago"

    def ready(self) -> tuple[bool, str]:
        """Ready even while the store is away, which is logged and counted."""
        return True, self._problem or "recording"

    def _due(self, stretch: Stretch, now: float) -> bool:
        """A stretch whose end was decided ends there, or it would be written under the same names with other rows."""
        if stretch.until is not None:
            return stretch.end == stretch.until
        return bool(stretch.messages) and (stretch.messages >= STRETCH or now - stretch.began >= self._every)

    def _take(self, message: Any) -> None:
        if message.error() is not None:
            _log.warning("Kafka: %s", message.error())
            return
        place, offset = (message.topic(), message.partition()), message.offset()
        stretch = self._open.setdefault(place, Stretch())
        if stretch.until is not None and offset >= stretch.until:  # its last messages are gone from Kafka
            stretch.end = stretch.until
            self._record(place, stretch)
            stretch = self._open[place]
        if stretch.start is None:
            stretch.start = offset
        if not stretch.messages:
            stretch.began = self._clock()
        stretch.messages, stretch.end = stretch.messages + 1, offset + 1
        kind = TOPICS[place[0]]
        found = row(kind, message.value(), self._model)
        if isinstance(found, dict):
            stretch.rows.append(found | {"kafka_partition": place[1], "kafka_offset": offset})
        else:
            self._count[kind, "malformed" if isinstance(found, Malformed) else "other_model"].inc()

    def _record(self, place: tuple[str, int], stretch: Stretch) -> None:
        topic, number = place
        assert stretch.start is not None  # noqa: S101  # it has messages
        if stretch.rows:
            self._commit(place, stretch.start, json.dumps({"until": stretch.end}))
            stretch.until = stretch.end
            for name, data in files(topic, number, stretch.start, stretch.rows):
                self._objects.put(name, data)
        self._commit(place, stretch.end, "")
        self._count[TOPICS[topic], "recorded"].inc(len(stretch.rows))
        self._open[place] = Stretch(start=stretch.end)
        self._problem = ""

    def _commit(self, place: tuple[str, int], offset: int, metadata: str) -> None:
        self._consumer.commit(offsets=[self._partition(*place, offset, metadata)], asynchronous=False)


def _until(metadata: str | None) -> int | None:
    """The committed end, which is believed no more than a message."""
    try:
        until = json.loads(metadata or "{}").get("until")
    except (ValueError, AttributeError, RecursionError):
        return None
    return until if type(until) is int else None


def main() -> int:
    given = Record.parse(sys.argv[1:])
    log.to_stderr()
    from confluent_kafka import Consumer, TopicPartition  # noqa: PLC0415  # --help need not wait for it

    consumer = Consumer(client_settings(os.environ) | bookmarked(record_group(given.model)))
    recorder = Recorder(
        model=given.model,
        consumer=consumer,
        target=objects.folder(os.environ[Env.RECORD]),
        partition=TopicPartition,
        every=given.every.total_seconds(),
    )
    consumer.subscribe(list(TOPICS), on_assign=recorder.assigned, on_revoke=recorder.revoked)
    try:
        watcher.run(recorder.step, port=given.port, alive=recorder.alive, ready=recorder.ready)
    finally:
        consumer.close()
    return 0
