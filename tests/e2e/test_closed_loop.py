"""Drift starts a training, once, whatever is sent and whatever is killed: the example model of the built-in cluster.

Which events pass is Argo Events' decision, so it is asked with Argo Events. `ml.drift` has one partition: once the last
event sent has its Workflow, all before it have been decided, and nothing here waits for something not to happen.
"""

import json
import secrets
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import pytest
import yaml
from mlflow import MlflowClient

from local.paths import REPOSITORY
from loop.contract import DRIFT_TOPIC, PREDICTIONS_TOPIC, Alias
from tests.e2e.scratch_model import eventually
from tests.e2e.station import Station, Timed

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

MODEL: Final = "recommender"
CONFIG: Final = yaml.safe_load((REPOSITORY / "Pulumi.local.yaml").read_text(encoding="utf-8"))["config"]
NAMESPACE: Final = CONFIG["ml-loop:namespace"]
FEATURES: Final[list[str]] = CONFIG["ml-loop:models"][MODEL]["drift"]["features"]
WINDOW: Final[int] = CONFIG["ml-loop:models"][MODEL]["drift"]["window"]
DRIFT_OF_MODEL: Final = f"ml-loop.dev/trigger=drift,ml-loop.dev/model={MODEL}"
PODS: Final = {"sensor": f"sensor-name={MODEL}-drift", "source": f"eventsource-name={MODEL}-drift"} | {
    "bus": "app.kubernetes.io/instance=event-bus-nats,app.kubernetes.io/component=server"
}
PUBLISH: Final = """\
import os, sys
from confluent_kafka import Producer
from loop.kafka import client_settings
topic, times, *texts = sys.argv[1:]
producer = Producer(client_settings(os.environ))
for text in texts:
    for _ in range(int(times)):
        producer.produce(topic, text.encode(), key=b"e2e")
        producer.poll(0)
sys.exit(producer.flush(30))
"""


@dataclass(frozen=True)
class Loop:
    """The model's way from an event to a Workflow."""

    station: Station

    def kubectl(self, *arguments: str) -> str:
        return self.station.kubectl("-n", NAMESPACE, *arguments)

    def publish(self, topic: str, *texts: str, times: int = 1) -> None:
        """Sends messages in order, from the detector's pod, which knows the way to the brokers."""
        inside = ["python3", "-c", PUBLISH, topic, str(times), *texts]
        self.kubectl("exec", f"deployment/{MODEL}-drift", "--", *inside)

    def send(self, *events: dict[str, Any] | str) -> None:
        self.publish(DRIFT_TOPIC, *(each if isinstance(each, str) else json.dumps(each) for each in events))

    def workflows(self) -> dict[str, dict[str, Any]]:
        """Those that drift has started, by name."""
        found = self.station.objects("workflows", "-n", NAMESPACE, "-l", DRIFT_OF_MODEL)
        return {workflow["metadata"]["name"]: dict(workflow) for workflow in found}

    def wait_for(self, event: dict[str, Any], seconds: float = 120) -> float:
        """Waits for the event's Workflow; returns how long it took."""
        return eventually(lambda: name_of(event) in self.workflows(), f"a Workflow for {event['id']}", seconds)

    def forget(self) -> None:
        """Deletes what earlier events started, their pods first, and what the cooldown remembers of them."""
        self.kubectl("delete", "workflows", "-l", DRIFT_OF_MODEL, "--cascade=foreground")
        for lease in self.station.objects("leases", "-n", NAMESPACE):
            if lease["metadata"]["name"].startswith(f"retrain-{MODEL}"):
                self.kubectl("delete", "lease", lease["metadata"]["name"])

    def kill(self, *parts: str) -> None:
        """Without a goodbye: the processes get no signal that they could act on."""
        for part in parts:
            self.kubectl("delete", "pod", "-l", PODS[part], "--grace-period=0", "--force", "--wait=false")


def event(**changes: object) -> dict[str, Any]:
    """What the detector writes when it sees drift, with changes."""
    return {
        "id": secrets.token_hex(16),
        "model": MODEL,
        "feature": FEATURES[0],
        "ks": 0.31,
        "p_value": 0.01,
        "threshold": 0.05,
        "window": {"from": "2026-01-01T00:00:00Z", "to": "2026-01-01T01:00:00Z", "n": WINDOW},
        "reference_version": "1",
        "at": "2026-01-01T01:00:00Z",
        **changes,
    }


def without(key: str) -> dict[str, Any]:
    return {name: value for name, value in event().items() if name != key}


def name_of(sent: dict[str, Any]) -> str:
    return f"{MODEL}-drift-{sent['id'][:16]}"


def parameters(workflow: dict[str, Any]) -> dict[str, str]:
    return {each["name"]: each["value"] for each in workflow["spec"]["arguments"]["parameters"]}


def granted(workflow: dict[str, Any]) -> bool | None:
    """What the cooldown said; None: nothing yet."""
    for node in workflow.get("status", {}).get("nodes", {}).values():
        for output in node.get("outputs", {}).get("parameters", []):
            if output["name"] == "granted" and "value" in output:
                return output["value"] == "true"
    return None


