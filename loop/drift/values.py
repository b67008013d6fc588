"""Values of a prediction, and cells of a reference, as the comparison takes them: numbers, or codes for other values.

A text's code is its hash: it is the same in every reference and for every version, so that rows outlive a change of
either.
"""

import hashlib
import math
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from contract.fields import number
from loop.drift.column import CategoryColumn, ReferenceColumn
from loop.drift.columns import Kind

Read = Callable[[object], float]
"""Reads a message's value as it is compared."""

MISSING: Final = math.nan
LONGEST: Final = 100
"""How many characters of a text tell it from others."""
_MOST_CODES: Final = 10_000
"""How many texts' codes are kept at a time: any client can write texts."""
_codes: dict[str, float] = {}


def code(text: str) -> float:
    """A text's code: 48 bits, which a float holds. Of a thousand texts two share one in one of a billion columns."""
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
    """An empty text counts as missing: a CSV file does not tell them apart."""
    return code(value) if isinstance(value, str) and value else MISSING


def read_length(value: object) -> float:
    """Of a text, in characters; an empty one is none, as above."""
    return float(len(value)) if isinstance(value, str) and value else MISSING


def read_presence(value: object) -> float:
    """Reads of a value that cannot be compared only whether it is there."""
    return MISSING if value is None or value == "" else 1.0


READERS: Final[Mapping[Kind, Read]] = {
    Kind.NUMBER: read_number,
    Kind.SINGLE: read_number,
    Kind.BOOLEAN: read_boolean,
    Kind.TEXT: read_text,
    Kind.DOCUMENT: read_length,
    Kind.OTHER: read_presence,
}


_BOOLEANS: Final = {"true": True, "1": True, "1.0": True, "false": False, "0": False, "0.0": False}


def cell(kind: Kind, text: str) -> Any:
    """The value of a CSV cell as pandas writes it. Raises ValueError where it is not of the kind."""
    if not text or kind in {Kind.TEXT, Kind.DOCUMENT, Kind.OTHER}:
        return text or None
    text = text.strip("[] ")  # the only value of a tensor's row, as pandas writes it
    if kind is not Kind.BOOLEAN:
        if math.isinf(float(text)):
            raise ValueError(f"{text} is not finite")
        return float(text)
    if text.lower() not in _BOOLEANS:
        raise ValueError(f"{text[:40]!r} is neither true nor false")
    return _BOOLEANS[text.lower()]


def column_of(kind: Kind, values: NDArray[np.float64], labels: Mapping[float, str]) -> ReferenceColumn:
    """The column as its kind is compared; `labels` are what the codes stand for."""
    if kind in {Kind.NUMBER, Kind.SINGLE, Kind.DOCUMENT}:
        return ReferenceColumn(values)
    named = {Kind.BOOLEAN: {0.0: "false", 1.0: "true"}, Kind.OTHER: {1.0: "(present)"}}
    return CategoryColumn(values, named.get(kind, labels))
