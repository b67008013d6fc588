"""The watch over performance: a span is judged once, when its outcomes are known, against what the gate measured."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from contract.messages import DriftEvent, EventKind, Prediction
from contract.names import OUTCOMES_TOPIC, PREDICTIONS_TOPIC
from contract.outcome_commands import WatchPerformance
from contract.outcomes import ObservedOutcome
from loop.outcomes.archive import RowKind, files, row
from loop.outcomes.new_rows import LabelledRows
from loop.outcomes.performance import PerformanceWatch, Promises, promised
from loop.runtime.objects import ObjectFolder, folder

HOUR = timedelta(hours=1)
BEGIN = datetime(2026, 11, 27, 8, tzinfo=UTC)
GIVEN = WatchPerformance(model="churn", delay=timedelta(hours=6), every=HOUR)
PROMISES = Promises("3", {"3": {"auc": 0.86, "lift": 2.0}, "4": {"auc": 0.86}})


class Kafka:
    """Takes messages while it is up."""

    def __init__(self) -> None:
        self.up, self.messages = True, list[bytes]()

    def __call__(self, topic: str, messages: Sequence[tuple[bytes, bytes]]) -> bool:
        assert topic == "ml.drift"
        self.messages += [value for _, value in messages] if self.up else []
        return self.up


class Watched:
    """A record of one hour of two versions' answers, and the watch over it at a time of the test's."""

    def __init__(self, root: Path, *, apart: float, known: int = 1000) -> None:
        self.record, self.kafka, self.given = folder(root.as_uri()), Kafka(), GIVEN
        dice = np.random.default_rng(3)
        labels = dice.integers(0, 2, 1000)
        scores = 1 / (1 + np.exp(-dice.normal(labels * apart, 1.0)))
        asked = [
            Prediction(
                model="churn", version="34"[n % 2], features=[n], predictions=[float(scores[n])],
                at=BEGIN + n * timedelta(seconds=3), id=f"r{n}/0",
            ).encode()
            for n in range(1000)
        ]  # fmt: skip
        self.write(PREDICTIONS_TOPIC, asked)
        self.write(OUTCOMES_TOPIC, [self.outcome(n, int(labels[n])) for n in range(known)])
        self.labels = labels

    def outcome(self, number: int, value: int, later: timedelta = HOUR) -> bytes:
        at = BEGIN + number * timedelta(seconds=3) + later
        return ObservedOutcome(id=f"r{number}/0", model="churn", outcome=value, at=at).encode()

    def write(self, topic: str, messages: list[bytes], start: int = 0) -> None:
        kind = RowKind.PREDICTIONS if topic == PREDICTIONS_TOPIC else RowKind.OUTCOMES
        rows = [row(kind, each, "churn") for each in messages]
        placed = [
            each | {"kafka_partition": 0, "kafka_offset": start + n}
            for n, each in enumerate(rows)
            if isinstance(each, dict)
        ]
        assert len(placed) == len(messages)
        for name, data in files(topic, 0, start, placed):
            self.record.put(name, data)

    def step(self, at: datetime) -> list[DriftEvent]:
        self.kafka.messages.clear()
        PerformanceWatch(self.given, self.record, self.kafka, lambda: PROMISES, at.timestamp).step()
        found = [DriftEvent.parse(each) for each in self.kafka.messages]
        return [each for each in found if isinstance(each, DriftEvent)]

    def judged(self) -> dict[str, Any]:
        (name,) = _judged(self.record)
        return json.loads(self.record.get(name))


def _judged(record: ObjectFolder) -> list[str]:
    return list(record.names("performance/"))


@pytest.fixture(autouse=True)
def _today(monkeypatch: pytest.MonkeyPatch) -> None:
    """The parser refuses what is in the future; the test's time may be there."""
    monkeypatch.setattr("contract.outcomes.CLOCK_SKEW", timedelta(days=10_000))


def test_a_fall_is_published_once_and_both_versions_are_measured(tmp_path: Path) -> None:
    watched = Watched(tmp_path, apart=0.3)
    (event,) = watched.step(BEGIN + 3 * HOUR)
    assert (event.kind, event.feature, event.reference_version) == (EventKind.PERFORMANCE, "performance:auc", "3")
    assert event.p_value < event.threshold
    assert not event.drift
    assert event.distance == pytest.approx((0.86 - watched.judged()["versions"]["3"]["metrics"][0]["value"]) / 0.86)
    said = watched.judged()
    assert (said["production"], said["rows"], said["outcomes"]["joined"]) == ("3", 1000, 1000)
    assert {version: part["rows"] for version, part in said["versions"].items()} == {"3": 500, "4": 500}
    assert watched.step(BEGIN + 4 * HOUR) == []


