"""`make up` and `make down`: checks first, then the steps, then the stack and its outputs."""

import itertools
import json
import re
import shutil
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pulumi import automation
from rich.console import Console

import restore.cli
from checks.places import PLACES
from local import environment, first_version, preflight, stack
from local.display import Display
from local.node import network, teardown
from local.node.node import Node
from local.paths import REPOSITORY, Paths
from local.plan import Plan
from local.steps import Runner, Step, StepError
from local.toolchain import pulumi
from restore.engine import reason
from restore.wanted import RestoreError
from settings import SettingsError

UNDER_WAY: Final = re.compile(
    r"[ +~-]*\S+:\S+ (?P<resource>\S+) (?P<verb>(?:creat|updat|delet|replac)ing(?: replacement)?) "
    r"\((?P<seconds>\d+s)\)(?: \[diff: [^]]*\])?[; ]*(?P<waits>.*)"
)
"""The engine's line about a resource that is not done yet."""


@dataclass(frozen=True, kw_only=True)
class Applied:
    """The result of an `up`: the stack's outputs, and its program's warnings."""

    outputs: Mapping[str, Any]
    warnings: list[str]


def here(paths: Paths, console: Console, name: str) -> int:
    """The built-in cluster and the stack on it."""
    began = time.monotonic()
    plan, runner = started(paths, console, name)
    result = apply(runner, paths, name, plan.stack_images())
    plan.prune()
    runner.run(first_version.steps(stack.applied(name, paths), result.outputs, paths))
    report(console, result, began)
    return 0


def started(paths: Paths, console: Console, name: str) -> tuple[Plan, Runner]:
    """The built-in cluster, ready for the stack."""
    plan = Plan(paths, backups=stack.wants_backups(name), policies=stack.enforces_policies(name))
    standing = list(preflight.problems(plan.node))
    if standing:
        raise StepError("nothing was started:\n" + "\n".join(f"  - {problem}" for problem in standing))
    runner = Runner(paths.steps, Display(console))
    runner.run(plan.steps())
    return plan, runner


def restored(paths: Paths, console: Console, name: str, *, yes: bool, lose_the_end: bool) -> int:
    """The built-in cluster, its database replaced by what the stack's file says."""
    plan, _ = started(paths, console, name)
    kubectl = str(paths.bin / "kubectl")
    try:
        selected = stack.ready(name, paths, plan.stack_images())
        restore.cli.restore(selected, yes=yes, lose_the_end=lose_the_end, kubectl=kubectl)
    except (RestoreError, SettingsError) as error:
        raise StepError(str(error)) from None
    except automation.CommandError as error:
        raise StepError(reason(str(error))) from None
    return 0


def elsewhere(name: str, context: str | None) -> int:
    """The stack on a cluster that is there already: plain `pulumi up` by your own Pulumi and its plugins."""
    if name == stack.BUILT_IN:
        raise StepError("--context: the stack `local` is for the built-in cluster; name another, such as STACK=dev")
    declared = stack.context_of(name)
    if context is None:
        raise StepError(f"the stack {name!r} is not for the built-in cluster; say which is meant: CONTEXT={declared}")
    if declared != context:
        raise StepError(
            f"Pulumi.{name}.yaml is for the context {declared!r}, not {context!r}; change ml-loop:cluster there, "
            "so that every later command means the same cluster"
        )
    cli = pulumi.installed()
    if cli is None or pulumi.language_host() is None:
        raise StepError(f"Pulumi {pulumi.SDK} or newer, with its Python language host, is not on PATH; install it")
    command = [str(cli), "up", "--stack", name, "--yes", "--policy-pack", str(REPOSITORY / "policy")]
    command += ["--parallel", str(PLACES)]
    return subprocess.run(command, cwd=REPOSITORY, check=False).returncode


def apply(
    runner: Runner, paths: Paths, name: str, images: Mapping[str, str], guests: Mapping[str, Any] | None = None
) -> Applied:
    """Runs `pulumi up`; what the engine prints goes to a log file, and to the user only if it fails.

    `guests` are models beside those of the stack's file.
    """
    step, log = f"pulumi up ({name})", paths.cache / "pulumi-up.log"
    lines: list[str] = []
    result: dict[str, Any] = {}

    def run() -> str:
        with log.open("w", buffering=1) as file:

            def show(line: str) -> None:
                lines.append(line.strip())
                file.write(line + "\n")
                if waiting := under_way(line):
                    runner.tell(step, waiting)

            result.update(stack.up(name, paths, images, show, guests))
        return summary(lines)

    runner.run([Step(name=step, run=run)])
    return Applied(outputs=result, warnings=warnings(lines))


def under_way(line: str) -> str | None:
    """A resource that the engine works at, how long it has done so, and what it waits for; None for any other line."""
    found = UNDER_WAY.match(line)
    if found is None:
        return None
    waits = f": {found['waits']}" if found["waits"] else ""
    return f"{found['resource']} {found['verb']} {found['seconds']}{waits}"


def summary(lines: list[str]) -> str:
    """What changed, from the engine's closing lines: `33 created, 1 unchanged`."""
    counts = lines[lines.index("Resources:") + 1 :] if "Resources:" in lines else []
    return ", ".join(line.lstrip("+-~ ") for line in itertools.takewhile(bool, counts))


def warnings(lines: list[str]) -> list[str]:
    """The program's own warnings, each once; the engine's remarks on plugins are for its log."""
    told = [line.removeprefix("warning: ") for line in lines if line.startswith("warning: ")]
    return [line for line in dict.fromkeys(told) if not line.startswith("using pulumi-")]


def report(console: Console, applied: Applied, began: float) -> None:
    """What the user gets, and how long it took."""
    console.print(f"\nReady in {time.monotonic() - began:.0f} s.", style="bold")
    for name, value in applied.outputs.items():
        console.print(f"  {name}: {value if isinstance(value, str) else json.dumps(value, indent=2)}", markup=False)
    for warning in applied.warnings:
        console.print(f"warning: {warning}", markup=False, style="yellow")
    console.print(f"\n{environment.HINT}", markup=False)


def down(node: Node, paths: Paths, *, purge: bool) -> None:
    """Stops everything; with `purge` also forgets the cluster's data and the stack's state."""
    node.down()
    left = leftovers(node)
    if left:
        raise StepError("not everything could be stopped:\n" + "\n".join(f"  - {item}" for item in left))
    if purge:
        node.purge()
        shutil.rmtree(paths.stack, ignore_errors=True)


def leftovers(node: Node) -> list[str]:
    """Processes, mounts and network parts of ours that are still there."""
    processes = [f"process {pid}" for pid in [*teardown.shims(node.folder), *teardown.pod_processes()]]
    daemons = [f"{d.name} (process {d.pid()})" for d in node.daemons.values() if d.pid()]
    mounts = [f"mount {point}" for point in teardown.mounts_below(node.paths.cache)]
    return [*processes, *daemons, *mounts, *network.leftovers()]
