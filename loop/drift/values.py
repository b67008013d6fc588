"""Values of a prediction, and cells of a reference, as the comparison takes them: numbers, or codes of what is none.

A text's code is its hash: the same in every reference and for every version, so that rows outlive a change of either.
"""

import hashlib
import math
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from contract.messages import number
from loop.drift.column import CategoryColumn, ReferenceColumn
from loop.drift.columns import Kind

Read = Callable[[object], float]
"""A value of a message as it is compared."""

MISSING: Final = math.nan
LONGEST: Final = 100
"""Characters of a text that tell it from others."""
_MOST_CODES: Final = 10_000
"""Texts whose codes are kept at a time: anybody can write texts."""
_codes: dict[str, float] = {}


def code(text: str) -> float:
    """A text's: 48 bits, which a float holds, so that a thousand texts share one once in a billion columns."""
    text = text[:LONGEST]
    found = _codes.get(text)
    if found is None:
        if len(_codes) >= _MOST_CODES:
            _codes.clear()
        digest = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=6).digest()
        found = _codes[text] = float(int.from_bytes(digest))
    return found


def read_number(value: object) -> float:
    found = number(value)
    return MISSING if found is None else found


def read_boolean(value: object) -> float:
    return float(value) if isinstance(value, bool) else MISSING


def read_text(value: object) -> float:
    """An empty text is none: a CSV file does not tell them apart."""
    return code(value) if isinstance(value, str) and value else MISSING


def read_presence(value: object) -> float:
    """Reads a value that can be compared with nothing: only whether it is there."""
    return MISSING if value is None or value == "" else 1.0


READERS: Final[Mapping[Kind, Read]] = {
    Kind.NUMBER: read_number,
    Kind.SINGLE: read_number,
    Kind.BOOLEAN: read_boolean,
    Kind.TEXT: read_text,
    Kind.OTHER: read_presence,
}


_BOOLEANS: Final = {"true": True, "1": True, "1.0": True, "false": False, "0": False, "0.0": False}


def cell(kind: Kind, text: str) -> Any:
    """What a cell of CSV stands for, as pandas writes it. Raises ValueError where its kind does not take it."""
    if not text or kind in {Kind.TEXT, Kind.OTHER}:
        return text or None
    if kind is not Kind.BOOLEAN:
        if math.isinf(float(text)):
            raise ValueError(f"{text} is not finite")
        return float(text)
    if text.lower() not in _BOOLEANS:
        raise ValueError(f"{text[:40]!r} is neither true nor false")
    return _BOOLEANS[text.lower()]


def column_of(kind: Kind, values: NDArray[np.float64], labels: Mapping[float, str]) -> ReferenceColumn:
    """The column as its kind is compared; `labels` are what the codes stand for."""
    if kind in {Kind.NUMBER, Kind.SINGLE}:
        return ReferenceColumn(values)
    named = {Kind.BOOLEAN: {0.0: "false", 1.0: "true"}, Kind.OTHER: {1.0: "(present)"}}
    return CategoryColumn(values, named.get(kind, labels))
