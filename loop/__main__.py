"""`python3 -m loop COMMAND`: the entry point of the loop's images.

A command's module is imported when it is called, so that pods start fast.
"""

import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Final

from contract import commands, outcome_commands
from loop.runtime import command

MODULES: Final[Mapping[type[commands.Command], str]] = {
    commands.Train: "loop.training.train",
    commands.Evaluate: "loop.training.evaluate",
    commands.Register: "loop.training.register",
    commands.Stage: "loop.training.stage",
    commands.ReportFailure: "loop.training.failure",
    commands.WatchTrainings: "loop.training.starting",
    commands.Fetch: "loop.serving.fetch",
    commands.Serve: "loop.serving.server",
    commands.Rollout: "loop.serving.rollout",
    commands.Promote: "loop.promotion.promote",
    commands.Canary: "loop.promotion.canary",
    commands.WatchAliases: "loop.promotion.aliases",
    commands.Evidence: "loop.promotion.proposal",
    commands.Detect: "loop.drift.detector",
    outcome_commands.TakeOutcomes: "loop.outcomes.intake",
    outcome_commands.Record: "loop.outcomes.recorder",
    outcome_commands.Freeze: "loop.outcomes.freezing",
    outcome_commands.Erase: "loop.outcomes.erasure",
    outcome_commands.WatchPerformance: "loop.outcomes.performance",
    commands.Cooldown: "loop.retraining.cooldown",
    commands.Settle: "loop.retraining.settle",
    commands.Ledger: "loop.retraining.ledger",
    commands.Page: "loop.page.server",
    commands.Notify: "loop.page.notifier",
    commands.BusCredentials: "loop.runtime.bus",
}


def main() -> int:
    if len(sys.argv) < 2 or sys.argv[1] in {"-h", "--help"}:
        print("usage: python3 -m loop COMMAND [arguments]\n")
        width = max(len(each.NAME) for each in MODULES) + 2
        print("\n".join(f"  {each.NAME:<{width}}{each.summary()}" for each in MODULES))
        return 0 if len(sys.argv) > 1 else 2
    modules = {each.NAME: module for each, module in MODULES.items()}
    name = sys.argv.pop(1)
    if name not in modules:
        print(f"loop: unknown command {name!r}; one of: {', '.join(modules)}", file=sys.stderr)
        return 2
    try:
        return int(import_module(modules[name]).main() or 0)
    except Exception as error:  # noqa: BLE001  whatever it is, its exit code must say that it is no verdict
        return command.crash(error)


if __name__ == "__main__":
    sys.exit(main())
