"""`python3 -m loop detect`: read `ml.predictions`, compare each window with the reference, publish to `ml.drift`.

One process per model, in a consumer group of its own. The order of things makes a window neither lost nor counted
twice: commit where the complete window ends, publish and wait for the broker, commit the next window's start (see
`window`).
"""

import logging
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final, Protocol

from contract.brokers import drift_group
from contract.commands import Detect
from contract.drift import DriftSettings
from contract.evidence import pack
from contract.looks import LOOKS_PATH, Look
from contract.messages import DriftEvent, EventKind
from contract.names import DRIFT_TOPIC, PREDICTIONS_TOPIC
from loop.drift import metrics
from loop.drift.comparison import Comparison, MakeTest
from loop.drift.decision import Outcome, Span, events, sight
from loop.drift.looks import RecentLooks
from loop.drift.row import CLOCK_SKEW, Layouts, MalformedError, Row, UnknownVersionError, parse
from loop.drift.watcher import Watcher
from loop.drift.window import Bookmark, Windows, first_span
from loop.runtime import log, watcher
from loop.runtime.kafka import TopicConsumer, bookmarked, client_settings

_log = logging.getLogger(__name__)

STUCK_SECONDS: Final = 300.0
FLUSH_SECONDS: Final = 30.0
SHOWN: Final = 200
"""Characters of a malformed message that the log shows."""


class Consumer(TopicConsumer, Protocol):
    """The part of confluent_kafka.Consumer that the detector uses."""

    def get_watermark_offsets(self, partition: Any, timeout: float) -> tuple[int, int]: ...


