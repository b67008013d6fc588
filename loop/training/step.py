"""What all steps share: settings from the environment, the image's command, outputs for Argo, a sentence on failure.

External: the image's commands, which run with the step's own rights. MLflow is imported when it is needed: that takes
seconds, in which the image's command can be at work.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path

from contract.names import Env, Trigger
from loop.runtime import command
from loop.runtime.transfers import PROXIED_TRANSFERS


class TrainingError(Exception):
    """One sentence: what the contract or the settings ask, and what was found instead."""


def run_step(step: Callable[[], None]) -> int:
    """Runs a step, and returns its exit code. Its own refusals and MLflow's are sentences for the user."""

    def said() -> None:
        try:
            step()
        except TrainingError:
            raise
        except Exception as error:
            from mlflow.exceptions import MlflowException  # noqa: PLC0415

            from loop.runtime.registry import RegistryError  # noqa: PLC0415

            if isinstance(error, RegistryError | MlflowException):
                raise TrainingError(str(error)) from error
            raise

    return command.run(said, TrainingError)


def setting(name: Env) -> str:
    """A required setting. Raises `TrainingError` when it is missing or empty."""
    if not (value := os.environ.get(name, "").strip()):
        raise TrainingError(f"{name} is not set: this step needs it in its environment")
    return value


def one_of(name: Env, choices: type[StrEnum]) -> str:
    """A required setting with few allowed values. Raises `TrainingError` for any other value."""
    given = setting(name)
    if given not in list(choices):
        raise TrainingError(f"{name} is {given!r}: it must be one of {', '.join(choices)}")
    return given


def trigger() -> str:
    """Why the run was started."""
    return one_of(Env.TRIGGER, Trigger)


def experiment() -> str:
    """The experiment of training runs."""
    return os.environ.get("MLFLOW_EXPERIMENT_NAME") or setting(Env.MODEL)


def optional(name: Env) -> str:
    return os.environ.get(name, "").strip()


def number(name: Env) -> float:
    text = setting(name)
    try:
        return float(text)
    except ValueError:
        raise TrainingError(f"{name} is {text!r}: it must be a number") from None


def output_folder() -> Path:
    folder = Path(setting(Env.OUTPUT))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def write_output(name: str, value: str) -> None:
    (output_folder() / name).write_text(value)


def run_user_command(name: str, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
    """Runs the image's command with the contract's environment. Raises `TrainingError` unless it exits with 0.

    Its output is passed through; the last line of stderr, where Python names the exception, is kept for the sentence.
    Logs how long the command took, as the rest of the step's time is the loop's own.
    """
    last, began = "", time.monotonic()
    try:
        process = subprocess.Popen(
            arguments,
            env={**os.environ, **PROXIED_TRANSFERS, **environment},
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )
    except OSError as error:
        raise TrainingError(f"the {name} command {arguments[0]!r} cannot be started: {error.strerror}") from None
    with process:
        assert process.stderr is not None  # noqa: S101 - a pipe was asked for
        try:
            for line in process.stderr:
                sys.stderr.write(line)
                last = line.strip() or last
        except BaseException:  # SIGTERM, too: stopping the step stops the command
            process.terminate()
            raise
    print(f"the {name} command took {time.monotonic() - began:.1f} s", flush=True)
    if process.returncode != 0:
        said = f": {last[:500]}" if last else ""
        raise TrainingError(f"the {name} command must end with exit code 0, and ended with {process.returncode}{said}")
