"""`python3 -m loop cooldown`: the first step of a training that drift asked for. Grants it, or ends it as skipped.

Writes `granted` (true or false) and `message` to the output folder and exits 0 either way: the workflow goes on by
`granted`. Exits 1 only when the answer is unknown, so that the step is tried again. The Leases' annotations count the
refusals.
"""

import os
import sys
from datetime import timedelta
from pathlib import Path

from contract.commands import Cooldown
from contract.names import GRANTED_FILE, MESSAGE_FILE, Env
from loop.retraining.decision import TOGETHER, Event, lease_name
from loop.retraining.leases import ContendedError, KubernetesStore, Store, take
from loop.runtime import command, pod


def ask(store: Store, model: str, event: Event, cooldown: timedelta) -> tuple[bool, str]:
    """(granted, one sentence): one training per feature per cooldown, and one for features drifting together."""
    feature = take(store, lease_name(model, event.feature), event, cooldown)
    if not feature.granted:
        return False, f"skipped: cooling down until {feature.until:%Y-%m-%dT%H:%M:%SZ}"
    training = take(store, lease_name(model), event, min(TOGETHER, cooldown))
    if not training.granted:
        return False, f"skipped: covered by the training that event {training.hold.event} has started"
    return True, f"granted: no other training for the feature before {feature.until:%Y-%m-%dT%H:%M:%SZ}"


def main() -> int:
    given = Cooldown.parse(sys.argv[1:])
    return command.run(lambda: _cooldown(given), ContendedError)


def _cooldown(given: Cooldown) -> None:
    event = Event(given.event_id, given.feature, given.run)
    granted, message = ask(_store(given.namespace), given.model, event, given.cooldown)
    print(message, flush=True)
    if folder := os.environ.get(Env.OUTPUT):
        Path(folder, GRANTED_FILE).write_text(str(granted).lower(), "utf-8")
        Path(folder, MESSAGE_FILE).write_text(message, "utf-8")


def _store(namespace: str | None) -> KubernetesStore:
    from kubernetes import client, config  # noqa: PLC0415  # --help need not wait for it

    config.load_config()
    labels = {"app.kubernetes.io/managed-by": "ml-loop"}
    return KubernetesStore(client.CoordinationV1Api(), namespace or pod.namespace(), labels)
