"""The recorder: whatever ends it at any moment, each message is in exactly one file of the record."""

import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from mortal import Broker, Crash, TopicPartition
from record_kafka import Clock, Process

from contract.messages import Prediction
from contract.names import OUTCOMES_TOPIC, PREDICTIONS_TOPIC
from contract.outcomes import ObservedOutcome
from loop.outcomes import recorder as module
from loop.outcomes.archive import RowKind
from loop.outcomes.join import joined, read
from loop.outcomes.recorder import Recorder
from loop.runtime.objects import ObjectStoreError, folder

START = datetime(2026, 11, 26, 23, 50, tzinfo=UTC)
EVER = (START - timedelta(days=9), START + timedelta(days=9))


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


def run(process: Process, of: Broker, clock: Clock, steps: int) -> None:
    recorder = Recorder(
        model="churn", consumer=process, target=process, partition=TopicPartition, every=3.0, clock=clock
    )
    recorder.assigned(process, [TopicPartition(*place) for place in of.logs])
    for _ in range(steps):
        recorder.step()
        clock.now += 1.0


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
