"""Sliding windows over Kafka partitions, pure: each look has the same rows, whatever is restarted or redelivered.

The stream is cut into steps of so many rows, and a look is about the last few steps. What survives a restart is one
bookmark per partition, stored with the group's committed offset: where the oldest step starts that the next look needs,
where each of the steps since then ended, when the last look ended, and, while a look is being published, where its last
step ends. The rows of those steps are read again, in whatever order the partitions come; a look interrupted between
publishing and committing has the same rows again, and its events get the same ids.
"""

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from loop.drift.row import Row


class Bookmark(NamedTuple):
    """What is committed for one partition."""

    start: int
    """Offset of the first message that the next look needs."""
    horizon: float | None = None
    """Event time, epoch seconds, up to which the yearly allowance has been spent; None before the first look."""
    end: int | None = None
    """Offset after the last message of the look being published; None when none is."""
    steps: tuple[int, ...] = ()
    """Offset after the last message of each step that is complete, ascending; the first begins at `start`."""

    def metadata(self) -> str:
        """The part of the bookmark that goes into the commit's metadata."""
        return json.dumps({"horizon": self.horizon, "end": self.end, "steps": [s - self.start for s in self.steps]})

    @classmethod
    def read(cls, offset: int, metadata: str | None) -> "Bookmark":
        """From a committed offset; plain offsets, of a tool that reset the group, are accepted."""
        try:
            state = json.loads(metadata or "{}")
            horizon, end, steps = state.get("horizon"), state.get("end"), state.get("steps", [])
        except (ValueError, AttributeError, RecursionError):
            return cls(offset)
        # A bookmark is believed no more than a message: a horizon that is not a time would silence the detector.
        timely = isinstance(horizon, int | float) and not isinstance(horizon, bool) and math.isfinite(horizon)
        counted = isinstance(steps, list) and all(type(step) is int and step >= 0 for step in steps)
        ends = tuple(offset + step for step in steps) if counted and steps == sorted(steps) else ()
        return cls(offset, horizon if timely else None, end if type(end) is int else None, ends)

    @property
    def ends(self) -> tuple[int, ...]:
        """The first offset of each step whose messages are known already."""
        return self.steps if self.end is None else (*self.steps, self.end)

    def after(self, low: int) -> "Bookmark":
        """The bookmark when everything below `low` is gone from Kafka."""
        return self if low <= self.start else self._replace(start=low, steps=tuple(max(s, low) for s in self.steps))


