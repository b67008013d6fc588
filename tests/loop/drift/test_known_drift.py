"""Drift that the version in staging was trained on."""

import json
import random
from typing import Any

import numpy as np
import pytest
from memory_kafka import Broker, Process
from mortal import TopicPartition
from scipy.stats import ks_2samp
from watched import COLUMNS, SIZE, Recorder, detector, gauge, prediction, run_through, watcher

from contract.drift import DriftSettings
from contract.names import PREDICTIONS_TOPIC
from loop.drift.decision import Outcome
from loop.drift.reference import Reference


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


def test_a_version_in_staging_whose_texts_are_categories_says_nothing_of_lengths() -> None:
    """Codes of texts are no lengths: what is like the one may be unlike the other."""
    documents = Reference("3", COLUMNS.with_documents(["other"]), {"window": [np.arange(40.0)]})
    staging = Reference("4", COLUMNS, {"window": [100 + np.arange(40.0)]})
    at_hand = watcher(reference=documents, waiting=staging, versions={"4": COLUMNS})
    messages = [prediction(n, features=[100 + n % SIZE, "other"]) for n in range(2 * SIZE)]
    _, _, events = run_through(messages, watcher=at_hand, make_test=ks_of("x"))
    assert [event["kind"] for event in events] == 2 * ["drift"]
