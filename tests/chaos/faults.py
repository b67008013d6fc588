"""What a fault does, and how it is taken back. Only processes of the built-in cluster are touched, each by its id."""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from local.node.daemons import reap
from local.node.node import Node
from local.shell import run
from local.steps import StepError
from tests.chaos.history import Happening, History
from tests.chaos.plan import PODS, FaultKind, PlannedFault

TABLE: Final = "ml-loop-chaos"
DROP_ALL: Final = f"""\
add table inet {TABLE}
add chain inet {TABLE} in {{ type filter hook input priority 0 ; policy drop ; }}
add chain inet {TABLE} out {{ type filter hook output priority 0 ; policy drop ; }}
"""
SANDBOX: Final = "pause"
"""Name of the process that holds a pod's namespaces, and does nothing."""


def processes(uid: str) -> dict[int, str]:
    """Process id -> name, of a pod's containers, by their control group."""
    found: dict[int, str] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            group = (folder / "cgroup").read_text()
            if f"pod{uid}" in group or f"pod{uid.replace('-', '_')}" in group:
                found[int(folder.name)] = (folder / "comm").read_text().strip()
    return found


def let_go(node: Node, uids: Iterable[str]) -> None:
    """Whatever a run that was killed has left: daemons go on or start again, pods go on and are joined again."""
    for daemon in node.daemons.values():
        if (pid := daemon.pid()) is not None:
            _signal([pid], signal.SIGCONT)
        elif daemon.pid_file.exists():
            daemon.start(node.path)
    for uid in uids:
        held = processes(uid)
        _signal(list(held), signal.SIGCONT)
        for pid in list(held)[:1]:
            _join(str(pid))


@dataclass
class Chaos:
    """Does what a plan says, writes it down, and knows what has to be taken back."""

    node: Node
    history: History
    pods: Callable[[str, str], list[dict[str, Any]]]
    """Namespace and selector -> the pods; from before the fault, as the API server may be what is hit."""
    open: dict[str, Callable[[], None]] = field(default_factory=dict[str, Callable[[], None]])
    """Part -> what takes its fault back."""

    def play(self, planned: Iterator[PlannedFault], began: float, until: Callable[[], bool]) -> None:
        """One after the other, at their times, until told to stop; leaves none open."""
        try:
            for fault in planned:
                while (left := began + fault.at - time.time()) > 0 and not until():
                    time.sleep(min(left, 0.2))
                if until():
                    return
                self._hit(fault)
        finally:
            self.heal()

    def heal(self) -> None:
        """Takes back whatever is open."""
        for part in list(self.open):
            self._back(part)

    def _hit(self, fault: PlannedFault) -> None:
        began = time.time()
        try:
            said = self._daemon(fault) if fault.part in self.node.daemons else self._pod(fault)
        except (OSError, StepError) as error:
            said = f"not done: {' '.join(str(error).split())[:200]}"
        more = {} if said == "" else {"answer": said}
        self.history.add(Happening.FAULT, fault.part, began, detail=str(fault.kind), **more)
        if fault.lasting:
            time.sleep(fault.lasting)
        self._back(fault.part)

    def _back(self, part: str) -> None:
        if (back := self.open.pop(part, None)) is not None:
            began = time.time()
            back()
            self.history.add(Happening.HEAL, part, began)

    def _daemon(self, fault: PlannedFault) -> str:
        daemon = self.node.daemons[fault.part]
        pid = daemon.pid()
        if pid is None:
            return "not done: it does not run"
        if fault.kind is FaultKind.KILL:
            os.kill(pid, signal.SIGKILL)
            self.open[fault.part] = lambda: self._start(fault.part)
        else:
            self.open[fault.part] = lambda: _signal([pid], signal.SIGCONT)
            _signal([pid], signal.SIGSTOP)
        return ""

    def _start(self, name: str) -> None:
        """As a service manager would, once it is gone."""
        daemon = self.node.daemons[name]
        while (pid := daemon.pid()) is not None:
            time.sleep(0.05)
            reap([pid])
        daemon.start(self.node.path)

    def _pod(self, fault: PlannedFault) -> str:
        part = PODS[fault.part]
        running = [pod for pod in self.pods(part.namespace, part.selector) if pod["status"].get("phase") == "Running"]
        if not running:
            return "not done: no pod of it runs"
        held = processes(running[0]["metadata"]["uid"])
        inside = [pid for pid, name in held.items() if name != SANDBOX]
        if not inside:
            return "not done: its pod has no process"
        if fault.kind is FaultKind.KILL:
            _signal(inside, signal.SIGKILL)
        elif fault.kind is FaultKind.PAUSE:
            self.open[fault.part] = lambda: _signal(inside, signal.SIGCONT)
            _signal(inside, signal.SIGSTOP)
        else:
            holder = str(next((pid for pid, name in held.items() if name == SANDBOX), inside[0]))
            self.open[fault.part] = lambda: _join(holder)
            run("nsenter", "--target", holder, "--net", "nft", "-f", "-", stdin=DROP_ALL)
        return ""


def _signal(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def _join(holder: str) -> None:
    """Nothing to do where the namespace went away with its pod."""
    with contextlib.suppress(StepError):
        run("nsenter", "--target", holder, "--net", "nft", "delete", "table", "inet", TABLE)
