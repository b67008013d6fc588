"""The recorder: whatever ends it at any moment, each message is in exactly one file of the record."""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from contract.messages import Prediction
from contract.names import OUTCOMES_TOPIC, PREDICTIONS_TOPIC
from contract.outcomes import ObservedOutcome
from loop.outcomes import recorder as module
from loop.outcomes.archive import RowKind
from loop.outcomes.join import joined, read
from loop.outcomes.recorder import Recorder
from loop.runtime.objects import ObjectFolder, ObjectStoreError, folder

START = datetime(2026, 11, 26, 23, 50, tzinfo=UTC)
EVER = (START - timedelta(days=9), START + timedelta(days=9))


class Crash(Exception):  # noqa: N818  # not an error of the code under test
    """The process is gone."""


class TopicPartition(NamedTuple):
    topic: str
    partition: int
    offset: int = -1001
    metadata: str | None = None


class Message(NamedTuple):
    place: tuple[str, int]
    number: int
    body: bytes

    def topic(self) -> str:
        return self.place[0]

    def partition(self) -> int:
        return self.place[1]

    def offset(self) -> int:
        return self.number

    def value(self) -> bytes:
        return self.body

    def error(self) -> None:
        return None


@dataclass
class Broker:
    """What survives every process."""

    logs: dict[tuple[str, int], list[bytes]]
    kept: dict[tuple[str, int], TopicPartition] = field(default_factory=dict)


class Process:
    """A consumer and a store of one process, which dies when its effects are used up."""

    def __init__(self, broker: Broker, store: ObjectFolder, dice: random.Random, lives: int | None) -> None:
        self._broker, self._store, self._dice, self._lives = broker, store, dice, lives
        self._positions: dict[tuple[str, int], int] = {}

    def _effect(self) -> None:
        if self._lives is not None:
            self._lives -= 1
            if self._lives < 0:
                raise Crash

    def committed(self, partitions: list[TopicPartition], timeout: float) -> list[TopicPartition]:
        del timeout
        return [self._broker.kept.get((p.topic, p.partition), p) for p in partitions]

    def assign(self, partitions: list[Any]) -> None:
        kept = {(each.topic, each.partition): each.offset for each in self.committed(partitions, 0)}
        self._positions = {place: max(0, offset) for place, offset in kept.items()}

    def consume(self, num_messages: int, timeout: float) -> list[Message]:
        del num_messages, timeout
        self._effect()
        found: list[Message] = []
        for _ in range(self._dice.randint(1, 40)):
            left = [place for place, at in self._positions.items() if at < len(self._broker.logs[place])]
            if left:
                place = self._dice.choice(left)
                found.append(Message(place, self._positions[place], self._broker.logs[place][self._positions[place]]))
                self._positions[place] += 1
        return found

    def commit(self, *, offsets: list[TopicPartition], asynchronous: bool) -> None:
        assert not asynchronous
        self._effect()
        self._broker.kept |= {(each.topic, each.partition): each for each in offsets}
        self._effect()

    def put(self, name: str, data: bytes) -> None:
        self._effect()
        self._store.put(name, data)
        self._effect()

    def get(self, name: str) -> bytes:
        return self._store.get(name)

    def names(self, prefix: str = "") -> Iterator[str]:
        return self._store.names(prefix)

    def delete(self, name: str) -> None:
        raise AssertionError(f"the recorder only adds, and would delete {name}")


def prediction(number: int, model: str = "churn") -> bytes:
    at = START + timedelta(seconds=number * 7)
    one = Prediction(model=model, version="1", features=[number, "a"], predictions=[0.5], at=at, id=f"r{number}/0")
    return one.encode()


def outcome(number: int, value: int, model: str = "churn") -> bytes:
    return ObservedOutcome(id=f"r{number}/0", model=model, outcome=value, at=START + timedelta(hours=1)).encode()


def broker() -> Broker:
    logs = {
        (PREDICTIONS_TOPIC, 0): [prediction(n, "churn" if n % 5 else "other") for n in range(0, 200, 2)],
        (PREDICTIONS_TOPIC, 1): [b"no message" if n % 7 == 0 else prediction(n) for n in range(1, 200, 2)],
        (OUTCOMES_TOPIC, 0): [outcome(n, n % 2) for n in range(200)] + [outcome(3, 0), outcome(4, 0)],
    }
    return Broker(logs)


def run(process: Process, of: Broker, clock: "Clock", steps: int) -> None:
    recorder = Recorder(
        model="churn", consumer=process, target=process, partition=TopicPartition, every=3.0, clock=clock
    )
    recorder.assigned(process, [TopicPartition(*place) for place in of.logs])
    for _ in range(steps):
        recorder.step()
        clock.now += 1.0


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize("seed", range(10))
def test_each_message_is_recorded_once_whatever_ends_the_process(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STRETCH", 25)
    dice, kafka, store, clock = random.Random(seed), broker(), folder(tmp_path.as_uri()), Clock()
    deaths = 0
    for _ in range(40):
        try:
            run(Process(kafka, store, dice, dice.randint(1, 25)), kafka, clock, 1000)
        except Crash:
            deaths += 1
    run(Process(kafka, store, dice, None), kafka, clock, 300)
    assert deaths > 5
    asked, said = (read(store, kind, *EVER).to_pylist() for kind in RowKind)
    sent = {json.loads(each)["id"] for log in list(kafka.logs.values())[:2] for each in log if b'"churn"' in each}
    assert sorted(row["id"] for row in asked) == sorted(sent)
    assert sorted(row["kafka_offset"] for row in said) == list(range(202))
    days = {name.split("/")[1] for name in store.names("predictions/")}
    assert days == {"date=2026-11-26", "date=2026-11-27"}


def test_what_is_recorded_meets_its_outcome_and_the_last_one_said_counts(tmp_path: Path) -> None:
    kafka, store = broker(), folder(tmp_path.as_uri())
    run(Process(kafka, store, random.Random(1), None), kafka, Clock(), 100)
    rows = {row["id"]: row for row in joined(*(read(store, kind, *EVER) for kind in RowKind))}
    assert (rows["r3/0"]["outcome"], rows["r3/0"]["times"], rows["r3/0"]["different"]) == ("0", 2, 2)
    assert (rows["r4/0"]["outcome"], rows["r4/0"]["times"], rows["r4/0"]["different"]) == ("0", 2, 1)
    assert rows["r8/0"]["features"] == '[8, "a"]'


def test_a_store_that_is_away_loses_nothing(tmp_path: Path) -> None:
    kafka, store, clock = broker(), folder(tmp_path.as_uri()), Clock()
    away = True

    class Away(Process):
        def put(self, name: str, data: bytes) -> None:
            if away:
                raise ObjectStoreError("cannot write")
            super().put(name, data)

    process = Away(kafka, store, random.Random(1), None)
    recorder = Recorder(
        model="churn", consumer=process, target=process, partition=TopicPartition, every=3.0, clock=clock
    )
    recorder.assigned(process, [TopicPartition(*place) for place in kafka.logs])
    for _ in range(40):
        recorder.step()
        clock.now += 1.0
    assert recorder.ready() == (True, "cannot write")
    away = False
    for _ in range(80):
        recorder.step()
        clock.now += 1.0
    assert len(read(store, RowKind.OUTCOMES, *EVER)) == 202
    assert recorder.ready() == (True, "recording")
