"""The detector over Kafka in memory, with processes that die anywhere; and once over librdkafka's own broker."""

import contextlib
import json
import random
import time
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka import TopicPartition as ConfluentPartition
from hypothesis import given, settings
from hypothesis import strategies as st
from memory_kafka import Broker, Process
from mortal import Crash, TopicPartition
from watched import SETTINGS, SIZE, START, Recorder, detector, malformed, prediction, run_through, watcher

from contract.drift import DriftSettings
from contract.evidence import unpack
from contract.messages import Malformed
from contract.names import DRIFT_TOPIC, PREDICTIONS_TOPIC
from loop.drift.decision import Outcome
from loop.drift.detector import consumer_settings, publisher


class NoNumber(Recorder):
    """A test that gives none."""

    def make(self, _settings: DriftSettings, _columns: Any) -> Any:
        def compare(_window: np.ndarray, _elapsed: float) -> list[Outcome]:
            return [Outcome("x", float("nan"), 0.5)]

        return compare


def live(  # noqa: PLR0917  # a process and what it lives in
    broker: Broker,
    dice: random.Random,
    recorder: Recorder,
    lives: int | None,
    steps: int,
    every: int = SIZE,
) -> None:
    process = Process(broker, dice, lives)
    one = detector(process, process.publish, recorder, settings=replace(SETTINGS, every=every))
    one.assigned(process, [TopicPartition(PREDICTIONS_TOPIC, p) for p in range(len(broker.logs))])
    for _ in range(steps):
        one.step(0)


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    partitions=st.integers(1, 4),
    lives=st.lists(st.integers(0, 25), max_size=12),
    looks=st.sampled_from([1, 2, 3, 5]),
)
def test_no_row_is_lost_or_counted_twice_wherever_the_process_dies(
    seed: int, partitions: int, lives: list[int], looks: int
) -> None:
    dice, rows = random.Random(seed), 5 * SIZE + 7
    logs: list[list[bytes]] = [[] for _ in range(partitions)]
    for number in range(rows):
        log = dice.choice(logs)
        log.extend(dice.choice([[], [], [b"poison"], [prediction(9999, "churn")]]))
        log.append(prediction(number))
    broker, recorder = Broker(logs), Recorder()
    for count in lives:
        with contextlib.suppress(Crash):
            live(broker, dice, recorder, count, 200, SIZE // looks)
    live(broker, dice, recorder, None, 400, SIZE // looks)

    windows, step = set(recorder.windows), SIZE // looks
    complete = (rows - SIZE) // step + 1
    assert len(windows) == complete, "a look was lost, or came twice with other rows"
    assert all(len(window) == len(set(window)) == SIZE for window in windows), "a row is twice in a window"
    used = Counter(row for window in windows for row in window)
    assert len(used) == SIZE + (complete - 1) * step, "a row of a complete window is in none"
    assert max(used.values()) <= looks, "a row is in more looks than it may be"
    assert sum(count == looks for count in used.values()) == SIZE + (complete - 1) * step - 2 * (SIZE - step)
    events = [json.loads(message) for message in broker.published]
    assert len({event["id"] for event in events}) == complete
    for event in events:
        same = [e for e in events if e["id"] == event["id"]]
        assert all((e["window"], e["ks"]) == (event["window"], event["ks"]) for e in same), "one id, two windows"


def test_an_event_carries_what_the_contract_names_and_nothing_else() -> None:
    broker = Broker([[prediction(n) for n in range(SIZE)]])
    live(broker, random.Random(1), Recorder(), None, 50)
    (event,) = map(json.loads, broker.published)
    looks = unpack(event.pop("evidence"))
    assert not isinstance(looks, Malformed)
    assert [look.event.id for look in looks] == [event["id"]]
    assert event == {
        "id": event["id"],
        "model": "recommender",
        "feature": "x",
        "ks": 0.5,
        "p_value": 0.0,
        "threshold": 0.05,
        "window": {"from": "2026-01-01T00:00:00.000Z", "to": "2026-01-01T00:29:00.000Z", "n": SIZE},
        "reference_version": "3",
        "at": "2026-01-31T00:00:00.000Z",
        "kind": "drift",
    }
    assert len(event["id"]) == 32


def test_poison_is_counted_shown_and_skipped(caplog: pytest.LogCaptureFixture) -> None:
    before = malformed()
    broker, recorder = Broker([[b"\x00\xff", *(prediction(n) for n in range(SIZE)), b"{"]]), Recorder()
    live(broker, random.Random(1), recorder, None, 50)
    assert malformed() == before + 2
    assert len(recorder.windows) == 1
    assert "left out a message (not a prediction: JSONDecodeError" in caplog.text
    assert r"b'\x00\xff'" in caplog.text


def test_a_replay_and_late_rows_spend_no_allowance() -> None:
    day = [prediction(n) for n in range(2 * SIZE)]
    _, _, events = run_through([*day, *day])
    assert [event["p_value"] < 0.05 for event in events] == [True, True, False, False]
    assert [event["p_value"] for event in events[2:]] == [1.0, 1.0]


def test_nothing_is_read_before_there_is_a_reference() -> None:
    broker, recorder = Broker([[prediction(n) for n in range(SIZE)]]), Recorder()
    process = Process(broker, random.Random(1), lives=0)  # the first read would end it
    one = detector(process, process.publish, recorder, watcher=watcher(None, "no version", no_version=True))
    one.assigned(process, [TopicPartition(PREDICTIONS_TOPIC, 0)])
    one.step(0)
    assert one.ready() == (True, "no reference; no version")


def test_it_is_not_ready_when_mlflow_has_never_answered() -> None:
    one = detector(None, None, Recorder(), watcher=watcher(None, "MLflow cannot be asked: refused"))
    assert one.ready() == (False, "no reference; MLflow cannot be asked: refused")


def test_it_stays_ready_with_the_last_reference_and_says_that_mlflow_is_away() -> None:
    one = detector(None, None, Recorder(), watcher=watcher(problem="MLflow cannot be asked: refused"))
    assert one.ready() == (True, "comparing with version 3; MLflow cannot be asked: refused")


def test_it_is_not_alive_when_reading_hangs() -> None:
    now = START.timestamp()
    one = detector(None, None, Recorder(), clock=lambda: now)
    assert one.alive() == (True, "last read 0 s ago")
    now += 301
    assert one.alive() == (False, "last read 301 s ago")


def test_a_test_that_gives_no_number_never_reaches_kafka() -> None:
    broker = Broker([[prediction(n) for n in range(SIZE)]])
    process = Process(broker, random.Random(1), None)
    one = detector(process, process.publish, NoNumber())
    one.assigned(process, [TopicPartition(PREDICTIONS_TOPIC, 0)])
    with pytest.raises(ValueError, match=r"the test of x gave nan with p-value 0\.5"):
        [one.step(0) for _ in range(50)]
    assert broker.published == []


def test_a_window_cut_off_between_publishing_and_committing_comes_again_with_the_same_ids_over_real_clients() -> None:
    mock = Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "the mock", "log_level": 0})
    address = next(f"{b.host}:{b.port}" for b in mock.list_topics(timeout=10).brokers.values())
    connection = {"bootstrap.servers": address, "log_level": 0}
    producer = Producer(connection)
    for number in range(2 * SIZE + 5):
        producer.produce(PREDICTIONS_TOPIC, prediction(number), key=str(number % 7).encode())
    assert producer.flush(10) == 0

    def process(cut_off: bool) -> None:
        consumer = Consumer(connection | consumer_settings("recommender") | {"session.timeout.ms": 6000})
        stop = False

        def publish(messages: list[bytes]) -> None:
            nonlocal stop
            publisher(producer, "recommender")(messages)
            published.extend(messages)
            stop = cut_off or len(published) >= 3
            if cut_off:
                raise Crash

        one = detector(consumer, publish, recorder, ConfluentPartition)
        consumer.subscribe([PREDICTIONS_TOPIC], on_assign=one.assigned, on_revoke=one.revoked)
        deadline = time.monotonic() + 60
        try:
            while not stop and time.monotonic() < deadline:
                one.step(0.2)
        except Crash:
            pass
        finally:
            consumer.close()

    recorder = Recorder()
    published: list[bytes] = []
    process(cut_off=True)
    process(cut_off=False)
    ids = [json.loads(message)["id"] for message in published]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 2
    assert recorder.windows[0] == recorder.windows[1]
    assert not set(recorder.windows[1]) & set(recorder.windows[2])
    assert set(mock.list_topics(timeout=10).topics) >= {PREDICTIONS_TOPIC, DRIFT_TOPIC}
