"""`python3 -m loop cooldown`: the first step of a training that drift asked for. Grants it, or ends it as skipped.

Writes `granted` (true or false) and `message` to the output folder and exits 0 either way: the workflow goes on by
`granted`. Exits 1 only when the answer is unknown, so that the step is tried again. The Leases' annotations count the
refusals.
"""

import argparse
import os
import re
from datetime import timedelta
from pathlib import Path

from contract.names import GRANTED_FILE, MESSAGE_FILE, Env
from loop.retraining.decision import Event, lease_name
from loop.retraining.leases import ContendedError, KubernetesStore, Store, take
from loop.runtime import command, pod

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def duration(text: str) -> timedelta:
    """`90s`, `30m`, `6h`, `1h30m`, `2d`. Raises argparse's error."""
    parts = re.findall(r"(\d+)([smhd])", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise argparse.ArgumentTypeError(f"{text!r} is no duration; write it like 90s, 30m, 6h, 1h30m or 2d")
    return sum((timedelta(**{_UNITS[unit]: int(number)}) for number, unit in parts), timedelta())


def ask(store: Store, model: str, event: Event, cooldown: timedelta, coalesce: timedelta) -> tuple[bool, str]:
    """(granted, one sentence): one training per feature per cooldown, and one for features drifting together."""
    feature = take(store, lease_name(model, event.feature), event, cooldown)
    if not feature.granted:
        return False, f"skipped: cooling down until {feature.until:%Y-%m-%dT%H:%M:%SZ}"
    training = take(store, lease_name(model), event, min(coalesce, cooldown))
    if not training.granted:
        covered_by = f"event {training.hold.event} ({training.hold.feature})"
        return False, f"skipped: covered by the training that {covered_by} has started"
    return True, f"granted: no other training for {event.feature} before {feature.until:%Y-%m-%dT%H:%M:%SZ}"


def _parser() -> argparse.ArgumentParser:
    parser = command.parser("cooldown", "grant a training that drift asked for, or end it as skipped")
    parser.add_argument("--model", required=True)
    parser.add_argument("--feature", required=True, help="the feature that drifted")
    parser.add_argument("--event-id", required=True, help="the drift event's id")
    parser.add_argument("--run", default="", help="uid of the workflow: one event never starts two")
    parser.add_argument("--cooldown", type=duration, required=True, help="least time between two, like 6h")
    parser.add_argument(
        "--coalesce", type=duration, default="1h", help="features drifting within it share one training"
    )
    parser.add_argument("--namespace", help="of the Leases; default: this pod's")
    return parser


def _store(arguments: argparse.Namespace) -> KubernetesStore:
    from kubernetes import client, config  # noqa: PLC0415  # --help need not wait for it

    config.load_config()
    namespace = arguments.namespace or pod.namespace()
    return KubernetesStore(client.CoordinationV1Api(), namespace, {"app.kubernetes.io/managed-by": "ml-loop"})


def main() -> int:
    arguments = _parser().parse_args()
    return command.run(lambda: _cooldown(arguments), ContendedError)


def _cooldown(arguments: argparse.Namespace) -> None:
    event = Event(arguments.event_id, arguments.feature, arguments.run)
    granted, message = ask(_store(arguments), arguments.model, event, arguments.cooldown, arguments.coalesce)
    print(message, flush=True)
    if folder := os.environ.get(Env.OUTPUT):
        Path(folder, GRANTED_FILE).write_text(str(granted).lower(), "utf-8")
        Path(folder, MESSAGE_FILE).write_text(message, "utf-8")