@pytest.fixture(scope="module")
def loop(station: Station) -> Iterator[Loop]:
    """The example model has a version in `staging`, whose reference the detector compares with."""
    it = Loop(station)
    known = MlflowClient().search_registered_models(f"name='{MODEL}'")
    if not any(Alias.STAGING in model.aliases for model in known):
        argo = [str(station.paths.bin / "argo"), f"--kubeconfig={station.paths.kubeconfig}", "-n", NAMESPACE]
        subprocess.run([*argo, "submit", "--from", f"workflowtemplate/{MODEL}-train", "--wait"], check=True)
    it.kubectl("rollout", "status", f"deployment/{MODEL}-drift", "--timeout=180s")
    yield it
    it.forget()


NO_DRIFT: Final = {
    "above the threshold": 0.5,
    "the threshold itself": 0.05,
    "negative": -0.01,
    "null": None,
    "false": False,
    "true": True,
    "a number as text": "0.01",
    "text": "n/a",
    "an object": {},
    "a list": [0.01],
}
NOT_JSON: Final = ("NaN", "Infinity", "-Infinity", "1e999", "-1e999")
OTHERS: Final = (
    event(model="other"),
    event(model=f"{MODEL}-2"),
    event(feature="other"),
    event(feature=f"{FEATURES[0]}; rm"),
    event(feature="{{workflow.uid}}"),
    event(feature=None),
    event(feature=[FEATURES[0]]),
    event(id="../escape"),
    event(id=""),
    *(without(key) for key in ("id", "model", "feature", "p_value")),
)


def test_nothing_but_drift_of_the_model_starts_a_workflow(loop: Loop) -> None:
    before = loop.workflows().keys()
    plain = json.dumps(event())
    drift = event()
    loop.send(
        *(event(p_value=value) for value in NO_DRIFT.values()),
        *(plain.replace('"p_value": 0.01', f'"p_value": {value}') for value in NOT_JSON),
        *OTHERS,
        *("", "text", "[]", "null"),
        drift,
    )
    loop.wait_for(drift)
    assert loop.workflows().keys() - before == {name_of(drift)}


@pytest.mark.parametrize(("p_value", "text"), [(0, "0"), (0.049999, "0.049999"), (1e-12, "0.000000000001")])
def test_the_training_is_told_the_feature_the_p_value_and_the_event(loop: Loop, p_value: float, text: str) -> None:
    sent = event(p_value=p_value, feature=FEATURES[-1])
    loop.send(sent)
    loop.wait_for(sent)
    found = {"trigger": "drift", "feature": FEATURES[-1], "p_value": text, "event_id": sent["id"]}
    assert parameters(loop.workflows()[name_of(sent)]) == found


def test_drift_is_a_workflow_within_seconds(loop: Loop, timed: Timed) -> None:
    sent = event()
    with timed("drift event to Workflow"):
        loop.send(sent)
        assert loop.wait_for(sent) < 15


def test_an_event_delivered_twice_is_one_workflow_and_holds_the_next_up_for_a_minute_at_most(loop: Loop) -> None:
    before = loop.workflows().keys()
    twice, after = event(), event()
    loop.send(twice, twice, after)
    loop.wait_for(after)
    assert loop.workflows().keys() - before == {name_of(twice), name_of(after)}


@pytest.mark.parametrize("parts", [("sensor",), ("source",), ("bus",), ("sensor", "source", "bus")], ids="+".join)
@pytest.mark.parametrize("first", ["killed", "sent"])
def test_an_event_is_one_workflow_whatever_is_killed_around_it(loop: Loop, parts: tuple[str, ...], first: str) -> None:
    before = loop.workflows().keys()
    sent, after = event(), event()
    if first == "killed":
        loop.kill(*parts)
    loop.send(sent)
    if first == "sent":
        loop.kill(*parts)
    loop.wait_for(sent, seconds=240)
    loop.send(after)
    loop.wait_for(after, seconds=240)
    assert loop.workflows().keys() - before == {name_of(sent), name_of(after)}


def test_predictions_that_drift_in_every_feature_start_one_training(loop: Loop, timed: Timed) -> None:
    loop.forget()
    prediction = {
        "tenant": "e2e",
        "user_id": "e2e",
        "features": [1e6] * len(FEATURES),
        "predictions": [0.5],
        "at": datetime.now(UTC).isoformat(),
        "model": MODEL,
        "version": "1",
    }

    def answers() -> list[bool | None]:
        return [granted(each) for each in loop.workflows().values()]

    with timed("predictions that drift to a granted training"):
        # One window whole, whatever the open one holds already.
        loop.publish(PREDICTIONS_TOPIC, json.dumps(prediction), times=2 * WINDOW)
        eventually(lambda: any(answers()), "a granted training", 240)
    eventually(lambda: None not in answers(), "every cooldown's answer", 240)
    assert {parameters(each)["feature"] for each in loop.workflows().values()} == set(FEATURES)
    assert answers().count(True) == 1
