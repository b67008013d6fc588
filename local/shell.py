"""Runs other programs: without a shell, with captured output, and a failure as one message."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

from local.steps import StepError


def run(
    *arguments: str,
    stdin: str | None = None,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    timeout: float | None = None,
) -> str:
    """Runs a program and returns its standard output; raises StepError with the last lines of what it printed."""
    try:
        done = subprocess.run(
            arguments, input=stdin, cwd=cwd, env=env, timeout=timeout, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        raise StepError(f"{arguments[0]} is not installed") from None
    except subprocess.TimeoutExpired:
        raise StepError(f"{' '.join(arguments[:4])} … did not end within {timeout:.0f} s") from None
    if done.returncode:
        told = (done.stderr.strip() or done.stdout.strip()).splitlines()[-12:]
        raise StepError(f"{' '.join(arguments[:4])} … failed:\n" + "\n".join(told))
    return done.stdout


def succeeds(*arguments: str) -> bool:
    """Whether a program exits with 0; one that is not installed does not."""
    try:
        return subprocess.run(arguments, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False