class Detector:
    """The windows of one model, from messages to events.

    `partition` makes the client's TopicPartition.
    """

    def __init__(
        self,
        *,
        model: str,
        settings: DriftSettings,
        consumer: Consumer,
        publish: Callable[[list[bytes]], None],
        watcher: Watcher,
        make_test: MakeTest,
        partition: Callable[..., Any],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._model, self._settings, self._consumer, self._publish = model, settings, consumer, publish
        self._watcher, self._partition, self._clock = watcher, partition, clock
        self._windows = Windows(settings.stride, settings.looks)
        self.looks = RecentLooks(model)
        self._comparison = Comparison(settings, watcher.columns, make_test)
        self._counted = Counter[str]()
        """Messages since the last step, by outcome: a metric takes longer than a row."""
        for name in metrics.OUTCOMES:
            metrics.MESSAGES.labels(model, name)
        self._sees = ""
        self._shown = -float("inf")
        self.last_step = clock()

    def assigned(self, consumer: Any, partitions: list[Any]) -> None:
        """Start at the bookmarks of the assigned partitions; what was open is read again."""
        marks = {}
        for kept in consumer.committed(partitions, timeout=30.0):
            if kept.offset < 0:
                continue  # nothing committed yet: the client starts at the earliest
            low, _ = consumer.get_watermark_offsets(kept, timeout=30.0)
            if low > kept.offset:
                metrics.EXPIRED.labels(self._model).inc(low - kept.offset)
                _log.warning("partition %d: %d messages are gone from Kafka", kept.partition, low - kept.offset)
            marks[kept.partition] = Bookmark.read(kept.offset, kept.metadata).after(low)
        self._windows = Windows.resume(self._settings.stride, self._settings.looks, marks)
        consumer.assign(partitions)
        _log.info("reading %d partitions of %s from %s", len(partitions), PREDICTIONS_TOPIC, marks or "the earliest")

    def revoked(self, _consumer: Any, _partitions: list[Any]) -> None:
        """Forget the open window: the process that gets the partitions reads it again."""
        self._windows = Windows(self._settings.stride, self._settings.looks)

    def step(self, timeout: float = 0.5) -> float:
        """Read what there is, at most 1000 messages, and close complete windows.

        Returns the seconds until the next step.
        """
        self.last_step = self._clock()
        reference = self._watcher.reference
        metrics.REFERENCE_OK.labels(self._model).set(not self._watcher.problem)
        metrics.REFERENCE.labels(self._model).set(float(reference.version) if reference else 0)
        if reference is None:
            return timeout  # nothing to compare with: the predictions wait in Kafka
        layouts = self._comparison.layouts(reference)
        messages = self._consumer.consume(num_messages=1000, timeout=timeout)
        now = self._clock()
        for message in messages:
            if message.error() is not None:
                self._kafka_error(message.error())
            else:
                self._take(message.partition(), message.offset(), self._row(message.value(), layouts, now))
        for outcome, many in self._counted.items():
            metrics.MESSAGES.labels(self._model, outcome).inc(many)
        self._counted.clear()
        metrics.OPEN_ROWS.labels(self._model).set(len(self._windows.open))
        return 0.0

    def alive(self) -> tuple[bool, str]:
        """Not alive when reading or comparing hangs; a broker or an MLflow that is away is no reason to restart."""
        still = self._clock() - self.last_step
        return still < STUCK_SECONDS, f"last read {still:.0f} s ago"

    def ready(self) -> tuple[bool, str]:
        """Ready when predictions are compared, or when there is no version yet to compare them with."""
        watcher = self._watcher
        using = f"comparing with version {watcher.reference.version}" if watcher.reference else "no reference"
        well = watcher.reference is not None or watcher.no_version
        return well, "; ".join(filter(None, (using, watcher.problem, self._sees)))

    def _row(self, value: bytes | None, layouts: Layouts, now: float) -> Row | None:
        try:
            row = parse(value, self._model, layouts, now)
        except (MalformedError, UnknownVersionError) as error:
            self._counted["malformed" if isinstance(error, MalformedError) else "unknown_version"] += 1
            if self._clock() - self._shown >= 1.0:  # a flood of them must not become a flood of log lines
                self._shown = self._clock()
                _log.warning("left out a message (%s): %r", error, (value or b"")[:SHOWN])
            return None
        self._counted["used" if row is not None else "other_model"] += 1
        return row

    def _take(self, partition: int, offset: int, row: Row | None) -> None:
        if self._windows.add(partition, offset, row):
            self._close()
            for held_back in self._windows.held_back():
                self._take(*held_back)

    def _close(self) -> None:
        windows = self._windows
        if windows.keep():
            return
        looked, marks = windows.full and bool(windows.rows), windows.closing()
        if looked:
            self._commit(marks)
            self._publish(self._compare(windows))
            metrics.WINDOWS.labels(self._model).inc()
        self._commit(windows.close(self._clock() + CLOCK_SKEW, looked=looked))

    def _compare(self, windows: Windows) -> list[bytes]:
        reference = self._watcher.reference
        assert reference is not None  # noqa: S101  # rows are parsed with it
        rows = sorted(windows.rows, key=lambda row: row.at)  # partitions come in any order
        times = [row.at for row in rows]
        start, end = times[0], times[-1]
        horizon = windows.horizon(self._clock() + CLOCK_SKEW)
        elapsed = max(0.0, end - horizon) if horizon is not None else first_span(times)
        offsets = tuple(sorted((p, mark.end or 0) for p, mark in windows.bookmarks.items()))
        waiting = self._watcher.waiting
        outcomes, picture = self._comparison(reference, waiting, rows, elapsed)
        self._note(outcomes, waiting.version if waiting else "0")
        span = Span(start, end, len(times), offsets, elapsed)
        found = events(self._model, reference.version, span, outcomes, settings=self._settings, now=self._clock())
        looks = self.looks.add(found, outcomes, picture)
        for event in found:
            metrics.SCORE.labels(self._model, event.feature).set(event.distance)
            metrics.P_VALUE.labels(self._model, event.feature).set(event.p_value)
            metrics.EVENTS.labels(self._model, event.feature, str(event.drift).lower()).inc()
            level, said = (logging.WARNING, "drift") if event.drift else (logging.INFO, "no drift")
            _log.log(level, "%s: %s", said, dict(event.fields()))
        return [_with_evidence(event, looks).encode() for event in found]

    def _note(self, outcomes: list[Outcome], waiting: str) -> None:
        """Logs which drift the waiting version knows, which columns are broken, and how little the test can see."""
        for outcome in outcomes:
            waits = outcome.kind is EventKind.KNOWN
            metrics.KNOWN_BY.labels(self._model, outcome.feature).set(float(waiting) if waits else 0)
            metrics.BROKEN.labels(self._model, outcome.feature).set(outcome.kind is EventKind.QUALITY)
            for gauge, value in (
                (metrics.EFFECTIVE_ROWS, outcome.effective_rows),
                (metrics.SMALLEST, outcome.smallest),
            ):
                if value is not None:
                    gauge.labels(self._model, outcome.feature).set(value)
        self._sees = sight(outcomes)
        _log.info("%s", self._sees)

    def _commit(self, bookmarks: dict[int, Bookmark]) -> None:
        offsets = [self._partition(PREDICTIONS_TOPIC, p, b.start, b.metadata()) for p, b in bookmarks.items()]
        self._consumer.commit(offsets=offsets, asynchronous=False)

    def _kafka_error(self, error: Any) -> None:
        metrics.KAFKA_ERRORS.labels(self._model).inc()
        _log.warning("Kafka: %s", error)
        if error.fatal():
            raise RuntimeError(f"Kafka: {error}")


def _with_evidence(event: DriftEvent, looks: Sequence[Look]) -> DriftEvent:
    """Drift starts something, which people will want to see the reason of."""
    return replace(event, evidence=pack(looks, event.feature)) if event.drift else event


def publisher(producer: Any, model: str) -> Callable[[list[bytes]], None]:
    """Publish to `ml.drift` and wait until the brokers have everything; RuntimeError when they do not take it."""

    def publish(messages: list[bytes]) -> None:
        failures: list[Any] = []

        def delivered(error: Any, _message: Any) -> None:
            if error:
                failures.append(error)

        for message in messages:
            producer.produce(DRIFT_TOPIC, value=message, key=model.encode(), on_delivery=delivered)
        left = producer.flush(FLUSH_SECONDS)
        if left or failures:
            raise RuntimeError(
                f"{left + len(failures)} of {len(messages)} events did not reach {DRIFT_TOPIC}: {failures}"
            )

    return publish


def main() -> int:
    given = Detect.parse(sys.argv[1:])
    settings = given.drift
    log.to_stderr()
    from confluent_kafka import Consumer as KafkaConsumer  # noqa: PLC0415  # --help need not wait for all of these
    from confluent_kafka import Producer, TopicPartition  # noqa: PLC0415
    from mlflow import MlflowClient  # noqa: PLC0415

    from loop.drift.alibi import make  # noqa: PLC0415  # seconds to import

    connection = client_settings(os.environ)
    consumer = KafkaConsumer(connection | consumer_settings(given.model))
    producer = Producer(connection | {"enable.idempotence": True, "message.timeout.ms": int(FLUSH_SECONDS * 1000)})
    references = Watcher(MlflowClient(), given.model, settings.features)
    detector = Detector(
        model=given.model,
        settings=settings,
        consumer=consumer,
        publish=publisher(producer, given.model),
        watcher=references,
        make_test=make,
        partition=TopicPartition,
    )
    threading.Thread(target=references.run, name="reference", daemon=True).start()
    consumer.subscribe([PREDICTIONS_TOPIC], on_assign=detector.assigned, on_revoke=detector.revoked)
    try:
        pages = {LOOKS_PATH: detector.looks.encode}
        watcher.run(detector.step, port=given.port, alive=detector.alive, ready=detector.ready, pages=pages)
    finally:
        references.stop()
        consumer.close()
    return 0


def consumer_settings(model: str) -> dict[str, Any]:
    """librdkafka settings that the bookmarks rely on."""
    return bookmarked(drift_group(model)) | {"partition.assignment.strategy": "range"}
