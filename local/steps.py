"""Steps as values in a dependency order: each runs once its needs are done, and only if its inputs have changed.

Independent steps overlap; steps that would take every core (`heavy`) run one at a time. A finished step leaves its key
in a file, so a run that was cut off resumes at the first unfinished step.
"""

import hashlib
import threading
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from local.display import Display


class StepError(Exception):
    """A step failed for a reason its user can act on: one message, no stack trace."""


class State(StrEnum):
    """What became of a step."""

    DONE = "done"
    CACHED = "cached"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class Step:
    """One piece of work.

    `run` returns a short note for the display, or None. `key` names everything the result depends on, read when the
    step's needs are done; a step without a key always runs. `present` says whether the result is still there.
    """

    name: str
    run: Callable[[], str | None]
    needs: Sequence[str] = ()
    key: Callable[[], str] | None = None
    present: Callable[[], bool] = lambda: True
    heavy: bool = False


def key_of(*parts: str | Path) -> str:
    """A key over texts and the contents of files and folders, in the order given."""
    digest = hashlib.sha256()
    for part in parts:
        for piece in contents(part) if isinstance(part, Path) else (part.encode(),):
            digest.update(len(piece).to_bytes(8, "big"))
            digest.update(piece)
    return digest.hexdigest()


def contents(path: Path) -> list[bytes]:
    """Names and bytes of the files below a path, sorted; caches of the interpreter do not count."""
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    return [
        piece
        for file in files
        if "__pycache__" not in file.parts and ".venv" not in file.parts
        for piece in (file.name.encode(), file.read_bytes())
    ]


class Runner:
    """Runs steps in dependency order and remembers their keys in a folder."""

    def __init__(self, folder: Path, display: Display) -> None:
        self._folder = folder
        self._display = display
        self._one_heavy = threading.Lock()
        self._stopping = threading.Event()
        folder.mkdir(parents=True, exist_ok=True)

    def tell(self, name: str, text: str) -> None:
        """Shows what a step under way is doing."""
        self._display.tell(name, text)

    def run(self, steps: Sequence[Step]) -> None:
        """Runs all steps. The first failure lets running steps finish, starts no new one, and is raised."""
        waiting = {step.name: step for step in steps}
        for step in steps:
            unknown = set(step.needs) - waiting.keys()
            if unknown:
                raise ValueError(f"step {step.name!r} needs unknown steps: {sorted(unknown)}")
        done: set[str] = set()
        failure: BaseException | None = None
        if not steps:
            return
        self._stopping.clear()
        with (
            self._display.over([step.name for step in steps]),
            ThreadPoolExecutor(len(steps)) as pool,
            self._no_new_step_when_it_ends(),
        ):
            running: dict[Future[None], Step] = {}
            while (waiting and failure is None) or running:
                if failure is None:
                    for step in [s for s in waiting.values() if done.issuperset(s.needs)]:
                        running[pool.submit(self._finish, waiting.pop(step.name))] = step
                if not running:
                    raise ValueError(f"steps need each other in a circle: {sorted(waiting)}")
                finished, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in finished:
                    done.add(running.pop(future).name)
                    failure = failure or future.exception()
        if failure is not None:
            raise failure

    @contextmanager
    def _no_new_step_when_it_ends(self) -> Generator[None]:
        """However the run ends, also by Ctrl-C, heavy steps that wait for their turn do not start."""
        try:
            yield
        finally:
            self._stopping.set()

    def _finish(self, step: Step) -> None:
        marker = self._folder / step.name.replace(" ", "-").replace("/", "-")
        key = step.key() if step.key else None
        if key and marker.exists() and marker.read_text() == key and step.present():
            self._display.finish(step.name, State.CACHED, 0.0, None)
            return
        with self._one_heavy if step.heavy else nullcontext():
            if not (step.heavy and self._stopping.is_set()):
                self._timed(step, marker, key)

    def _timed(self, step: Step, marker: Path, key: str | None) -> None:
        self._display.start(step.name)
        began = time.monotonic()
        marker.unlink(missing_ok=True)
        try:
            note = step.run()
        except BaseException:
            self._stopping.set()
            self._display.finish(step.name, State.FAILED, time.monotonic() - began, None)
            raise
        if key:
            marker.write_text(key)
        self._display.finish(step.name, State.DONE, time.monotonic() - began, note)
