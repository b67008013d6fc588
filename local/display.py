"""What a run shows: a live list of steps on a terminal, one line per finished step anywhere else."""

import threading
import time
from collections.abc import Generator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

MARKS = {"done": ("✓", "green"), "cached": ("✓", "dim"), "failed": ("✗", "red")}


class Display:
    """Thread-safe view of the steps under way."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False, soft_wrap=True)
        self._running: dict[str, float] = {}
        self._at: dict[str, str] = {}
        self._left = 0
        self._lock = threading.Lock()
        self._live: Live | None = None

    @contextmanager
    def over(self, names: list[str]) -> Generator[None]:
        """Shows the steps while the block runs."""
        self._left = len(names)
        if not self.console.is_terminal:
            yield
            return
        with Live(get_renderable=self._table, console=self.console, refresh_per_second=4, transient=True) as self._live:
            yield

    def start(self, name: str) -> None:
        with self._lock:
            self._running[name] = time.monotonic()
        if not self.console.is_terminal:
            self.console.print(f"  … {name}", style="dim")

    def tell(self, name: str, text: str) -> None:
        """Shows, on a terminal, what a step under way is doing, beside its name."""
        with self._lock:
            self._at[name] = text

    def finish(self, name: str, state: str, seconds: float, note: str | None) -> None:
        mark, style = MARKS[state]
        with self._lock:
            self._running.pop(name, None)
            self._at.pop(name, None)
            self._left -= 1
        took = "cached" if state == "cached" else f"{seconds:.1f} s"
        self.console.print(Text.assemble((mark, style), f" {name:<34}", (took, "dim"), f"  {note}" if note else ""))

    def _table(self) -> Table:
        now = time.monotonic()
        table = Table.grid(padding=(0, 1))
        with self._lock:
            for name, began in self._running.items():
                table.add_row(
                    "…", name, f"{now - began:.0f} s", Text(self._at.get(name, ""), "dim", overflow="ellipsis")
                )
            table.add_row("", f"{self._left} steps to go", "", "")
        return table
