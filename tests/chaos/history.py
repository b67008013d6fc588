"""What happened, as it happened: one JSON object a line, in a file that outlives the run."""

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any


class Happening(StrEnum):
    """What a line is about."""

    FAULT = "fault"
    HEAL = "heal"
    PREDICT = "predict"
    OUTCOME = "outcome"
    EVENT = "event"
    TRAIN = "train"
    PROMOTE = "promote"


OK = "ok"
"""The answer of what was acknowledged."""


@dataclass(frozen=True, kw_only=True)
class HistoryLine:
    """One thing that was done, and how it ended."""

    at: float
    """Seconds since 1970, when it began."""
    what: Happening
    target: str
    """The part of a fault; the id of a request, an event or a Workflow."""
    answer: str = OK
    """`OK`, or why there is none."""
    seconds: float = 0.0
    tries: int = 1
    detail: str = ""

    @property
    def acknowledged(self) -> bool:
        return self.answer == OK


class History:
    """Writes from any thread; a line that was added is in the file."""

    def __init__(self, file: Path) -> None:
        self._lock, self.lines = threading.Lock(), list[HistoryLine]()
        file.parent.mkdir(parents=True, exist_ok=True)
        self._file = file.open("w", encoding="utf-8")

    def add(self, what: Happening, target: str, began: float, **more: Any) -> HistoryLine:
        line = HistoryLine(at=began, what=what, target=target, seconds=round(time.time() - began, 3), **more)
        with self._lock:
            self.lines.append(line)
            self._file.write(json.dumps(asdict(line)) + "\n")
            self._file.flush()
        return line

    def close(self) -> None:
        self._file.close()


def read(file: Path) -> Iterator[HistoryLine]:
    """The lines of a run."""
    for text in file.read_text("utf-8").splitlines():
        found = json.loads(text)
        yield HistoryLine(**found | {"what": Happening(found["what"])})
