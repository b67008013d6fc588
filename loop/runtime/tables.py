"""CSV as people write it: with documents in its cells, and with the mark that spreadsheets put before the first."""

import csv
from collections.abc import Iterable, Iterator
from typing import Final

MARK: Final = "\ufeff"
"""Stands first in files that Excel and `to_csv(encoding="utf-8-sig")` write, and is no part of a column's name."""
LONGEST: Final = 2**31 - 1
"""Characters of a cell. Python's own limit, 131 072, is less than a document has, and it is one for a process."""


def lines(text: Iterable[str]) -> Iterator[list[str]]:
    """The cells of each line; `text` is a file that was opened with `newline=""`, or pieces of a text."""
    csv.field_size_limit(LONGEST)
    return csv.reader(_unmarked(text))


def _unmarked(text: Iterable[str]) -> Iterator[str]:
    pieces = iter(text)
    yield from (first.removeprefix(MARK) for first in (next(pieces, ""),) if first)
    yield from pieces