@dataclass
class Windows:
    """The steps of one model over the partitions this process has been given: one window of rows."""

    step: int
    looks: int = 1
    """Steps in a window."""
    bookmarks: dict[int, Bookmark] = field(default_factory=dict)
    kept: list[list[Row]] = field(default_factory=list)
    """Rows of the complete steps, the oldest first."""
    open: list[Row] = field(default_factory=list)
    """Rows of the step that is not complete."""
    _next: dict[int, int] = field(default_factory=dict)
    _later: list[tuple[int, int, Row | None]] = field(default_factory=list)

    @classmethod
    def resume(cls, step: int, looks: int, bookmarks: dict[int, Bookmark]) -> "Windows":
        """Start, or start again, at what was committed; the rows since then are expected to be read again."""
        known = max((len(mark.steps) for mark in bookmarks.values()), default=0)
        interrupted = any(mark.end is not None for mark in bookmarks.values())
        return cls(step, looks, {p: _even(mark, known, interrupted=interrupted) for p, mark in bookmarks.items()})

    @property
    def rows(self) -> list[Row]:
        """The rows of the window that ends with the open step."""
        return [row for step in (*self.kept, self.open) for row in step]

    @property
    def full(self) -> bool:
        """Whether the open step ends a look: the very first steps do not."""
        return len(self.kept) >= self.looks - 1 or any(mark.end is not None for mark in self.bookmarks.values())

    def horizon(self, latest: float) -> float | None:
        """The newest horizon of the bookmarks; `latest` is what no correct clock can have passed.

        A horizon beyond it was set while the clock was wrong, and until then every look would spend nothing.
        """
        there = [b.horizon for b in self.bookmarks.values() if b.horizon is not None]
        return min(latest, max(there)) if there else None

    def add(self, partition: int, offset: int, row: Row | None) -> bool:
        """Take one message (row None: it counts for no window); True when the open step is complete and must be closed.

        A message that was taken before is ignored.
        """
        mark = self.bookmarks.get(partition)
        if mark is None:
            others = next(iter(self.bookmarks.values()), Bookmark(0))
            end = None if others.end is None else offset
            mark = self.bookmarks[partition] = Bookmark(offset, None, end, (offset,) * len(others.steps))
        if offset < self._position(partition):
            return False
        self._next[partition] = offset + 1
        at = len(self.kept)  # which of the known steps is open
        if at < len(mark.ends) and offset >= mark.ends[at]:
            self._later.append((partition, offset, row))
        elif row is not None:
            self.open.append(row)
        return self._complete()

    def _complete(self) -> bool:
        at, again = len(self.kept), False
        for partition, mark in self.bookmarks.items():
            if at < len(mark.ends):  # complete before a restart: exactly the same messages again, in whatever order
                again = True
                if self._position(partition) < mark.ends[at]:
                    return False
        return again or len(self.open) >= self.step

    def _position(self, partition: int) -> int:
        return max(self._next.get(partition, 0), self.bookmarks[partition].start)

    def keep(self) -> bool:
        """Close the open step if it was complete before a restart: nothing is to be published or committed for it."""
        if all(len(self.kept) >= len(mark.steps) for mark in self.bookmarks.values()):
            return False
        self._keep()
        return True

    def closing(self) -> dict[int, Bookmark]:
        """Bookmarks to commit before anything of a look is published."""
        self.bookmarks = {
            p: m if m.end is not None else m._replace(end=self._position(p)) for p, m in self.bookmarks.items()
        }
        return self.bookmarks

    def close(self, latest: float = math.inf, *, looked: bool = True) -> dict[int, Bookmark]:
        """Begin the next step behind the one that `closing` ended; bookmarks to commit once the look is published."""
        spent = self.horizon(latest)
        times = [row.at for row in self.rows] if looked else []
        horizon = max(times + ([] if spent is None else [spent]), default=None)
        self._keep()
        gone = max(0, len(self.kept) - self.looks + 1)
        del self.kept[:gone]
        self.bookmarks = {p: _moved(m, horizon, gone) for p, m in self.bookmarks.items()}
        return self.bookmarks

    def _keep(self) -> None:
        self.kept.append(self.open)
        self.open = []

    def held_back(self) -> Iterable[tuple[int, int, Row | None]]:
        """Messages that were read past the end of a step that is read again: to be added again after it."""
        later, self._later = self._later, []
        for partition, offset, _ in later:
            self._next[partition] = min(self._next[partition], offset)
        return later


def _even(mark: Bookmark, steps: int, *, interrupted: bool) -> Bookmark:
    """The bookmark of a partition that was silent or reset by a tool, with as many steps as the others."""
    ends = (mark.start,) * (steps - len(mark.steps)) + mark.steps
    end = mark.end if mark.end is not None or not interrupted else max((mark.start, *ends))
    return mark._replace(steps=ends, end=end)


def _moved(mark: Bookmark, horizon: float | None, gone: int) -> Bookmark:
    """The bookmark after its last step, without the first steps, which no look needs any more."""
    ends = mark.ends
    start = ends[gone - 1] if gone else mark.start
    return Bookmark(start, horizon, None, ends[gone:])


def first_span(times: list[float]) -> float:
    """Seconds that a window took to fill when there was none before it, from its sorted event times.

    Twice the later half: a few rows that come years late do not spend the allowance of years.
    """
    return min(times[-1] - times[0], 2 * (times[-1] - times[len(times) // 2]))
