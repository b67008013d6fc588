"""The detector and ten thousand broken messages: each is counted once, and each good row is in its window."""

import random

import junk
import numpy as np
from hypothesis import given
from memory_kafka import Broker, Process
from mortal import TopicPartition
from prometheus_client import REGISTRY
from watched import SIZE, Recorder, detector, prediction

from contract.messages import Malformed, Prediction
from contract.names import PREDICTIONS_TOPIC

MESSAGE = {
    "id": "r/0",
    "model": "recommender",
    "version": "3",
    "tenant": "a",
    "user_id": "b",
    "features": [7, "other"],
    "predictions": [0.5],
    "at": "2026-01-01T00:07:00Z",
}
OUTCOMES = ("used", "other_model", "malformed", "unknown_version")


def counted() -> dict[str, float]:
    name = "ml_loop_drift_messages_total"
    found = {each: REGISTRY.get_sample_value(name, {"model": "recommender", "outcome": each}) for each in OUTCOMES}
    return {each: value or 0.0 for each, value in found.items()}


@junk.times(500)
@given(broken=junk.batches(MESSAGE))
def test_no_broken_message_ends_the_detector_or_changes_a_window(broken: list[bytes]) -> None:
    none = [each for each in broken if isinstance(Prediction.parse(each, "recommender"), Malformed)]
    for messages, left_out in ((broken, None), (none, len(none))):
        good = [prediction(number) for number in range(SIZE)]
        dice, before, recorder = random.Random(len(broken)), counted(), Recorder()
        kafka = Broker([messages[: len(messages) // 2] + good + messages[len(messages) // 2 :]])
        process = Process(kafka, dice, None)
        one = detector(process, process.publish, recorder)
        one.assigned(process, [TopicPartition(PREDICTIONS_TOPIC, 0)])
        for _ in range(2 * (SIZE + len(messages))):
            one.step(0)
        after = counted()
        assert sum(after.values()) - sum(before.values()) == SIZE + len(messages)
        if left_out is not None:
            assert after["malformed"] - before["malformed"] == left_out
            assert recorder.windows == [tuple(np.arange(float(SIZE)))]
