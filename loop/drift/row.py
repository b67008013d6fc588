"""One prediction as the detector compares it: parsed from a message, by the columns of the version that answered."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, NamedTuple

from contract.messages import Malformed, Prediction, number
from loop.drift.columns import Columns, Kind

CLOCK_SKEW: Final = 300.0
"""Seconds that a row's `at` may be ahead of the detector's clock."""
EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC).timestamp()
"""What is said to be older was dated by no clock that is set: 1970 is one that has just been switched on."""
MISSING: Final = math.nan


class MalformedError(ValueError):
    """A message that is no prediction; the text says why."""


class UnknownVersionError(ValueError):
    """A prediction of a version whose columns are unknown, or are not those that are watched; the text says which."""


class Row(NamedTuple):
    """One prediction: event time in epoch seconds, and the watched features in the settings' order."""

    at: float
    features: tuple[float, ...]
    """Codes where the column is no number; `MISSING` where there is no value, or none of the column's kind."""


Read = Callable[[object], float]
"""A value of a message as it is compared."""


def read_number(value: object) -> float:
    found = number(value)
    return MISSING if found is None else found


@dataclass(frozen=True)
class Layout:
    """Where a version has the watched features, and how each is read."""

    width: int
    readers: tuple[tuple[int, Read], ...]

    @classmethod
    def of(cls, columns: Columns, readers: Mapping[str, Read]) -> "Layout | None":
        """`readers` by feature; None when the version lacks one of them."""
        if not readers.keys() <= columns.kinds.keys():
            return None
        return cls(len(columns.kinds), tuple((columns.position(name), read) for name, read in readers.items()))


class Layouts:
    """The layout of each version that has answered, by the version; None where it is unknown or lacks a feature."""

    def __init__(self, features: tuple[str, ...], columns: Callable[[str], Columns | None]) -> None:
        self._features, self._columns = features, columns
        self._known: dict[str, Layout] = {}
        self.singles: frozenset[int] = frozenset()
        """Features that some version has in 32 bits."""

    def __call__(self, version: str) -> Layout | None:
        if version in self._known:
            return self._known[version]
        columns = self._columns(version)
        layout = Layout.of(columns, dict.fromkeys(self._features, read_number)) if columns else None
        if columns is not None and layout is not None:
            self._known[version] = layout
            kinds = [columns.kinds[feature] for feature in self._features]
            self.singles |= {n for n, kind in enumerate(kinds) if kind is Kind.SINGLE}
        return layout


def parse(value: bytes | None, model: str, layout: Callable[[str], Layout | None], now: float) -> Row | None:
    """The row in a message of `ml.predictions`; None when it is another model's.

    `layout` knows the versions, `now` is the wall clock in epoch seconds. Raises MalformedError, UnknownVersionError.
    """
    message = Prediction.parse(value, model)
    match message:
        case None:
            return None
        case Malformed(reason):
            raise MalformedError(reason)
        case Prediction():
            pass
    known = layout(message.version)
    if known is None:
        raise UnknownVersionError(f"version {message.version[:20]!r} has no known columns with all that is watched")
    if len(message.features) != known.width:
        raise MalformedError(f"features is not a list of {known.width}")
    at = message.at.timestamp()
    if at > now + CLOCK_SKEW:
        raise MalformedError("at is in the future")
    if at < EARLIEST:
        raise MalformedError("at is before the year 2000")
    return Row(at, tuple([read(message.features[position]) for position, read in known.readers]))
