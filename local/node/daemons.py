"""Long-running processes of the node: started apart from the terminal, remembered by process id and start time."""

import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Daemon:
    """One process, its argument list, and where its pid and log lie (`<folder>/run`, `<folder>/log`)."""

    name: str
    arguments: list[str]
    folder: Path

    @property
    def pid_file(self) -> Path:
        return self.folder / "run" / f"{self.name}.pid"

    @property
    def log(self) -> Path:
        return self.folder / "log" / f"{self.name}.log"

    def pid(self) -> int | None:
        """The process id, if the process that we started still runs, and not another with the same number."""
        try:
            pid, began = self.pid_file.read_text().split()
        except (FileNotFoundError, ValueError):
            return None
        return int(pid) if start_time(int(pid)) == began else None

    def start(self, path: str) -> bool:
        """Starts the process unless it runs; True if it was started. The last run's log is kept as `.log.1`."""
        if self.pid() is not None:
            return False
        if self.log.exists():
            self.log.replace(self.log.with_suffix(".log.1"))
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                self.arguments,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env=os.environ | {"PATH": path},
                start_new_session=True,
            )
        self.pid_file.write_text(f"{process.pid} {start_time(process.pid)}")
        return True

    def stop(self, patience: float = 15.0) -> None:
        """Asks the process to end, then kills it."""
        pid = self.pid()
        if pid is not None:
            end([pid], patience)
        self.pid_file.unlink(missing_ok=True)


def start_time(pid: int) -> str | None:
    """When a process started, in clock ticks since boot; None for one that is gone or a zombie.

    A process that was killed is a zombie before its other threads have ended, and holds its ports for as long as they
    have not.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        threads = len(list(Path(f"/proc/{pid}/task").iterdir()))
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] == "Z" and threads <= 1 else fields[19]


def end(pids: list[int], patience: float) -> None:
    """SIGTERM to all, SIGKILL to those that are still there after `patience` seconds."""
    for pid in pids:
        send(pid, signal.SIGTERM)
    deadline = time.monotonic() + patience
    while (alive := [p for p in pids if start_time(p)]) and time.monotonic() < deadline:
        reap(alive)
        time.sleep(0.1)
    for pid in [p for p in pids if start_time(p)]:
        send(pid, signal.SIGKILL)
    reap(pids)


def send(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def reap(pids: list[int]) -> None:
    """Takes the exit status of those that are our own children, so that none stays a zombie."""
    for pid in pids:
        try:
            os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            continue
