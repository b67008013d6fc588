"""What Pulumi makes of YAML's scalars, undone for all settings at once.

Pulumi reads `2026-01-31` as a moment and hands on Go's words for it, `2026-01-31 00:00:00 +0000 UTC`. It also writes
them into the stack file when it edits one. Whole numbers of more than 64 bits reach the program rounded; what they were
can no longer be told.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any

from settings.problem import Path, Problem

_MOMENT = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}) ([0-9:]{8}(?:\.[0-9]+)?) ([+-][0-9]{2})([0-9]{2}) \S+")
_MIDNIGHT = "T00:00:00Z"


def restored(value: Any) -> Any:
    """The value with each moment in it as YAML's readers write them: `2026-01-31`, else `2026-01-31T12:00:00Z`.

    A moment that was written without a zone is in UTC, as YAML says; midnight in UTC becomes the date alone.
    """
    match value:
        case Mapping():
            return {key: restored(inner) for key, inner in value.items()}
        case list() | tuple():
            return [restored(inner) for inner in value]
        case datetime():
            return value.isoformat().replace("+00:00", "Z").removesuffix(_MIDNIGHT)
        case date():
            return value.isoformat()
        case str() if moment := _MOMENT.fullmatch(value):
            day, time, hours, minutes = moment.groups()
            offset = "Z" if (hours, minutes) == ("+00", "00") else f"{hours}:{minutes}"
            return f"{day}T{time}{offset}".removesuffix(_MIDNIGHT)
        case _:
            return value


def rounded(value: Any, path: Path = ()) -> Iterator[Problem]:
    """A problem for each whole number that Pulumi has rounded."""
    match value:
        case Mapping():
            for key, inner in value.items():
                yield from rounded(inner, (*path, key))
        case list() | tuple():
            for index, inner in enumerate(value):
                yield from rounded(inner, (*path, index))
        case bool():
            pass
        case int() | float() if _is_rounded(value):
            expected = "a whole number of at most 64 bits: this is what Pulumi made of a longer one"
            yield Problem.with_value(path, value, expected, "Write it in quotes, as a text")
        case _:
            pass


def _is_rounded(value: float) -> bool:
    """Floats of such size with 16 digits or more were whole numbers; `1e30` was written as a float."""
    if isinstance(value, int):
        return not -(2**63) <= value < 2**63
    return abs(value) >= 2**63 and len(repr(value).partition("e")[0].strip("-").replace(".", "")) >= 16
