"""The reference that predictions are compared with: the rows that a training kept, read column by column. Pure.

A training whose data has seasons keeps more files beside `reference/window.csv`: `reference/month-01.csv` to
`month-12.csv`, or `reference/weekday-1.csv` (Monday) to `weekday-7.csv`, with the same header; a season without a file
is compared with `reference/window.csv`.
"""

import io
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from contract.drift import MIN_WINDOW, DriftReference
from contract.messages import PREDICTION
from contract.names import ANSWERS_ARTIFACT, REFERENCE_ARTIFACT
from loop.drift.column import LEAST_SHARE
from loop.drift.columns import Columns, Kind
from loop.drift.values import LONGEST, READERS, cell, code
from loop.runtime import tables

ALWAYS: Final = PurePosixPath(REFERENCE_ARTIFACT).stem
"""The season that stands in for any other."""
OFTEN: Final = 0.1
"""Share of a reference's rows with a frequent text from which a column is one of categories."""


class BadReferenceError(ValueError):
    """A reference that cannot be used; the text says why and what to do."""


@dataclass(frozen=True)
class Reference:
    """Reference rows of one model version."""

    version: str
    columns: Columns
    """The columns of a prediction."""
    rows: Mapping[str, Sequence[NDArray[np.float64]]]
    """Season -> the watched features' values, in the training's order. `ALWAYS` is there. NaN: no value."""
    answers: Kind = Kind.NUMBER
    """Kind of the model's answers, where they are watched."""
    labels: Mapping[float, str] = field(default_factory=dict[float, str])
    """The texts that codes stand for."""

    def season(self, wanted: str) -> str:
        return wanted if wanted in self.rows else ALWAYS

    def kinds(self, features: Sequence[str]) -> Mapping[str, Kind]:
        """Kinds of the watched features, in their order."""
        return {name: self.answers if name == PREDICTION else self.columns.kinds[name] for name in features}


def season_of(at: float, seasons: DriftReference) -> str:
    """Name of the season of an event time in epoch seconds: the stem of its file."""
    moment = datetime.fromtimestamp(at, UTC)
    match seasons:
        case DriftReference.TRAINING:
            return ALWAYS
        case DriftReference.MONTHLY:
            return f"month-{moment.month:02}"
        case DriftReference.WEEKLY:
            return f"weekday-{moment.isoweekday()}"


def parse(
    version: str,
    files: Mapping[str, str],
    features: tuple[str, ...],
    columns: Columns | None = None,
    answers: str | None = None,
) -> Reference:
    """A reference from CSV texts by season; BadReferenceError when one is malformed or lacks a feature.

    `columns` are those of the version's signature. Without one the header has their names, and all are numbers.
    `answers` is the text of `ANSWERS_ARTIFACT`; they stand beside the rows of every season.
    """
    header = _header(files[ALWAYS])
    known = columns.under(header) if columns else Columns.numbers(header)
    watched = [name for name in features if name != PREDICTION]
    rows: dict[str, dict[str, NDArray[np.float64]]] = {}
    labels: dict[float, str] = {}
    for season, text in sorted(files.items(), key=lambda item: item[0] != ALWAYS):
        where = f"The reference {season}.csv of version {version}"
        _same_header(_header(text), header, watched, where)
        if missing := [name for name in watched if name not in known.kinds]:
            raise BadReferenceError(f"The signature of version {version} has no column {missing[0]!r}.")
        lines = list(tables.lines(io.StringIO(text)))[1:]
        if season == ALWAYS:
            known = known.with_documents(_documents(lines, header, watched, known))
        if len(lines) < MIN_WINDOW:
            raise BadReferenceError(f"{where} needs at least {MIN_WINDOW} rows; it has {len(lines)}.")
        rows[season] = {name: _values(lines, header.index(name), known.kinds[name], name, where) for name in watched}
        texts = (header.index(name) for name in watched if known.kinds[name] is Kind.TEXT)
        labels |= {code(line[at]): line[at][:LONGEST] for at in texts for line in lines}
    kind = Kind.NUMBER
    if PREDICTION in features:
        kind, given = _answers(version, answers)
        found = np.array([READERS[kind](each) for each in given])
        labels |= {code(each): each[:LONGEST] for each in given if isinstance(each, str)}
        rows = {season: {**values, PREDICTION: found} for season, values in rows.items()}
    return Reference(version, known, {s: [values[f] for f in features] for s, values in rows.items()}, kind, labels)


def _documents(lines: Sequence[Sequence[str]], header: Sequence[str], watched: list[str], known: Columns) -> list[str]:
    """Watched columns of text that hold sentences and no categories: hardly a row has a text that comes often."""
    texts = [name for name in watched if name in header and known.kinds.get(name) is Kind.TEXT]
    often = max(2.0, LEAST_SHARE * len(lines))
    found: list[str] = []
    for name in texts:
        at = header.index(name)
        counts = Counter(line[at] for line in lines if at < len(line) and line[at])
        if sum(count for count in counts.values() if count >= often) < OFTEN * counts.total():
            found.append(name)
    return found


def _header(text: str) -> tuple[str, ...]:
    return tuple(next(tables.lines(io.StringIO(text)), ()))


def _same_header(given: tuple[str, ...], header: tuple[str, ...], watched: list[str], where: str) -> None:
    if missing := [name for name in watched if name not in given]:
        raise BadReferenceError(f"{where} has no column {missing[0]!r}; it has {', '.join(given) or 'none'}.")
    if given != header:
        raise BadReferenceError(f"{where} has different columns from {REFERENCE_ARTIFACT}; give both the same header.")


def _values(lines: list[list[str]], at: int, kind: Kind, name: str, where: str) -> NDArray[np.float64]:
    try:
        values = np.array([READERS[kind](cell(kind, line[at])) for line in lines])
    except (ValueError, IndexError) as error:
        raise BadReferenceError(
            f"{where} holds what is not a {kind} in the watched column {name!r}: {error}."
        ) from None
    if np.isnan(values).all():
        raise BadReferenceError(f"{where} has no value at all in the column {name!r}: do not watch it.")
    return values


def _answers(version: str, text: str | None) -> tuple[Kind, list[Any]]:
    """The kind of a version's answers to its reference rows, and the answers themselves."""
    where = f"The {ANSWERS_ARTIFACT} of version {version}"
    if text is None:
        raise BadReferenceError(
            f"Version {version} has no {ANSWERS_ARTIFACT}: train and promote a version that has, "
            f"or leave {PREDICTION} out of drift.features."
        )
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, list) or len(found) < MIN_WINDOW or any(isinstance(each, list | dict) for each in found):
        raise BadReferenceError(f"{where} must be a list of at least {MIN_WINDOW} numbers, texts or booleans.")
    kinds = {_kind(each) for each in found if each is not None}
    if len(kinds) != 1:
        raise BadReferenceError(f"{where} must hold one kind of answers; it has {', '.join(sorted(kinds)) or 'none'}.")
    return kinds.pop(), found


def _kind(answer: object) -> Kind:
    if isinstance(answer, bool):
        return Kind.BOOLEAN
    # Trees and networks answer in 32 bits, and are published as such or not, by the library that is asked.
    return Kind.TEXT if isinstance(answer, str) else Kind.SINGLE
