"""How a command of a pod ends: SIGTERM at once, a failure in one sentence, a crash with an exit code of its own.

The sentence goes to stderr and becomes the container's termination message, which `rollout`, `kubectl describe` and
Argo's list of failed steps show.
"""

import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Final

from contract.names import EXIT_FAILED

CRASHED: Final = 70
"""Exit code of a command that met an unexpected exception (`EX_SOFTWARE` in sysexits.h): neither a failure nor a
verdict.

Python's own exit code, 1, would keep a workflow from trying again."""
TERMINATION_LOG = Path("/dev/termination-log")
"""The kubelet mounts it into every container; what it holds becomes the container's termination message."""
MOST_BYTES: Final = 4096
"""The most bytes that the kubelet keeps of a termination message."""


def run(act: Callable[[], None], *said: type[Exception]) -> int:
    """Does `act`, and returns the exit code. Exceptions of the kinds `said` hold a sentence for the user."""
    end_on_sigterm()
    try:
        act()
    except said as error:
        return end(str(error))
    return 0


def end(sentence: str, code: int = EXIT_FAILED) -> int:
    """Says why the command ends with this exit code."""
    print(f"error: {leave(sentence)}", file=sys.stderr)
    return code


def crash(error: Exception) -> int:
    """Says where a command crashed. Returns its exit code."""
    traceback.print_exception(error)
    return end(f"crashed: {type(error).__name__}: {error}", CRASHED)


def leave(sentence: str) -> str:
    """Makes the sentence the container's termination message. Returns it as one line."""
    line = " ".join(sentence.split())
    if TERMINATION_LOG.exists():
        TERMINATION_LOG.write_text(line.encode()[:MOST_BYTES].decode(errors="ignore"), encoding="utf-8")
    return line


def end_on_sigterm() -> None:
    """Ends the process on SIGTERM: Python as process 1 of a container ignores it, and is killed half a minute later."""
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
