"""The demo's guest: its settings are a model's, and the stack that it joins has what it needs."""

from local import yaml12
from local.demo import MODEL, SECONDS, SETTINGS
from settings import Model
from tests.program.program import Run


def test_the_guest_joins_the_stack_with_a_record_and_trains_on_a_fall_alone(run: Run) -> None:
    given = yaml12.load(SETTINGS.read_text("utf-8")) | {"production": 1}
    model = Model.model_validate(given)
    assert model.outcomes is not None
    assert model.outcomes.every.total_seconds() == SECONDS
    recording = run("local", {"models": {MODEL: given}})
    made = {each.inputs["metadata"]["name"] for each in recording.of("Deployment") if "metadata" in each.inputs}
    assert {f"{MODEL}-recorder", f"{MODEL}-performance", f"{MODEL}-drift"} <= made
    first = recording.inputs("Sensor", f"{MODEL}-retraining-sensor")["spec"]["dependencies"][0]["filters"]
    assert first["script"].endswith('return kind == "performance"')
