"""`make logs`: the last lines of every daemon and pod, one block each."""

from collections import deque

from rich.console import Console

from local.paths import Paths


def show(paths: Paths, console: Console, lines: int, only: str) -> int:
    """Prints the newest lines of each log whose name contains `only`."""
    daemons = sorted((paths.node / "log").glob("*.log"))
    pods = sorted((paths.node / "log" / "pods").glob("*/*/*.log"))
    named = {path.stem: path for path in [*daemons, paths.cache / "pulumi-up.log"] if path.exists()}
    named |= {"/".join((p.parent.parent.name.rpartition("_")[0].replace("_", "/"), p.parent.name)): p for p in pods}
    for name, path in named.items():
        if only in name:
            console.print(f"== {name}", style="bold", markup=False)
            with path.open(errors="replace") as file:
                console.print("".join(deque(file, lines)), markup=False, end="")
    return 0
