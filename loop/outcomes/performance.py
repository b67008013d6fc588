"""`python3 -m loop watch-performance`: how good a model's answers were, once their outcomes are known.

Time is cut into spans of equal length. A span is judged when each of its predictions has its outcome, or when the delay
has passed: judged earlier, outcomes that come quickly would stand for all. What was found is an object beside the
record, `performance/<begin of the span>.json`; a span that has one is judged. Its events are published before the
object is written, and always have the same ids: readers count a repeated one once.
"""

import hashlib
import json
import logging
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from contract import metrics
from contract.fields import rfc3339
from contract.messages import EVENT_ID_LENGTH, DriftEvent, EventKind, Window
from contract.names import DRIFT_TOPIC, NEW_ROWS, PERFORMANCE_FEATURE, Alias, Env, Tag
from contract.outcome_commands import WatchPerformance
from loop.outcomes import join, measures
from loop.outcomes.archive import RowKind, day_of
from loop.outcomes.new_rows import FOLDER, LabelledRows
from loop.runtime import log, objects, watcher
from loop.runtime.kafka import client_settings
from loop.runtime.metrics import counter, gauge
from loop.runtime.objects import ObjectFolder, ObjectStoreError
from loop.runtime.publishing import Publisher
from loop.runtime.registry import Registry, RegistryError

_log = logging.getLogger(__name__)

VALUE = gauge(metrics.PERFORMANCE)
ERROR = gauge(metrics.PERFORMANCE_ERROR)
P_VALUE = gauge(metrics.PERFORMANCE_P_VALUE)
STATES = gauge(metrics.OUTCOME_STATES)
FAILURES = counter(metrics.PERFORMANCE_FAILURES)

YEAR: Final = timedelta(days=365.25)
GRACE: Final = timedelta(seconds=30)
"""Wait after the end of a span, on top of what the recorder takes to write it."""
STUCK_SECONDS: Final = 900.0
MOST: Final = 1000
"""The most spans that are looked back at."""


class UnpublishedError(Exception):
    """Kafka has not taken the events of a span. It is judged again."""


@dataclass(frozen=True)
class Promises:
    """What the gate measured for the versions that serve."""

    production: str | None
    """The version; None: there is none."""
    of: Mapping[str, Mapping[str, float]]
    """Version → metric → the candidate's value."""


def promises(registry: Registry, model: str) -> Promises:
    """What was promised for the versions that the aliases name. Raises RegistryError."""
    found: dict[str, Mapping[str, float]] = {}
    named = {alias: registry.alias(model, alias) for alias in (Alias.PRODUCTION, Alias.STAGING)}
    for version in named.values():
        if version is not None:
            found[str(version.version)] = promised(version.tags)
    production = named[Alias.PRODUCTION]
    return Promises(str(production.version) if production else None, found)


def promised(tags: Mapping[str, str]) -> Mapping[str, float]:
    """What the gate measured for a version: metric → value. Empty where its report cannot be read."""
    try:
        report = json.loads(tags.get(Tag.GATE_REPORT, "{}"))
        return {each["metric"]: float(each["candidate"]) for each in report.get("metrics", [report])}
    except (ValueError, TypeError, KeyError, AttributeError):
        return {}