def test_a_quiet_span_says_so(tmp_path: Path) -> None:
    (event,) = Watched(tmp_path, apart=1.6).step(BEGIN + 3 * HOUR)
    assert event.p_value == 1.0


def test_a_span_waits_for_its_outcomes_until_the_delay_has_passed(tmp_path: Path) -> None:
    watched = Watched(tmp_path, apart=0.3, known=600)
    assert watched.step(BEGIN + 3 * HOUR) == []
    assert not _judged(watched.record)
    watched.write(OUTCOMES_TOPIC, [watched.outcome(700, 1, 7 * HOUR)], start=600)
    (event,) = watched.step(BEGIN + 9 * HOUR)
    assert event.p_value < event.threshold
    counted = watched.judged()["outcomes"]
    assert (counted["joined"], counted["missing"], counted["late"]) == (600, 399, 1)


def test_what_is_said_before_twice_or_otherwise_is_counted(tmp_path: Path) -> None:
    watched = Watched(tmp_path, apart=1.6)
    again = [watched.outcome(1, int(watched.labels[1])), watched.outcome(2, 1 - int(watched.labels[2]))]
    watched.write(OUTCOMES_TOPIC, [*again, watched.outcome(3, int(watched.labels[3]), -HOUR)], start=1000)
    watched.step(BEGIN + 3 * HOUR)
    counted = watched.judged()["outcomes"]
    assert (counted["doubled"], counted["contradicting"], counted["early"]) == (2, 1, 1)


def test_a_span_without_a_prediction_that_an_outcome_can_name_is_not_judged(tmp_path: Path) -> None:
    watched = Watched(tmp_path, apart=2.0)
    at = BEGIN + timedelta(days=2)
    nameless = Prediction(model="churn", version="3", features=[1], predictions=[0.5], at=at, id="").encode()
    watched.write(PREDICTIONS_TOPIC, [nameless] * 200, start=5000)
    watched.step(at + timedelta(hours=9))
    assert list(watched.record.names("performance/")) == ["performance/2026-11-27T08:00:00.000Z.json"]


def test_what_kafka_does_not_take_is_judged_again_with_the_same_id(tmp_path: Path) -> None:
    watched = Watched(tmp_path, apart=0.3)
    watched.kafka.up = False
    assert watched.step(BEGIN + 3 * HOUR) == []
    assert not _judged(watched.record)
    watched.kafka.up = True
    (first,) = watched.step(BEGIN + 4 * HOUR)
    for name in _judged(watched.record):
        watched.record.delete(name)
    (second,) = watched.step(BEGIN + 5 * HOUR)
    assert first.id == second.id


@pytest.mark.parametrize(
    ("report", "found"),
    [
        ('{"metric": "auc", "candidate": 0.8}', {"auc": 0.8}),
        ('{"metrics": [{"metric": "a", "candidate": 1}, {"metric": "b", "candidate": 0.5}]}', {"a": 1.0, "b": 0.5}),
        ("no report", {}),
        ("[]", {}),
    ],
)  # fmt: skip
def test_what_the_gate_measured_is_read_from_the_version(report: str, found: dict[str, float]) -> None:
    assert promised({"ml-loop.gate-report": report}) == found


@pytest.mark.parametrize(("every", "news"), [(None, 0), (1000, 1), (1001, 0), (300, 1)])
def test_so_many_rows_that_have_got_their_outcome_are_news_once(tmp_path: Path, every: int | None, news: int) -> None:
    watched = Watched(tmp_path, apart=1.6)
    watched.given = replace(GIVEN, new_rows=every)
    found = [each for each in watched.step(BEGIN + 3 * HOUR) if each.kind is EventKind.DATA]
    assert [(each.feature, each.p_value, each.window.rows) for each in found] == [("data:rows", 0.0, 1000)] * news
    assert watched.step(BEGIN + 4 * HOUR) == []


def test_rows_are_counted_over_the_spans_before_and_what_is_no_span_s_counts_for_nothing(tmp_path: Path) -> None:
    record = folder(tmp_path.as_uri())
    for hour, joined in ((8, 400), (9, 500), (11, 900)):
        record.put(
            f"performance/2026-11-27T{hour:02}:00:00.000Z.json", json.dumps({"outcomes": {"joined": joined}}).encode()
        )
    for name, data in (
        ("a", b"[]"),
        ("b", b"{"),
        ("c", b'{"outcomes": {"joined": "9000"}}'),
        ("d", b'{"outcomes": {"joined": true}}'),
    ):
        record.put(f"performance/2026-11-27T07:00:00.{name}", data)
    rows, begin = LabelledRows(record), "2026-11-27T10:00:00.000Z"
    assert [rows.enough(begin, joined, 1000) for joined in (0, 99, 100, 101)] == [False, False, True, True]
    assert not rows.enough(begin, 1099, 2000)
    assert rows.enough(begin, 1100, 2000)
