"""`python3 -m loop settle`: tells the cooldown how a training that drift asked for has ended.

The last step of each granted training. A training that ended with an error gives its holds back after a while; one that
gained nothing, by the gate's own numbers on the same rows, doubles the feature's cooldown; a gain resets it.
"""

import json
import sys
from collections.abc import Mapping

from contract.commands import Settle
from contract.gate import Direction
from contract.names import GateResult, Tag
from loop.retraining.decision import Ending, lease_name
from loop.retraining.leases import ContendedError, Store, give_back, of_namespace
from loop.runtime import command
from loop.runtime.registry import Registry, RegistryError

SUCCEEDED = "Succeeded"
"""Argo's status of a workflow that succeeded."""


def metric(tags: Mapping[str, str]) -> str:
    """The gate's first metric; "unknown" for a version that no gate has seen."""
    return str(json.loads(tags.get(Tag.GATE_REPORT, "{}")).get("metric", "unknown"))


def gain(tags: Mapping[str, str]) -> float | None:
    """How much better a version was than production in the gate's first metric; None: compared with nothing."""
    report = json.loads(tags.get(Tag.GATE_REPORT, "{}"))
    if "production" not in report:
        return None
    direction = Direction(report.get("direction", Direction.HIGHER))
    return direction.gain(float(report["candidate"]), float(report["production"]))


def ending(succeeded: bool, tags: Mapping[str, str] | None) -> tuple[Ending, str]:
    """How a training ended, by the tags of the version that it registered (None: none), and why in one clause."""
    if tags is None:
        return (
            (Ending.FRUITLESS, "it made no version: there was nothing new to learn")
            if succeeded
            else (Ending.FAILED, "it ended with an error")
        )
    if Tag.REJECTED in tags:
        return Ending.FRUITLESS, "its version was taken back from staging"
    if tags.get(Tag.GATE) != GateResult.PASSED:
        return Ending.FRUITLESS, "its version did not pass the gate"
    if not succeeded:
        return Ending.FAILED, "its version passed the gate, and a later step ended with an error"
    gained = gain(tags)
    if gained is None:
        return Ending.GAINED, "its version was compared with none in production"
    return (Ending.GAINED if gained > 1e-12 else Ending.FRUITLESS), f"its version gains {gained:+.4g}"


def settled(store: Store, given: Settle, how: Ending) -> str:
    """Remembers it in both holds. Returns when the feature may train again, in words."""
    feature = give_back(store, lease_name(given.model, given.feature), given.run, how, given.cooldown)
    if how is Ending.FAILED:  # what drifted together belongs to this training, however long ago it began
        give_back(store, lease_name(given.model), given.run, how, given.cooldown)
    if feature is None or feature.run != given.run:
        return "another training holds the cooldown"
    return f"{given.feature} may train again from {feature.until(given.cooldown):%Y-%m-%dT%H:%M:%SZ}"


def _settle(given: Settle) -> None:
    versions = Registry().tagged(given.model, Tag.WORKFLOW, given.workflow)
    how, why = ending(given.status == SUCCEEDED, versions[0].tags if versions else None)
    print(f"{how}: {why}; {settled(of_namespace(given.namespace), given, how)}", flush=True)


def main() -> int:
    given = Settle.parse(sys.argv[1:])
    return command.run(lambda: _settle(given), ContendedError, RegistryError)
