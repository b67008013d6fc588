"""A model with a schedule is trained without being asked."""

import time
from collections.abc import Iterator

import pytest

from tests.e2e.closed_loop import parameters
from tests.e2e.scratch_model import eventually
from tests.e2e.scratch_training import ScratchTraining, scratch_training
from tests.e2e.station import Station

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


@pytest.fixture
def training(station: Station) -> Iterator[ScratchTraining]:
    assert station.url  # MLflow is up
    with scratch_training(f"schedule-{time.time_ns() % 10**6}") as training:
        yield training


def test_a_schedule_starts_a_training_that_says_so(training: ScratchTraining) -> None:
    model = training.namespace
    training.declare(model, {"train": ["sleep", "60"]}, schedule="* * * * *")
    began = "-l", f"workflows.argoproj.io/cron-workflow={model}-train"
    eventually(lambda: bool(training.items("workflows", *began)), "the minute's training", seconds=90)
    (workflow,) = training.items("workflows", *began)
    assert workflow["spec"]["workflowTemplateRef"] == {"name": training.templates[model]}
    assert parameters(workflow) == {"trigger": "schedule"}
    eventually(lambda: bool(training.running(workflow["metadata"]["name"], "train")), "its command is at work", 60)
