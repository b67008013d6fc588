"""The commands of `python3 -m loop …` that run in pods: the stack writes one's words, the pod reads them.

A field is an option, and spelled nowhere else. What a command's class says of itself is what `--help` says of it.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, ClassVar, Self

from contract import flags
from contract.drift import DriftSettings
from contract.names import METRICS_PORT


class Command:
    """What all commands have in common. Raises ValueError when it is made with options that exclude each other."""

    NAME: ClassVar[str]
    HYPHEN: ClassVar[str] = "-"
    """What stands between the words of an option's name."""

    @classmethod
    def entry(cls) -> list[str]:
        """How a pod calls the command, without its options."""
        return ["python3", "-m", "loop", cls.NAME]

    def argv(self) -> list[str]:
        """The options."""
        return flags.words(self, self.HYPHEN)

    @classmethod
    def parse(cls, argv: Sequence[str]) -> Self:
        """What `argv` has written. Ends the process with a sentence on stderr and exit code 2 when it is no such."""
        parser = argparse.ArgumentParser(
            prog=" ".join(cls.entry()), description=(cls.__doc__ or "").partition("\n")[0], allow_abbrev=False
        )
        flags.add_to(parser, cls, cls.HYPHEN)
        arguments = flags.parse(parser, argv)
        try:
            return flags.read(cls, arguments)
        except ValueError as error:
            parser.error(str(error))


@dataclass(frozen=True, kw_only=True)
class Detect(Command):
    """Compare windows of predictions with the reference, and publish what was found."""

    NAME = "detect"

    model: Annotated[str, "the registered model's name"]
    drift: DriftSettings
    port: Annotated[int, "of /metrics, /healthz and /readyz"] = METRICS_PORT


@dataclass(frozen=True, kw_only=True)
class Settle(Command):
    """Tell the cooldown how a training ended that drift asked for."""

    NAME = "settle"

    model: Annotated[str, "the registered model's name"]
    feature: Annotated[str, "the feature that drifted"]
    run: Annotated[str, "uid of the workflow, which holds the cooldown"]
    workflow: Annotated[str, "its name, which its version is tagged with"]
    status: Annotated[str, "how it ended, as Argo says it"]
    cooldown: Annotated[timedelta, "least time between two, like 21600s"]
    namespace: Annotated[str | None, "of the Leases; default: this pod's"] = None


@dataclass(frozen=True, kw_only=True)
class Ledger(Command):
    """Sum what a model's trainings cost and gained, by what started them."""

    NAME = "ledger"

    model: Annotated[str, "the registered model's name"]
