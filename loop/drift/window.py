"""Tumbling windows over Kafka partitions, pure: each row is in exactly one window, whatever restarts and redeliveries
do.

What survives a restart is one bookmark per partition, stored with the group's committed offset: where the open window
starts, when the window before it ended, and, while a window is being published, where that one ends. A window
interrupted between publishing and committing is therefore read again with the same rows, and its events get the same
ids.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from contract.messages import Malformed, Prediction, number

CLOCK_SKEW = 300.0
"""Seconds that a row's `at` may be ahead of the detector's clock."""


class MalformedError(ValueError):
    """A message that is no prediction; the text says why."""


class Row(NamedTuple):
    """One prediction: event time in epoch seconds, and the watched features in the settings' order."""

    at: float
    features: tuple[float, ...]


def parse(value: bytes | None, model: str, columns: tuple[int, ...], width: int, now: float) -> Row | None:
    """The row in a message of `ml.predictions`; None when it is another model's. Raises MalformedError.

    `width` is how many features a prediction has, `columns` which of them are watched, `now` the wall clock in epoch
    seconds.
    """
    message = Prediction.parse(value, model)
    match message:
        case None:
            return None
        case Malformed(reason):
            raise MalformedError(reason)
        case Prediction():
            pass
    if len(message.features) != width:
        raise MalformedError(f"features is not a list of {width}")
    at = message.at.timestamp()
    if at > now + CLOCK_SKEW:
        raise MalformedError("at is in the future")
    watched = [number(message.features[column]) for column in columns]
    if None in watched:
        raise MalformedError("a watched feature is not a finite number")
    return Row(at, tuple(each for each in watched if each is not None))


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
            return cls(offset, state.get("horizon"), state.get("end"))
        except (ValueError, AttributeError):
            return cls(offset)


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

    @property
    def horizon(self) -> float | None:
        return max((b.horizon for b in self.bookmarks.values() if b.horizon is not None), default=None)

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

    def close(self) -> dict[int, Bookmark]:
        """Start the next window behind the one that `closing` ended; bookmarks to commit once it is published."""
        horizon = max([row.at for row in self.rows] + ([] if self.horizon is None else [self.horizon]), default=None)
        self.bookmarks = {p: Bookmark(m.start if m.end is None else m.end, horizon) for p, m in self.bookmarks.items()}
        self.rows = []
        return self.bookmarks

    def held_back(self) -> Iterable[tuple[int, int, Row | None]]:
        """Messages that were read past the end of an interrupted window: to be added again after `close`."""
        later, self._later = self._later, []
        self._next = {partition: mark.start for partition, mark in self.bookmarks.items()}
        return later
