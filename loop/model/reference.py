"""The reference rows of a training run, read as the rows of a request: typed by the signature, with nulls, in order.

`reference/window.parquet` keeps types and nulls itself. In `reference/window.csv` an empty cell is a missing value, and
a list or an object is JSON. A tensor's rows are flattened, one column for each of its numbers.
"""

import ast
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from mlflow.types import DataType
from mlflow.types.schema import AnyType, Object

from loop.model import values
from loop.model.answers import plain
from loop.model.columns import Column
from loop.model.errors import MisfitError
from loop.model.requests import InputCheck
from loop.runtime import tables

PARQUET: Final = ".parquet"
_TRUE, _FALSE = {"true", "1", "1.0"}, {"false", "0", "0.0"}
_MISSING: Final = {"", "nan", "NaN", "NA", "<NA>", "null", "None", "NaT"}


_NOT_INFERRED: Final = (
    ": MLflow could not infer a signature from the rows, and has written that the model takes anything; infer it from "
    "a frame whose columns are dense and have names of their own"
)


class BadRowsError(ValueError):
    """Reference rows that are not the model's; the message follows the file's name."""


def read(path: Path, check: InputCheck, most: int | None = None) -> list[Any]:
    """The first `most` rows, or all, as v1 takes them. Raises BadRowsError."""
    header, rows = _parquet(path, most) if path.suffix == PARQUET else _csv(path, check, most)
    expected = list(check.by_name)
    if len(check.tensors) == 1:
        return [_nested(row, check.tensors[0].shape) for row in rows]
    if fields := _fields(header, check):
        return [_object(fields, row) for row in rows]
    if check.named:
        rows = _by_name(header, rows, check)
        return [row[0] for row in rows] if check.lone else rows
    if len(header) != len(expected):
        said = f"must have {len(expected)} columns, as the signature has, and has {len(header)}"
        raise BadRowsError(said + (_NOT_INFERRED if _takes_anything(check) else ""))
    return [row[0] for row in rows] if check.lone else rows


def _takes_anything(check: InputCheck) -> bool:
    """What `infer_signature` leaves of a frame with sparse columns, or with two of one name."""
    return check.lone and not check.named and isinstance(check.columns[0].kind, AnyType)


def _fields(header: list[str], check: InputCheck) -> dict[str, Column]:
    """The keys of the only input, an object without a name, where the reference has a column for each of them."""
    if not check.lone or check.named or not isinstance(kind := check.columns[0].kind, Object):
        return {}
    fields = {each.name: Column(each.name, each.name, each.dtype, each.required) for each in kind.properties}
    needed = {name for name, field in fields.items() if field.required}
    return {name: fields[name] for name in header} if needed <= set(header) <= set(fields) else {}


def _object(fields: dict[str, Column], row: list[Any]) -> dict[str, Any]:
    """An object without its missing optional fields, as a client would send it."""
    cells = zip(fields.items(), row, strict=True)
    return {name: cell for (name, field), cell in cells if cell is not None or field.required}


def _by_name(header: list[str], rows: list[list[Any]], check: InputCheck) -> list[Any]:
    """The rows with all of the signature's columns: optional ones may be left out, as an agent's settings are."""
    expected = list(check.by_name)
    optional = {column.name for column in check.columns if not column.required}
    if header != [name for name in expected if name in header or name not in optional]:
        raise BadRowsError(
            f"must have the signature's columns in order ({', '.join(expected)}), and has: {', '.join(header)}"
        )
    if header == expected:
        return rows
    places = {name: at for at, name in enumerate(header)}
    return [[row[places[name]] if name in places else None for name in expected] for row in rows]


def _csv(path: Path, check: InputCheck, most: int | None) -> tuple[list[str], list[list[Any]]]:
    with path.open(newline="", encoding="utf-8") as file:
        lines = tables.lines(file)
        header = next(lines, [])
        known = _fields(header, check) or check.by_name
        converters = [_converter(known[name]) for name in header if name in known]
        if not check.named and known is check.by_name:
            converters = [_converter(part) for part in check.parts]
        if len(converters) != len(header):
            converters = [_of_tensor(check)] * len(header)
        rows: list[list[Any]] = []
        for number, line in enumerate(lines, start=2):
            if len(rows) == most:
                break
            if not line and len(header) != 1:  # an empty last line
                continue
            if len(line) != len(header):
                raise BadRowsError(
                    f"must hold {len(header)} values in each line, and holds {len(line)} in line {number}"
                )
            rows.append(_cells(header, line, converters, number))
    return header, rows


def _of_tensor(check: InputCheck) -> Callable[[str], Any]:
    """How a cell is read that is one value of a flattened tensor."""
    kinds = {part.dtype.kind for part in check.tensors}
    if kinds <= {"U", "S", "M"} and kinds:
        return str
    return {"b": _boolean, "O": _structure}.get("".join(kinds), _number)


def _cells(header: list[str], line: list[str], converters: list[Callable[[str], Any]], number: int) -> list[Any]:
    cells: list[Any] = []
    for name, text, convert in zip(header, line, converters, strict=True):
        try:
            cells.append(convert(text))
        except ValueError:
            raise BadRowsError(
                f"has {text[:40]!r} in line {number}, column {name!r}, which its type does not take"
            ) from None
    return cells


def _parquet(path: Path, most: int | None) -> tuple[list[str], list[list[Any]]]:
    try:
        frame = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise BadRowsError(f"must be a Parquet file: {error}") from None
    frame = frame.head(most) if most is not None else frame
    columns: list[list[Any]] = [plain(frame.iloc[:, at].tolist()) for at in range(frame.shape[1])]
    return [str(label) for label in frame.columns], [list(row) for row in zip(*columns, strict=True)]


def _converter(part: object) -> Callable[[str], Any]:
    """How a cell of CSV becomes what a client would send."""
    if not isinstance(part, Column):
        return _structure
    kind = part.kind
    if not isinstance(kind, DataType):
        return _structure
    if kind in values.FLOATS or kind in values.INTEGERS:
        return _number
    if kind is DataType.boolean:
        return _boolean
    if part.required:
        return str  # an empty text is a value
    return lambda text: text or None


def _number(text: str) -> float | int | None:
    if text in _MISSING:
        return None
    value = float(text)
    return int(text) if text.lstrip("+-").isdecimal() else value


def _boolean(text: str) -> bool | None:
    if text in _MISSING:
        return None
    if text.lower() not in _TRUE | _FALSE:
        raise MisfitError(text)
    return text.lower() in _TRUE


def _structure(text: str) -> Any:
    if text in _MISSING:
        return None
    try:
        return json.loads(text)
    except ValueError:
        pass
    try:
        return ast.literal_eval(text)  # what pandas writes for a list or a dict
    except (ValueError, SyntaxError):
        return text


def _nested(row: list[Any], shape: tuple[int, ...]) -> Any:
    """One row of an unnamed tensor from its flat cells."""
    if (len(row) == 1 and isinstance(row[0], list)) or not shape:
        return row[0]
    wanted = int(np.prod(shape, dtype=int))
    if -1 in shape or len(row) != wanted:
        raise BadRowsError(
            f"must have {abs(wanted)} columns, one for each number of a row of shape {list(shape)}, and has {len(row)}"
        )
    flat: list[Any] = row
    for size in reversed(shape[1:]):
        flat = [flat[start : start + size] for start in range(0, len(flat), size)]
    return flat
