"""`make up` and `make down`: checks first, then the steps, then the stack and its outputs."""

import json
import shutil
import time
from collections.abc import Mapping
from typing import Any

from rich.console import Console

from local import environment, preflight, stack
from local.display import Display
from local.node import network, teardown
from local.node.node import Node
from local.paths import Paths
from local.plan import Plan
from local.steps import Runner, Step, StepError
from local.toolchain import pulumi


def here(paths: Paths, console: Console, name: str) -> int:
    """The built-in cluster and the stack on it."""
    began = time.monotonic()
    plan = Plan(paths)
    standing = list(preflight.problems(plan.node))
    if standing:
        raise StepError("nothing was started:\n" + "\n".join(f"  - {problem}" for problem in standing))
    runner = Runner(paths.steps, Display(console))
    runner.run(plan.steps())
    result = apply(runner, paths, name, plan.references)
    plan.prune()
    report(console, result, began)
    return 0


def elsewhere(paths: Paths, console: Console, name: str, context: str) -> int:
    """The stack on a cluster that is there already; only Pulumi is provided."""
    if name == "local":
        raise StepError("--context: the stack `local` is for the built-in cluster; name another one, such as STACK=dev")
    declared = stack.context_of(name)
    if declared != context:
        raise StepError(
            f"Pulumi.{name}.yaml is for the context {declared!r}, not {context!r}; change ml-loop:cluster there, "
            "so that every later command means the same cluster"
        )
    began = time.monotonic()
    runner = Runner(paths.steps, Display(console))
    paths.bin.mkdir(parents=True, exist_ok=True)
    runner.run([Step(name="pulumi", run=lambda: pulumi.provide(paths), heavy=True)])
    if not pulumi.official_plugin(paths):
        raise StepError("the kubernetes plugin cannot be downloaded, and the stand-in serves the built-in cluster only")
    report(console, apply(runner, paths, name, {}), began)
    return 0


def apply(runner: Runner, paths: Paths, name: str, images: Mapping[str, str]) -> Mapping[str, Any]:
    """Runs `pulumi up`; what the engine prints goes to a log file, and to the user only where it went wrong."""
    log = paths.cache / "pulumi-up.log"
    result: dict[str, Any] = {}
    notes: list[str] = []

    def show(line: str) -> None:
        with log.open("a") as file:
            file.write(line + "\n")
        if "unchanged" in line or "created" in line or "updated" in line:
            notes.append(line.strip())

    def run() -> str:
        log.write_text("")
        result.update(stack.up(name, paths, images, show))
        return ", ".join(notes[-3:])

    runner.run([Step(name=f"pulumi up ({name})", run=run)])
    return result


def report(console: Console, outputs: Mapping[str, Any], began: float) -> None:
    """What the user gets, and how long it took."""
    console.print(f"\nReady in {time.monotonic() - began:.0f} s.", style="bold")
    for name, value in outputs.items():
        console.print(f"  {name}: {value if isinstance(value, str) else json.dumps(value, indent=2)}", markup=False)
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
