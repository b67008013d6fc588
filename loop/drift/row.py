"""One prediction as the detector compares it: parsed from a message, by the columns of the version that answered."""

import json
import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Final, NamedTuple, cast

import orjson

from contract.messages import PREDICTION, Malformed, Prediction, Scalar
from loop.drift.columns import Columns, Kind
from loop.drift.values import READERS, Read, read_number

CLOCK_SKEW: Final = 300.0
"""Seconds that a row's `at` may be ahead of the detector's clock."""
EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC).timestamp()
"""The earliest believable time: an older one comes from a clock that is not set, such as 1970 after switching on."""
_NUMBERS: Final = frozenset({float, int})


class MalformedError(ValueError):
    """A message that is not a usable prediction; the text says why."""


class UnknownVersionError(ValueError):
    """A prediction of a version whose columns are unknown, or lack a watched one; the text says which."""


class Row(NamedTuple):
    """One prediction: event time in epoch seconds, and the watched features in the settings' order."""

    at: float
    features: tuple[float, ...]
    """Codes where the column is not a number; NaN where there is no value, or none of the column's kind."""


@dataclass(frozen=True)
class Layout:
    """Where a version has the watched features, and how each is read. Its answer follows its columns."""

    width: int
    readers: tuple[tuple[int, Read], ...]

    @classmethod
    def of(cls, columns: Columns, readers: Mapping[str, Read]) -> "Layout | None":
        """`readers` by feature; None when the version lacks one of them."""
        positions = {name: at for at, name in enumerate(columns.kinds)} | {PREDICTION: len(columns.kinds)}
        if not readers.keys() <= positions.keys():
            return None
        return cls(len(columns.kinds), tuple((positions[name], read) for name, read in readers.items()))

    @cached_property
    def _numbers(self) -> tuple[int, ...]:
        """The positions, if all that is watched are numbers; else none."""
        plain = all(read is read_number for _, read in self.readers)
        return tuple(position for position, _ in self.readers) if plain else ()

    def read(self, values: list[Scalar]) -> tuple[float, ...]:
        """The watched ones of a row's values and its answer; rows of finite numbers, which most are, at once."""
        if self._numbers:
            found = [values[position] for position in self._numbers]
            if _NUMBERS.issuperset(map(type, found)):
                with suppress(OverflowError):  # an integer with hundreds of digits
                    floats = tuple(map(float, cast("list[float]", found)))
                    if math.isfinite(sum(floats)):
                        return floats
        return tuple([read(values[position]) for position, read in self.readers])


class Layouts:
    """The layout of each version that has answered, by the version; None where it is unknown or lacks a feature."""

    def __init__(self, kinds: Mapping[str, Kind], columns: Callable[[str], Columns | None]) -> None:
        """`kinds` are the reference's, by which the values of all versions are read, by watched feature."""
        self._kinds, self._columns = kinds, columns
        self._known: dict[str, Layout] = {}
        self.singles = frozenset(n for n, kind in enumerate(kinds.values()) if kind is Kind.SINGLE)
        """Features that the reference or a version has in 32 bits."""

    def __call__(self, version: str) -> Layout | None:
        if version in self._known:
            return self._known[version]
        columns = self._columns(version)
        layout = Layout.of(columns, {name: READERS[kind] for name, kind in self._kinds.items()}) if columns else None
        if columns is not None and layout is not None:
            self._known[version] = layout
            self.singles |= {n for n, name in enumerate(self._kinds) if columns.kinds.get(name) is Kind.SINGLE}
        return layout


def parse(value: bytes | None, model: str, layout: Callable[[str], Layout | None], now: float) -> Row | None:
    """The row in a message of `ml.predictions`; None when it is another model's.

    `layout` knows the versions, `now` is the wall clock in epoch seconds. Raises MalformedError, UnknownVersionError.
    """
    message = Prediction.parse(value, model, _loads)
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
    return Row(at, known.read([*message.features, message.answer]))


def _loads(value: bytes) -> Any:
    """Like `json.loads`, which decides in the cases that orjson, five times faster, refuses: NaN, half a character."""
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        return json.loads(value)
