"""One JSON value in the type that a signature names.

JSON has one kind of number, and text for what it lacks; MLflow's enforcement refuses an int for a float64 column and a
float64 for a float32 one. So values are typed here, column by column, and a value that does not fit is named.
"""

import base64
import binascii
import json
import sys
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
import pandas as pd
from mlflow.types import DataType
from mlflow.types.schema import AnyType, Array, Map, Object

from loop.model.errors import MisfitError

Type = DataType | Array | Object | Map | AnyType

_KINDS: Final[dict[type, str]] = {
    bool: "a boolean",
    int: "a number",
    float: "a number",
    list: "a list",
    dict: "an object",
}
_LARGEST: Final = sys.float_info.max
_EXACT: Final = 2**53
"""Integers up to this are exact as float64, the type that pandas gives to integers with missing values."""
FLOATS: Final[dict[DataType, type[np.floating]]] = {DataType.double: np.float64, DataType.float: np.float32}
INTEGERS: Final[dict[DataType, type[np.integer]]] = {DataType.long: np.int64, DataType.integer: np.int32}
NUMPY: Final[dict[DataType, type[np.generic]]] = {**FLOATS, **INTEGERS, DataType.boolean: np.bool_}


def kind_of(value: object) -> str:
    """What a client sent, in words."""
    if isinstance(value, str):
        return f"the text {value[:40]!r}"
    return "null" if value is None else _KINDS.get(type(value), type(value).__name__)


def typed(kind: Type, value: Any) -> Any:
    """A value as the model gets it, alone or within a list or an object. Raises MisfitError."""
    if isinstance(kind, DataType):
        return _SCALARS[kind](value)
    if isinstance(kind, Array):
        return _array(kind, value)
    if isinstance(kind, Object):
        return _object(kind, value)
    if isinstance(kind, Map):
        if not isinstance(value, dict):
            raise MisfitError(f"is {kind_of(value)}, expected an object")
        return {key: _inside(f"key {key!r}", kind.value_type, each) for key, each in value.items()}
    return value


def number(kind: type[np.generic], value: Any) -> int | float:
    """A finite number within the range of `kind`. Raises MisfitError."""
    if type(value) not in (int, float):
        raise MisfitError(f"is {kind_of(value)}, expected a number")
    if not abs(value) <= _LARGEST:  # false for NaN too; never overflows, as isfinite does for a huge int
        raise MisfitError(f"is {value}, expected a finite number")
    if issubclass(kind, np.integer):
        limits = np.iinfo(kind)
        whole(value, int(limits.min), int(limits.max))
    elif issubclass(kind, np.floating) and abs(value) > float(np.finfo(kind).max):
        raise MisfitError(f"is {value}, expected a number in the range of {kind.__name__}")
    return value


def whole(value: float, low: int = -_EXACT, high: int = _EXACT) -> None:
    """Check that a number is an integer from `low` to `high`. Raises MisfitError."""
    if value != int(value) or not low <= value <= high:
        raise MisfitError(f"is {value}, expected an integer from {low} to {high}")


def moment(value: Any) -> np.datetime64:
    """An ISO 8601 date or time; one with an offset is read as UTC, as MLflow's datetimes have none. MisfitError."""
    try:
        if not isinstance(value, str):
            raise TypeError
        read = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        expected = "a date or a time as text, such as 2026-01-31T12:00:00"
        raise MisfitError(f"is {kind_of(value)}, expected {expected}") from None
    if not 1678 <= read.year <= 2261:  # what 64 bits of nanoseconds hold
        raise MisfitError(f"is the text {value!r}, expected a time from 1678 to 2261")
    if read.tzinfo is not None:
        read = read.astimezone(UTC).replace(tzinfo=None)
    return np.datetime64(read, "ns")


def text(value: Any) -> str:
    if not isinstance(value, str):
        raise MisfitError(f"is {kind_of(value)}, expected text")
    return value


def boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise MisfitError(f"is {kind_of(value)}, expected a boolean")
    return value


def data(value: Any) -> bytes:
    """Bytes from Base64, as MLflow's own server takes them. Raises MisfitError."""
    try:
        return base64.b64decode(text(value).encode(), validate=True)
    except (MisfitError, binascii.Error):
        raise MisfitError(f"is {kind_of(value)}, expected Base64 text") from None


def _number_as(kind: type[np.generic]) -> Callable[[Any], Any]:
    # What MLflow infers from a Python number is double or long; the narrower types need numpy's own.
    narrow = kind in (np.float32, np.int32)
    plain = float if issubclass(kind, np.floating) else int

    def convert(value: Any) -> Any:
        return kind(number(kind, value)) if narrow else plain(number(kind, value))

    return convert


_SCALARS: Final[dict[DataType, Callable[[Any], Any]]] = {
    **{kind: _number_as(NUMPY[kind]) for kind in (*FLOATS, *INTEGERS)},
    DataType.boolean: boolean,
    DataType.string: text,
    DataType.datetime: moment,
    DataType.binary: data,
}


def _array(kind: Array, value: Any) -> Any:
    if not isinstance(value, list):
        raise MisfitError(f"is {kind_of(value)}, expected a list")
    items = [_item(number, kind.dtype, each) for number, each in enumerate(value)]
    narrow = {DataType.float: np.float32, DataType.integer: np.int32}
    inner = kind.dtype if isinstance(kind.dtype, DataType) else None
    return np.array(items, narrow[inner]) if inner in narrow else items


def _item(number: int, kind: Type, value: Any) -> Any:
    if value is None and isinstance(kind, DataType) and kind in FLOATS:
        return np.nan
    return _inside(f"item {number}", kind, value)


def _object(kind: Object, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise MisfitError(f"is {kind_of(value)}, expected an object")
    properties = {each.name: each for each in kind.properties}
    if unknown := sorted(map(str, value.keys() - properties.keys())):
        raise MisfitError(f"has unknown keys {unknown}, allowed are {list(properties)}")
    if missing := [name for name, each in properties.items() if each.required and name not in value]:
        raise MisfitError(f"lacks keys {missing}")
    return {
        name: None
        if each is None and not properties[name].required
        else _inside(f"key {name!r}", properties[name].dtype, each)
        for name, each in value.items()
    }


def _inside(place: str, kind: Type, value: Any) -> Any:
    try:
        return typed(kind, value)
    except MisfitError as error:
        raise MisfitError(f", {place}{joined(error)}") from None


def joined(misfit: object) -> str:
    """What follows the place of a value: another place within it, or what is wrong."""
    return said if (said := str(misfit)).startswith(",") else f" {said}"


def as_hinted(kind: Type, value: Any) -> Any:
    """A value that has passed, as a function with a type hint wants it: Python's own type for what JSON lacks."""
    if kind is DataType.datetime and value is not None:
        return pd.Timestamp(moment(value)).to_pydatetime()
    return data(value) if kind is DataType.binary and value is not None else value


def from_text(kind: Type, cell: Any) -> Any:
    """A list or an object that came as JSON text, where text alone can travel (a v2 tensor, a CSV file)."""
    if not isinstance(cell, str) or isinstance(kind, DataType):
        return cell
    try:
        return json.loads(cell)
    except ValueError:
        return cell


def first_misfit(cells: Iterable[Any], check: Callable[[Any], object]) -> tuple[int, str] | None:
    """The number of the first cell that `check` refuses, and why."""
    for index, cell in enumerate(cells):
        try:
            check(cell)
        except MisfitError as error:
            return index, str(error)
    return None
