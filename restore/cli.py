"""`python -m restore`: restores the database of a stack whose Pulumi is the one on PATH, or one that a driver gives."""

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
from pulumi import automation

from restore.database import LiveDatabase
from restore.engine import ROOT, PulumiStack
from restore.steps import Restore
from restore.wanted import RestoreError, wanted
from settings import Settings, SettingsError, parse
from settings.problem import PROJECT


@dataclass(frozen=True)
class ContextKubectl:
    """kubectl with one context, never whichever happens to be current."""

    command: tuple[str, ...]

    def __call__(self, *arguments: str, stdin: str | None = None) -> str:
        try:
            done = subprocess.run([*self.command, *arguments], input=stdin, capture_output=True, text=True, check=False)
        except FileNotFoundError:
            raise RestoreError("kubectl is not on PATH; install it") from None
        if done.returncode:
            raise RestoreError(f"kubectl {' '.join(arguments[:4])} …: {done.stderr.strip()}")
        return done.stdout


def parser() -> argparse.ArgumentParser:
    """Which stack, and whether to ask."""
    root = argparse.ArgumentParser(
        prog="python -m restore",
        description=f"Replaces MLflow's database by what {PROJECT}:tracking.postgres.backup.restore names.",
    )
    root.add_argument("--stack", required=True, help="the stack whose Pulumi.<stack>.yaml says what is restored")
    options(root)
    return root


def options(command: argparse.ArgumentParser) -> None:
    """What every way to this command has."""
    command.add_argument("--yes", action="store_true", help="do not ask before the database is deleted")
    command.add_argument(
        "--lose-the-end", action="store_true", help="go on where the end of the database's log cannot be archived"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Restores with the user's own Pulumi and plugins."""
    given = parser().parse_args(arguments)
    try:
        stack = automation.select_stack(stack_name=given.stack, work_dir=str(ROOT))
        restore(stack, yes=given.yes, lose_the_end=given.lose_the_end)
    except (RestoreError, SettingsError, automation.CommandError) as error:
        print(f"restore: {error}", file=sys.stderr)
        return 1
    return 0


def restore(stack: automation.Stack, *, yes: bool, lose_the_end: bool = False, kubectl: str = "kubectl") -> None:
    """Restores the database of a stack. Raises RestoreError, SettingsError, or CommandError where Pulumi cannot run."""
    found = settings(stack)
    target = wanted(found)
    Restore(
        wanted=target,
        database=LiveDatabase(target, ContextKubectl((kubectl, *access(found)))),
        engine=PulumiStack(stack, target.archive, say),
        tell=say,
        agree=lambda: yes or ask(),
        lose_the_end=lose_the_end,
    ).run()


def settings(stack: automation.Stack) -> Settings:
    """What the stack's file says now, without reading its secrets. Raises SettingsError."""
    workspace = stack.workspace
    command = ["config", "--json", "--stack", stack.name]
    told = workspace.pulumi_command.run(command, workspace.work_dir, dict(workspace.env_vars))
    config: Mapping[str, Any] = json.loads(told.stdout)
    prefix = f"{PROJECT}:"
    values = {key.removeprefix(prefix): plain(value) for key, value in config.items() if key.startswith(prefix)}
    return parse({key: value for key, value in values.items() if value is not None})


def plain(value: Mapping[str, Any]) -> Any:
    """A value as the settings take it; of a secret, only that it exists."""
    if value.get("secret"):
        return pulumi.Output.secret("")
    if "objectValue" in value:
        return value["objectValue"] or None
    return value.get("value") or None


def access(settings: Settings) -> list[str]:
    """Options of kubectl for the stack's cluster."""
    cluster = settings.cluster
    file = [f"--kubeconfig={Path(cluster.kubeconfig).expanduser()}"] if cluster.kubeconfig else []
    return [*file, f"--context={cluster.context}"]


def ask() -> bool:
    """Whether a person says yes. Raises RestoreError where there is no person to ask."""
    if not sys.stdin.isatty():
        raise RestoreError("nothing was changed: nobody is there to be asked; agree beforehand with --yes")
    return input("Delete and restore it? [y/N] ").strip().lower() in {"y", "yes"}


def say(line: str) -> None:
    """Print a line at once: a person waits for it."""
    print(line, flush=True)