class PerformanceWatch:
    """One model's spans, from the record to events."""

    def __init__(
        self,
        given: WatchPerformance,
        record: ObjectFolder,
        publish: Callable[[str, Sequence[tuple[bytes, bytes]]], bool],
        promises: Callable[[], Promises],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._given, self._record, self._publish, self._promises, self._clock = given, record, publish, promises, clock
        self._empty = set[datetime]()
        self._labelled = LabelledRows(record)
        self._problem = ""
        self.last_step = clock()

    def step(self) -> float:
        """Judges the spans that can be judged. Returns the seconds until the next look."""
        self.last_step = self._clock()
        try:
            for begin in self._open():
                self._judge(begin)
            self._problem = ""
        except (ObjectStoreError, RegistryError, UnpublishedError) as error:
            FAILURES.labels(self._given.model).inc()
            self._problem = str(error)
            _log.warning("%s; trying again", error)
        return min(60.0, self._given.every.total_seconds() / 2)

    def alive(self) -> tuple[bool, str]:
        still = self._clock() - self.last_step
        return still < STUCK_SECONDS, f"last look {still:.0f} s ago"

    def ready(self) -> tuple[bool, str]:
        return True, self._problem or "watching"

    def _open(self) -> Iterator[datetime]:
        """Spans that have ended, have predictions and are not judged yet, oldest first."""
        every, now = self._given.every, datetime.fromtimestamp(self._clock(), UTC)
        days = [day for name in self._record.names(f"{RowKind.PREDICTIONS}/") if (day := day_of(name)) and day < now]
        if not days:
            return
        judged = {name.removeprefix(f"{FOLDER}/").removesuffix(".json") for name in self._record.names(f"{FOLDER}/")}
        epoch = datetime.fromtimestamp(0, UTC)
        begin = max(epoch + (min(days) - epoch) // every * every, epoch + (now - epoch) // every * every - MOST * every)
        while begin + every + self._given.archived * 2 + GRACE <= now:
            if rfc3339(begin) not in judged and begin not in self._empty:
                yield begin
            begin += every

    def _judge(self, begin: datetime) -> None:
        given, now = self._given, datetime.fromtimestamp(self._clock(), UTC)
        end = begin + given.every
        asked = join.read(self._record, RowKind.PREDICTIONS, begin, end)
        said = join.read(self._record, RowKind.OUTCOMES, begin - given.delay, now + timedelta(days=1))
        rows = [dict(row, state=join.state(row, given.delay, now)) for row in join.joined(asked, said)]
        if not rows:  # nothing can be said about predictions without an id, which no outcome can name
            self._empty.add(begin)
            return
        if any(row["state"] == "waiting" for row in rows):
            return
        versions = self._promises()
        found = {version: self._measured(version, rows, versions) for version in sorted({r["version"] for r in rows})}
        events = [
            self._event(versions.production, each, begin, rows, now)
            for each in found.get(versions.production or "", {}).get("metrics", [])
        ]
        events += self._news(versions.production, begin, rows, now)
        if not self._publish(DRIFT_TOPIC, [(given.model.encode(), event.encode()) for event in events]):
            raise UnpublishedError(f"Kafka has not taken all events of {DRIFT_TOPIC}")
        for event in events:
            level, said_as = (
                (logging.WARNING, "found") if event.p_value < event.threshold else (logging.INFO, "no fall")
            )
            _log.log(level, "%s: %s", said_as, dict(event.fields()))
        self._write(begin, end, rows, found, versions.production)

    def _measured(self, version: str, rows: list[dict[str, Any]], versions: Promises) -> dict[str, Any]:
        """The metrics of one version's rows that have an outcome, beside what the gate measured."""
        own = [row for row in rows if row["version"] == version and row["state"] == "joined"]
        outcomes, answers = measures.pairs(own)
        asked = [(name, value) for name, value in versions.of.get(version, {}).items() if name in measures.MEASURES]
        found: list[dict[str, Any]] = []
        for name, value in asked:
            if (one := measures.measure(name, outcomes, answers)) is None:
                continue
            p_value = self._adjusted(measures.p_value(name, value, one, self._given.min_fall), len(asked))
            fall = measures.fall(name, value, one)
            found.append(
                {
                    "metric": name,
                    "value": one.value,
                    "error": one.error,
                    "promised": value,
                    "fall": fall,
                    "p_value": p_value,
                }
            )
            VALUE.labels(self._given.model, version, name).set(one.value)
            ERROR.labels(self._given.model, version, name).set(one.error)
            P_VALUE.labels(self._given.model, version, name).set(p_value)
        return {"rows": len(own), "metrics": found}

    def _adjusted(self, p_value: float, tests: int) -> float:
        """Below the threshold exactly when it is below its share of the year's allowance (docs/drift.md)."""
        share = self._given.false_retrains_per_year * (self._given.every / YEAR) / tests
        return min(1.0, p_value * self._given.p_value / min(self._given.p_value, share))

    def _event(
        self, version: str | None, found: Mapping[str, Any], begin: datetime, rows: list[dict[str, Any]], now: datetime
    ) -> DriftEvent:
        metric = found["metric"]
        name = repr((self._given.model, "performance", metric, version, rfc3339(begin)))
        return DriftEvent(
            id=_event_id(name),
            model=self._given.model,
            feature=f"{PERFORMANCE_FEATURE}{metric}",
            distance=max(0.0, found["fall"]),
            p_value=found["p_value"],
            threshold=self._given.p_value,
            window=Window(start=rows[0]["asked_at"], end=rows[-1]["asked_at"], rows=len(rows)),
            reference_version=version or "",
            at=now,
            kind=EventKind.PERFORMANCE,
        )

    def _news(
        self, version: str | None, begin: datetime, rows: list[dict[str, Any]], now: datetime
    ) -> list[DriftEvent]:
        """An event, where enough rows have got their outcome since the last one."""
        every, joined = self._given.new_rows, sum(row["state"] == "joined" for row in rows)
        if every is None or not self._labelled.enough(rfc3339(begin), joined, every):
            return []
        event = self._event(version, {"metric": "", "fall": 0.0, "p_value": 0.0}, begin, rows, now)
        name = repr((self._given.model, "data", rfc3339(begin)))
        return [replace(event, id=_event_id(name), kind=EventKind.DATA, feature=NEW_ROWS)]

    def _write(
        self,
        begin: datetime,
        end: datetime,
        rows: list[dict[str, Any]],
        found: Mapping[str, Any],
        production: str | None,
    ) -> None:
        states = Counter(row["state"] for row in rows)
        known = [row for row in rows if row["outcome"] is not None]
        states["early"] = sum(row["known_at"] < row["asked_at"] for row in known)
        states["doubled"] = sum(row["times"] > 1 and row["different"] == 1 for row in known)
        states["contradicting"] = sum(row["different"] > 1 for row in known)
        for state in ("joined", "late", "missing", "early", "doubled", "contradicting"):
            STATES.labels(self._given.model, state).set(states[state])
        said = {
            "model": self._given.model,
            "from": rfc3339(begin),
            "to": rfc3339(end),
            "rows": len(rows),
            "outcomes": dict(states),
            "production": production,
            "versions": found,
        }
        self._record.put(f"{FOLDER}/{rfc3339(begin)}.json", json.dumps(said).encode())


def _event_id(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:EVENT_ID_LENGTH]


def main() -> int:
    given = WatchPerformance.parse(sys.argv[1:])
    log.to_stderr()
    from confluent_kafka import Producer  # noqa: PLC0415  # --help need not wait for it

    producer = Producer(client_settings(os.environ) | {"enable.idempotence": True, "message.timeout.ms": 30_000})
    registry = Registry()
    watch = PerformanceWatch(
        given,
        objects.folder(os.environ[Env.RECORD]),
        Publisher(producer),
        lambda: promises(registry, given.model),
    )
    watcher.run(watch.step, port=given.port, alive=watch.alive, ready=watch.ready)
    return 0
