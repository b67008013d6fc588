"""Questions 5 and 6: the detector compares with a reference from MLflow, and drift starts a Workflow."""

import secrets
from datetime import UTC, datetime
from typing import Any, Final

from contract import metrics
from contract.messages import ALL_FEATURES, EVENT_ID_IN_NAME, EVENT_ID_LENGTH, DriftEvent, Window
from contract.names import DRIFT_TOPIC, TRIGGER_LABEL, Alias, Tag, Trigger
from local.check.answer import Answer, no, yes
from local.check.live import RunningStack, eventually

STARTED_SECONDS: Final = 60.0
PUBLISH: Final = """\
import os, sys
from confluent_kafka import Producer
from loop.runtime.kafka import client_settings
producer = Producer(client_settings(os.environ))
producer.produce(sys.argv[1], sys.argv[2].encode(), key=sys.argv[3].encode())
sys.exit(producer.flush(30))
"""


def detects(live: RunningStack) -> Answer:
    """Asks the detector which version's reference it uses."""
    if live.settings.drift is None:
        return no(f"the settings have no ml-loop:models.{live.model}.drift, so nothing watches the predictions")
    found = live.metrics("drift-detector", f"{live.model}-drift")
    if found is None:
        return no(f"no pod of the Deployment {live.model}-drift is ready")
    aliases = live.aliases or {}
    wanted = aliases.get(Alias.PRODUCTION) or aliases.get(Alias.STAGING)
    used = f"{found.get(metrics.REFERENCE_VERSION.name, 0):.0f}"
    windows, read = found.get(metrics.DRIFT_WINDOWS.name, 0), found.get(metrics.DRIFT_MESSAGES.name, 0)
    evidence = f"it compares with version {used}, {windows:.0f} windows of {read:.0f} predictions so far"
    if wanted is None or used != wanted:
        return no(f"{evidence}; its reference must be version {wanted or 'none, as there is none to serve'}")
    if not found.get(metrics.REFERENCE_UP_TO_DATE.name):
        return no(f"{evidence}; it cannot ask MLflow whether that is the newest")
    return yes(evidence)


def started(live: RunningStack) -> Answer:
    """Evidence of the past: the newest Workflow that drift has started, or a version that one has made."""
    kept = live.workflows(f"{TRIGGER_LABEL}={Trigger.DRIFT}")
    if kept:
        given = {each["name"]: each.get("value") for each in kept[0]["spec"]["arguments"]["parameters"]}
        phase = kept[0].get("status", {}).get("phase", "Pending")
        told = f"drift of {given.get('feature')} (p = {given.get('p_value')}, event {given.get('event_id')})"
        return yes(f"{told} started {kept[0]['metadata']['name']} at {_created(kept[0])}: {phase}")
    made = [each for each in live.versions if each["tags"].get(Tag.TRIGGER, "").startswith(f"{Trigger.DRIFT}:")]
    if made:
        tags = made[0]["tags"]
        return yes(f"{tags[Tag.TRIGGER]} made version {made[0]['version']} in {tags.get(Tag.WORKFLOW)}")
    return no("drift has started no training yet; make check DEEP=1 publishes a synthetic event")


def starts(live: RunningStack) -> Answer:
    """Publishes a synthetic event and waits for its Workflow. What the cooldown decides does not matter here."""
    if live.settings.drift is None or live.settings.retraining is None:
        return no(f"ml-loop:models.{live.model} has no drift or no retraining")
    event = synthetic(live)
    inside = ["python3", "-c", PUBLISH, DRIFT_TOPIC, event.encode().decode(), live.model]
    live.kubectl("-n", live.namespace, "exec", f"deployment/{live.model}-drift", "--", *inside)
    name = f"{live.model}-{Trigger.DRIFT}-{event.id[:EVENT_ID_IN_NAME]}"
    took = eventually(lambda: any(each["metadata"]["name"] == name for each in _drifted(live)), STARTED_SECONDS)
    if took is None:
        return no(f"event {event.id} of {event.feature} started no Workflow within {STARTED_SECONDS:.0f} s")
    return yes(f"event {event.id} of {event.feature} started {name} within {took:.1f} s")


def _drifted(live: RunningStack) -> list[dict[str, Any]]:
    return live.workflows(f"{TRIGGER_LABEL}={Trigger.DRIFT}")


def synthetic(live: RunningStack) -> DriftEvent:
    """The event that the detector writes when it sees drift; its id is new each time."""
    assert live.settings.drift is not None  # noqa: S101  # the caller has looked
    now, aliases = datetime.now(UTC), live.aliases or {}
    return DriftEvent(
        id=secrets.token_hex(EVENT_ID_LENGTH // 2),
        model=live.model,
        feature=ALL_FEATURES if live.settings.drift.test.joint else live.settings.drift.features[0],
        distance=1.0,
        p_value=0.0,
        threshold=live.settings.drift.p_value,
        window=Window(start=now, end=now, rows=live.settings.drift.window),
        reference_version=aliases.get(Alias.PRODUCTION) or aliases.get(Alias.STAGING, ""),
        at=now,
    )


def _created(workflow: dict[str, Any]) -> str:
    return workflow["metadata"]["creationTimestamp"]
