"""`python3 -m loop stage`: moves the alias `staging` to a registered version that passed its gate, and does nothing
else.

The step `register` stages what it has registered in the same way; this command is for what was registered before.
Idempotent; a late retry never moves `staging` back from a newer version.
"""

import sys

from contract.commands import Stage
from contract.names import Alias, Env, GateResult, Tag
from loop.runtime.registry import Registry
from loop.training.step import TrainingError, run_step, setting


def stage(registry: Registry, name: str, number: str) -> None:
    """Stages the version. Raises TrainingError for one that did not pass, or was taken back."""
    version = registry.resolve(name, number)
    gate = version.tags.get(Tag.GATE, "none")
    if gate != GateResult.PASSED:
        raise TrainingError(
            f"version {number} of {name} must have passed its gate to be staged: its tag {Tag.GATE} is {gate}"
        )
    if rejected := version.tags.get(Tag.REJECTED):
        raise TrainingError(
            f"version {number} of {name} cannot be staged: it was rejected when it was live: {rejected}"
        )
    current = registry.alias(name, Alias.STAGING)
    if current is not None and int(current.version) > int(number):
        print(f"staging: stays at version {current.version} of {name}, newer than {number}")
        return
    registry.set_alias(name, Alias.STAGING, number)
    print(f"staging: version {number} of {name}")


def main() -> int:
    Stage.parse(sys.argv[1:])
    return run_step(lambda: stage(Registry(), setting(Env.MODEL), setting(Env.MODEL_VERSION)))
