"""How a promotion and a canary end: with a verdict, or knowing nothing, and never with a crash that looks like one."""

import logging
import sys
from collections.abc import Callable

from kubernetes import config

from contract.names import EXIT_TRY_AGAIN, EXIT_VERDICT
from loop.runtime.inference import RolloutError
from loop.runtime.registry import RegistryError
from loop.serving.served import leave_reason

_log = logging.getLogger(__name__)


class TakenBackError(Exception):
    """The version was refused or taken back. One sentence."""


def ended(command: str, act: Callable[[], None]) -> int:
    """Runs it, and returns its exit code; why it ended is one sentence on stderr and in the pod's status."""
    try:
        act()
    except (TakenBackError, RolloutError, config.ConfigException) as error:
        return _say(command, str(error), EXIT_VERDICT)
    except RegistryError as error:
        return _say(command, f"interrupted, to be tried again: {error}", EXIT_TRY_AGAIN)
    except Exception as error:  # noqa: BLE001  whatever it is, it says nothing of the version
        _log.exception("not foreseen")
        return _say(command, f"interrupted, to be tried again: {type(error).__name__}: {error}", EXIT_TRY_AGAIN)
    return 0


def _say(command: str, sentence: str, code: int) -> int:
    sentence = " ".join(sentence.split())
    print(f"{command}: {sentence}", file=sys.stderr)
    leave_reason(sentence)
    return code
