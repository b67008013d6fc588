"""`python3 -m loop COMMAND`: the entry point of the loop's images.

A command's module is imported when it is called, so that pods start fast.
"""

import sys
from importlib import import_module

from loop.runtime import command

COMMANDS = {
    "train": ("loop.training.train", "run the image's train command and check what it left behind"),
    "evaluate": ("loop.training.evaluate", "measure one model version with the image's evaluate command"),
    "register": ("loop.training.register", "decide the gate and register the version"),
    "stage": ("loop.training.stage", "move the alias staging to the registered version"),
    "report-failure": ("loop.training.failure", "record why a run failed where its owner looks"),
    "fetch": ("loop.serving.fetch", "storage initializer: download mlflow://NAME@ALIAS to a folder"),
    "serve": ("loop.serving.server", "answer v1 and v2 inference requests for one model version"),
    "rollout": ("loop.serving.rollout", "roll a service to the version its alias names"),
    "promote": ("loop.promotion.promote", "put a version into production, watch it, and take it back if it is worse"),
    "canary": ("loop.promotion.canary", "watch the staging version, and take it back if it is worse"),
    "watch-aliases": ("loop.promotion.aliases", "show what the aliases name, and put production back if told to"),
    "evidence": ("loop.promotion.proposal", "write the pull request that would put a version into production"),
    "detect": ("loop.drift.detector", "compare the predictions' features with the reference window"),
    "take-outcomes": ("loop.outcomes.intake", "take in what became of predictions"),
    "cooldown": ("loop.retraining.cooldown", "take the per-feature lease, or end the run as skipped"),
    "settle": ("loop.retraining.settle", "tell the cooldown how the training ended"),
    "ledger": ("loop.retraining.ledger", "sum what a model's trainings cost and gained"),
    "bus-credentials": ("loop.runtime.bus", "make the event bus a certificate and a password, once"),
}


def main() -> int:
    if len(sys.argv) < 2 or sys.argv[1] in {"-h", "--help"}:
        print("usage: python3 -m loop COMMAND [arguments]\n")
        print("\n".join(f"  {name:<16}{text}" for name, (_, text) in COMMANDS.items()))
        return 0 if len(sys.argv) > 1 else 2
    name = sys.argv.pop(1)
    if name not in COMMANDS:
        print(f"loop: unknown command {name!r}; one of: {', '.join(COMMANDS)}", file=sys.stderr)
        return 2
    try:
        return int(import_module(COMMANDS[name][0]).main() or 0)
    except Exception as error:  # noqa: BLE001  whatever it is, its exit code must say that it is no verdict
        return command.crash(error)


if __name__ == "__main__":
    sys.exit(main())
