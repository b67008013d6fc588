"""`make logs`: the last lines of every daemon and pod, and those of trainings whose pods are gone, one block each."""

from collections import deque
from pathlib import Path
from typing import Final

from rich.console import Console

from local.paths import Paths

FOLDER: Final = "logs"
"""Name of the store's bucket; a test compares it with the stack's."""


def show(paths: Paths, console: Console, lines: int, only: str) -> int:
    """Prints the newest lines of each log whose name contains `only`; archived ones where something is asked for."""
    daemons = sorted((paths.node / "log").glob("*.log"))
    pods = sorted((paths.node / "log" / "pods").glob("*/*/*.log"))
    named = {path.stem: path for path in [*daemons, paths.cache / "pulumi-up.log"] if path.exists()}
    named |= {"/".join((p.parent.parent.name.rpartition("_")[0].replace("_", "/"), p.parent.name)): p for p in pods}
    if only:
        named |= archived(paths, {path.parent.parent.name.split("_")[1] for path in pods})
    for name, path in named.items():
        if only in name:
            console.print(f"== {name}", style="bold", markup=False)
            with path.open(errors="replace") as file:
                console.print("".join(deque(file, lines)), markup=False, end="")
    return 0


def archived(paths: Paths, living: set[str]) -> dict[str, Path]:
    """The logs in the store, by model, workflow and pod, without those of pods that are still there.

    The store keeps each object as a file of its key's name, so that they can be read while the cluster is down, too.
    """
    found = sorted(paths.volumes.glob(f"*/buckets/*/{FOLDER}/*/*/*/*.log"))
    return {"/".join((FOLDER, *path.parts[-4:-1], path.stem)): path for path in found if path.parts[-2] not in living}
