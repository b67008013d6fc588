"""The detector over Kafka in memory, with processes that die anywhere; and once over librdkafka's own broker."""

import contextlib
import json
import random
import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka import TopicPartition as ConfluentPartition
from hypothesis import given, settings
from hypothesis import strategies as st
from memory_kafka import Broker, Crash, Process, TopicPartition
from prometheus_client import REGISTRY
from scipy.stats import ks_2samp

from contract.drift import DriftSettings
from contract.names import DRIFT_TOPIC, PREDICTIONS_TOPIC
from loop.drift.columns import Columns, Kind
from loop.drift.decision import Outcome
from loop.drift.detector import Detector, consumer_settings, publisher
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


class NoNumber(Recorder):
    """A test that gives none."""

    def make(self, _settings: DriftSettings, _columns: Any) -> Any:
        def compare(_window: np.ndarray, _elapsed: float) -> list[Outcome]:
            return [Outcome("x", float("nan"), 0.5)]

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
    one.assigned(process, [TopicPartition(PREDICTIONS_TOPIC, p) for p in range(len(broker.partitions))])
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


def gauge(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(name, labels)


def malformed() -> float:
    return gauge("ml_loop_drift_messages_total", model="recommender", outcome="malformed") or 0.0


def test_poison_is_counted_shown_and_skipped(caplog: pytest.LogCaptureFixture) -> None:
    before = malformed()
    broker, recorder = Broker([[b"\x00\xff", *(prediction(n) for n in range(SIZE)), b"{"]]), Recorder()
    live(broker, random.Random(1), recorder, None, 50)
    assert malformed() == before + 2
    assert len(recorder.windows) == 1
    assert "left out a message (not a prediction: JSONDecodeError" in caplog.text
    assert r"b'\x00\xff'" in caplog.text


def run_through(messages: list[bytes], **changes: Any) -> tuple[Recorder, Detector, list[dict[str, Any]]]:
    broker, recorder = Broker([messages]), Recorder()
    process = Process(broker, random.Random(1), None)
    one = detector(process, process.publish, recorder, **changes)
    one.assigned(process, [TopicPartition(PREDICTIONS_TOPIC, 0)])
    for _ in range(100):
        one.step(0)
    return recorder, one, [json.loads(message) for message in broker.published]


@pytest.mark.parametrize(
    "at",
    [
        "0001-01-01T00:00:00+14:00",
        "0001-01-01T00:00:00Z",
        "1970-01-01T00:00:00Z",
        "9999-12-31T23:59:59-14:00",
        "9999-12-31T23:59:59Z",
        "2026-01-31T00:05:01Z",
    ],
)
def test_a_time_that_no_clock_has_ends_nothing_and_is_in_no_window(at: str) -> None:
    before = malformed()
    good = [prediction(n) for n in range(SIZE)]
    recorder, _, events = run_through([good[0], prediction(500, at=at), *good[1:], prediction(501, at=at)])
    assert malformed() == before + 2
    assert recorder.windows == [tuple(range(SIZE))]
    assert events[0]["window"]["from"] == "2026-01-01T00:00:00.000Z"


def test_a_replay_and_late_rows_spend_no_allowance() -> None:
    day = [prediction(n) for n in range(2 * SIZE)]
    _, _, events = run_through([*day, *day])
    assert [event["p_value"] < 0.05 for event in events] == [True, True, False, False]
    assert [event["p_value"] for event in events[2:]] == [1.0, 1.0]


def test_versions_with_other_columns_are_read_by_name_and_unknown_ones_are_counted_and_left_out() -> None:
    versions = {
        "4": Columns({"other": Kind.TEXT, "x": Kind.NUMBER}),
        "5": Columns({"new": Kind.NUMBER, "other": Kind.TEXT, "x": Kind.NUMBER}),
        "6": Columns({"other": Kind.TEXT}),
    }
    rows = [
        prediction(n)
        if n % 3 == 0
        else prediction(n, version="4", features=["other", n])
        if n % 3 == 1
        else prediction(n, version="5", features=[-1, "other", n])
        for n in range(SIZE)
    ]
    strangers = [prediction(900, version=each) for each in ("6", "7", "", "٣", "1e3")]
    before, bad = unknown(), malformed()
    recorder, _, _ = run_through([*strangers, *rows], watcher=watcher(versions=versions))
    assert recorder.windows == [tuple(range(SIZE))]
    assert (unknown(), malformed()) == (before + 5, bad)


def unknown() -> float:
    return gauge("ml_loop_drift_messages_total", model="recommender", outcome="unknown_version") or 0.0


def test_a_value_that_is_missing_or_of_another_kind_leaves_its_row_in_the_window() -> None:
    odd = [None, "text", True, [1], float("nan")]
    recorder = Recorder()
    messages = [prediction(n, features=[value, "other"]) for n, value in enumerate(odd[:3] + odd[4:])]
    messages += [prediction(n) for n in range(4, SIZE)]
    recorder, _, _ = run_through(messages)
    (window,) = recorder.windows
    assert len(window) == SIZE
    assert sum(np.isinf(window)) == 4


@pytest.mark.parametrize("answers", ["3", "4"])
def test_columns_of_32_bits_compare_as_such_whichever_version_has_them(answers: str) -> None:
    """What is published of 0.3 by a model with 32 bits is 0.30000001192092896."""
    single = Columns({"x": Kind.SINGLE, "other": Kind.TEXT})
    columns = {"3": COLUMNS, "4": single} if answers == "4" else {"3": single}
    values = [0.1, 0.2, 0.3] * 10
    reference = Reference("3", columns["3"], {"window": [np.array(values)]})
    messages = [
        prediction(n, version=answers, features=[float(np.float32(value)), "other"]) for n, value in enumerate(values)
    ]

    def make(_settings: DriftSettings, columns: Any) -> Any:
        def compare(window: np.ndarray, _elapsed: float) -> list[Outcome]:
            return [Outcome("x", float(ks_2samp(columns[0].values, window[:, 0]).statistic), 1.0)]

        return compare

    _, _, events = run_through(messages, watcher=watcher(reference, versions=columns), make_test=make)
    assert [event["ks"] for event in events] == [0.0]


def ks_of(feature: str) -> Any:
    """Makes KS tests that see any distance of more than 0.4 as drift."""

    def make(_settings: DriftSettings, columns: Any) -> Any:
        def compare(window: np.ndarray, _elapsed: float) -> list[Outcome]:
            distance = float(ks_2samp(columns[0].values, window[:, 0]).statistic)
            return [Outcome(feature, distance, 0.0 if distance > 0.4 else 1.0, smallest=0.4)]

        return compare

    return make


@pytest.mark.parametrize(("learned_from", "kind"), [(100.0, "known"), (40.0, "drift")])
def test_drift_that_the_version_in_staging_was_trained_on_starts_nothing_and_is_said(
    learned_from: float, kind: str
) -> None:
    staging = Reference("4", COLUMNS, {"window": [learned_from + np.arange(40.0)]})
    at_hand = watcher(waiting=staging, versions={"4": COLUMNS})
    messages = [prediction(n, features=[100 + n % SIZE, "other"]) for n in range(2 * SIZE)]
    _, one, events = run_through(messages, watcher=at_hand, make_test=ks_of("x"))
    assert [(event["kind"], event["ks"]) for event in events] == 2 * [(kind, 1.0)]
    assert [event["p_value"] < 0.05 for event in events] == 2 * [kind == "drift"]
    assert gauge("ml_loop_drift_known_by_version", model="recommender", feature="x") == (4 if kind == "known" else 0)
    waits = "x has drifted, but version 4 in staging was trained on rows like these"
    assert (waits in one.ready()[1]) == (kind == "known")


def test_once_the_version_that_waited_is_in_production_its_reference_is_the_one_compared_with() -> None:
    staging = Reference("4", COLUMNS, {"window": [100 + np.arange(40.0)]})
    at_hand, promoted = watcher(waiting=staging, versions={"4": COLUMNS}), SIZE
    broker = Broker([[prediction(n, features=[100 + n % SIZE, "other"]) for n in range(2 * SIZE)]])
    process = Process(broker, random.Random(1), None)
    one = detector(process, process.publish, Recorder(), watcher=at_hand, make_test=ks_of("x"))
    one.assigned(process, [TopicPartition(PREDICTIONS_TOPIC, 0)])
    while len(broker.published) * SIZE < promoted:
        one.step(0)
    at_hand.reference, at_hand.waiting = staging, None
    for _ in range(50):
        one.step(0)
    first, second = map(json.loads, broker.published)
    assert (first["kind"], first["reference_version"], second["kind"]) == ("known", "3", "drift")
    assert (second["reference_version"], second["ks"], second["p_value"]) == ("4", pytest.approx(0.25), 1.0)
    assert gauge("ml_loop_drift_known_by_version", model="recommender", feature="x") == 0


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
