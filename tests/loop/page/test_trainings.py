"""What people read of a training whose pod does not start, and of one that was ended for it."""

from typing import Any

from contract.names import NOTHING_NEW
from loop.page.trainings import RunState, trainings

WHY = 'ImagePullBackOff: Back-off pulling image "churn:9"'


def workflow(phase: str, node: dict[str, str], annotations: dict[str, str]) -> dict[str, Any]:
    shown = {"type": "Pod", "displayName": "train(0)", **node}
    return {
        "metadata": {
            "name": "churn-train-1",
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "annotations": annotations,
        },
        "status": {"phase": phase, "nodes": {"a": shown}},
    }


def test_a_step_that_cannot_start_is_told_with_its_reason_while_it_waits() -> None:
    (told,) = trainings([workflow("Running", {"phase": "Pending", "message": WHY}, {})], [])
    assert (told.state, told.outcome) == (RunState.RUNNING, f"in step train, which cannot start: {WHY}")


def test_a_training_that_the_loop_ended_says_why_and_not_that_it_was_stopped() -> None:
    stopped = {"phase": "Failed", "message": "workflow shutdown with strategy:  Stop"}
    (told,) = trainings([workflow("Failed", stopped, {"ml-loop.dev/ended-because": "step train cannot start"})], [])
    assert (told.state, told.outcome) == (RunState.FAILED, "step train cannot start")


def test_a_training_with_nothing_new_to_learn_says_of_which_version() -> None:
    said = [{"name": "version", "value": "4"}, {"name": "gate", "value": NOTHING_NEW}]
    nodes = {"a": {"type": "Pod", "displayName": "register(0)", "outputs": {"parameters": said}}}
    found = workflow("Succeeded", {}, {}) | {"status": {"phase": "Succeeded", "nodes": nodes}}
    (told,) = trainings([found], [])
    assert (told.state, told.outcome) == (
        RunState.DONE,
        "nothing new to learn: version 4 was made of the same rows by the same code",
    )
