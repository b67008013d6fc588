"""Tumbling windows over Kafka partitions, pure: each row is in exactly one window, whatever restarts and redeliveries
do.

What survives a restart is one bookmark per partition, stored with the group's committed offset: where the open window
starts, when the window before it ended, and, while a window is being published, where that one ends. A window
interrupted between publishing and committing is therefore read again with the same rows, and its events get the same
ids.
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
    """Offset of the first message that is in no published window."""
    horizon: float | None = None
    """Event time, epoch seconds, up to which the yearly allowance has been spent; None before the first window."""
    end: int | None = None
    """Offset after the last message of the window being published; None when none is."""

    def metadata(self) -> str:
        """The part of the bookmark that goes into the commit's metadata."""
        return json.dumps({"horizon": self.horizon, "end": self.end})

    @classmethod
    def read(cls, offset: int, metadata: str | None) -> "Bookmark":
        """From a committed offset; plain offsets, of a tool that reset the group, are accepted."""
        try:
            state = json.loads(metadata or "{}")
            horizon, end = state.get("horizon"), state.get("end")
        except (ValueError, AttributeError, RecursionError):
            return cls(offset)
        # A bookmark is no more to be believed than a message: a horizon that is no time would silence the detector.
        timely = isinstance(horizon, int | float) and not isinstance(horizon, bool) and math.isfinite(horizon)
        return cls(offset, horizon if timely else None, end if type(end) is int else None)


@dataclass
class Windows:
    """The open window of one model over the partitions this process has been given."""

    size: int
    bookmarks: dict[int, Bookmark] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    _next: dict[int, int] = field(default_factory=dict)
    _later: list[tuple[int, int, Row | None]] = field(default_factory=list)

    @classmethod
    def resume(cls, size: int, bookmarks: dict[int, Bookmark]) -> "Windows":
        """Start, or start again, at what was committed; the open window's rows are expected to be read again."""
        return cls(size, dict(bookmarks))

    def horizon(self, latest: float) -> float | None:
        """The newest of the bookmarks; `latest` is what no clock of today may have passed.

        A horizon beyond it was set while the clock was wrong, and until then every window would spend nothing.
        """
        kept = [b.horizon for b in self.bookmarks.values() if b.horizon is not None]
        return min(latest, max(kept)) if kept else None

    def add(self, partition: int, offset: int, row: Row | None) -> bool:
        """Take one message (row None: it counts for no window); True when the window is complete and must be closed.

        A message that was taken before is ignored.
        """
        mark = self.bookmarks.setdefault(partition, Bookmark(offset))
        if offset < self._position(partition):
            return False
        self._next[partition] = offset + 1
        if mark.end is not None and offset >= mark.end:
            self._later.append((partition, offset, row))
        elif row is not None:
            self.rows.append(row)
        return self._complete()

    def _complete(self) -> bool:
        ends = {p: mark.end for p, mark in self.bookmarks.items() if mark.end is not None}
        if ends:  # interrupted while publishing: exactly the same messages again, in whatever order they come
            return all(self._position(partition) >= end for partition, end in ends.items())
        return len(self.rows) >= self.size

    def _position(self, partition: int) -> int:
        return max(self._next.get(partition, 0), self.bookmarks[partition].start)

    def closing(self) -> dict[int, Bookmark]:
        """Bookmarks to commit before anything of the complete window is published."""
        self.bookmarks = {
            p: m if m.end is not None else m._replace(end=self._position(p)) for p, m in self.bookmarks.items()
        }
        return self.bookmarks

    def close(self, latest: float = math.inf) -> dict[int, Bookmark]:
        """Start the next window behind the one that `closing` ended; bookmarks to commit once it is published."""
        spent = self.horizon(latest)
        horizon = max([row.at for row in self.rows] + ([] if spent is None else [spent]), default=None)
        self.bookmarks = {p: Bookmark(m.start if m.end is None else m.end, horizon) for p, m in self.bookmarks.items()}
        self.rows = []
        return self.bookmarks

    def held_back(self) -> Iterable[tuple[int, int, Row | None]]:
        """Messages that were read past the end of an interrupted window: to be added again after `close`."""
        later, self._later = self._later, []
        self._next = {partition: mark.start for partition, mark in self.bookmarks.items()}
        return later


def first_span(times: list[float]) -> float:
    """Seconds that a window took to fill when there was none before it, from its sorted event times.

    Twice the later half: a few rows that come years late do not spend the allowance of years.
    """
    return min(times[-1] - times[0], 2 * (times[-1] - times[len(times) // 2]))
