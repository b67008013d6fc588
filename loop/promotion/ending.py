"""How a promotion and a canary end: with a verdict, or without one, and never with a crash that looks like one."""

import traceback
from collections.abc import Callable

from kubernetes import config

from contract.names import EXIT_TRY_AGAIN, EXIT_VERDICT
from loop.runtime import command
from loop.runtime.inference import RolloutError
from loop.runtime.registry import RegistryError


class TakenBackError(Exception):
    """The version was refused or taken back. One sentence."""


def ended(act: Callable[[], None]) -> int:
    """Runs it, and returns its exit code."""
    command.end_on_sigterm()
    try:
        act()
    except (TakenBackError, RolloutError, config.ConfigException) as error:
        return command.end(str(error), EXIT_VERDICT)
    except RegistryError as error:
        return command.end(f"interrupted, to be tried again: {error}", EXIT_TRY_AGAIN)
    except Exception as error:  # noqa: BLE001  whatever it is, it says nothing about the version
        traceback.print_exc()
        return command.end(f"interrupted, to be tried again: {type(error).__name__}: {error}", EXIT_TRY_AGAIN)
    return 0
