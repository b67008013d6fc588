"""What a model answers, of whatever kind, as JSON: one value per row for v1 and Kafka, tensors for v2."""

import base64
import dataclasses
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Final

import numpy as np
import pandas as pd
from kserve.utils.numpy_codec import from_np_dtype
from numpy.typing import NDArray

_DEEPEST: Final = 100
"""Levels of an answer; deeper values are null. JSON writers stop at 254."""
_EXACT_JSON: Final = (-(2**63), 2**64 - 1)
"""Integers that the JSON writer takes; larger ones are given as text."""


class NotPerRowError(ValueError):
    """The model did not give one answer per row."""


def per_row(result: Any, rows: int) -> list[Any]:
    """One JSON value per row: a number, text, a list (several outputs) or an object (named outputs).

    Raises NotPerRowError.
    """
    if isinstance(result, Iterator):
        result = list(result)
    if isinstance(result, Mapping) and result and all(_length(value) == rows for value in result.values()):
        named = {_key(key): per_row(value, rows) for key, value in result.items()}
        return [dict(zip(named, row, strict=True)) for row in zip(*named.values(), strict=True)]
    if _is_listed(result, rows):  # one array per output, as scikit-learn's classifiers of several labels give
        return [list(row) for row in zip(*(per_row(part, rows) for part in result), strict=True)]
    if rows == 1 and _is_number(result):
        return [plain(result)]  # `squeeze` makes one row's answer a lone number
    if isinstance(result, Mapping | str | bytes) or _length(result) != rows:
        raise NotPerRowError(f"{rows} rows gave {_described(result)}")
    answers = plain(result)
    if not isinstance(answers, list):
        raise NotPerRowError(f"{rows} rows gave {_described(result)}")
    return answers


def plain(value: Any, depth: int = 0) -> Any:  # noqa: PLR0911  # a list of kinds, each a line
    """Anything as JSON: a number that is not finite is null, keys are texts, a value of unknown kind is its text."""
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if value is None or (isinstance(value, str) and type(value) is str):
        return value
    if isinstance(value, int | np.integer):
        return int(value) if _EXACT_JSON[0] <= value <= _EXACT_JSON[1] else str(value)
    if isinstance(value, float | np.floating | Decimal):
        return float(value) if math.isfinite(value) else None
    if depth > _DEEPEST:
        return None
    if isinstance(value, np.ndarray):
        return _array(value, depth)
    if isinstance(value, pd.DataFrame):
        return _records(value, depth)
    if isinstance(value, Mapping):
        return {_key(key): plain(each, depth + 1) for key, each in value.items()}
    if isinstance(value, list | tuple | Set | pd.Series | pd.Index):
        return [plain(each, depth + 1) for each in value]
    return _rare(value, depth)


def tensors(answers: list[Any], result: Any) -> list[dict[str, Any]]:
    """The same answers as v2 outputs: one by name for each column of a frame or key of an object, else `output-0`."""
    first = answers[0] if answers else None
    if isinstance(first, dict) and first and all(isinstance(a, dict) and a.keys() == first.keys() for a in answers):
        return [_tensor(name, [answer[name] for answer in answers], _dtype(result, name)) for name in first]
    return [_tensor("output-0", answers, getattr(result, "dtype", None))]


def same(one: Any, other: Any, tolerance: float = 1e-5) -> bool:
    """Whether two answers are the same, except for the last digits that another order of additions changes."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key], tolerance) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(same(a, b, tolerance) for a, b in zip(one, other, strict=True))
    if isinstance(one, int | float) and isinstance(other, int | float) and not isinstance(one, bool):
        return not isinstance(other, bool) and math.isclose(one, other, rel_tol=tolerance, abs_tol=tolerance)
    return type(one) is type(other) and one == other


def is_empty(answer: Any) -> bool:
    """Whether an answer says nothing: null, or nulls only."""
    if isinstance(answer, dict):
        return all(is_empty(each) for each in answer.values())
    if isinstance(answer, list):
        return all(is_empty(each) for each in answer)
    return answer is None


def holds_null(answer: Any) -> bool:
    """Whether any part of an answer is null."""
    if isinstance(answer, dict):
        return any(holds_null(each) for each in answer.values())
    if isinstance(answer, list):
        return any(holds_null(each) for each in answer)
    return answer is None


def _array(array: NDArray[Any], depth: int) -> Any:
    if array.dtype.kind in "iub":
        return array.tolist()
    if array.dtype.kind == "f":
        if array.dtype.itemsize > 8:  # the C compiler's long double is no number to JSON writers
            array = array.astype(np.float64)
        finite = np.isfinite(array)
        return array.tolist() if finite.all() else _null_where(~finite, array)
    if array.dtype.kind in "US":
        return array.astype(str).tolist()
    return plain(list(array) if array.ndim else array.item(), depth + 1)


def _null_where(missing: NDArray[np.bool_], array: NDArray[Any]) -> Any:
    objects = array.astype(object)
    objects[missing] = None
    return objects.tolist()


def _records(frame: pd.DataFrame, depth: int) -> list[Any]:
    """A frame's rows as objects. Labels that are equal as texts get their position as a suffix."""
    names: list[str] = []
    for at, label in enumerate(frame.columns):
        name = _key(label)
        names.append(f"{name}.{at}" if name in names else name)
    columns = [plain(frame.iloc[:, at].to_numpy(), depth + 1) for at in range(len(names))]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _rare(value: Any, depth: int) -> Any:  # noqa: PLR0911
    if value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, date | time):  # a datetime and pandas' Timestamp are dates
        return value.isoformat()
    if isinstance(value, np.datetime64):
        return None if np.isnat(value) else str(value)
    if isinstance(value, timedelta | np.timedelta64):
        return None if pd.isna(value) else pd.Timedelta(value).isoformat()
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(value).decode()
    if isinstance(value, str | Enum):
        return str(value) if isinstance(value, str) else plain(value.value, depth + 1)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return plain({f.name: getattr(value, f.name) for f in dataclasses.fields(value)}, depth + 1)
    # pydantic's models, frames of polars and tables of Arrow (before their arrays, which have no names), sparse
    # matrices, tensors of torch or TensorFlow, arrays of pandas, iterators.
    for name in ("model_dump", "to_dicts", "to_pylist", "toarray", "detach", "numpy", "to_numpy", "tolist"):
        convert: Callable[[], Any] | None = getattr(value, name, None)
        if callable(convert) and not isinstance(value, type):
            return plain(convert(), depth + 1)
    return plain(list(value), depth + 1) if isinstance(value, Iterable) else str(value)


def _tensor(name: str, cells: list[Any], dtype: Any) -> dict[str, Any]:
    shape, flat = _shaped(cells)
    kind = None
    if isinstance(dtype, np.dtype) and dtype.kind in "fiub" and not (dtype.kind == "b" and None in flat):
        kind = "FP32" if dtype == np.float16 else from_np_dtype(dtype)
    return {"name": name, "shape": shape, "datatype": kind or _datatype(flat), "data": flat} | (
        {} if kind or _datatype(flat) != "BYTES" else {"data": [_as_text(each) for each in flat]}
    )


def _datatype(flat: list[Any]) -> str:
    kinds = {type(each) for each in flat}
    if kinds == {bool}:
        return "BOOL"
    if kinds == {int}:
        return "INT64" if all(-(2**63) <= each < 2**63 for each in flat) else "UINT64"
    return "FP64" if kinds <= {int, float, type(None)} and kinds - {type(None)} else "BYTES"


def _shaped(cells: list[Any]) -> tuple[list[int], list[Any]]:
    """The shape of nested lists and their values in one list; lists of differing lengths stay values."""
    shape, flat = [len(cells)], cells
    while flat and all(isinstance(each, list) for each in flat) and len({len(each) for each in flat}) == 1:
        shape.append(len(flat[0]))
        flat = [each for part in flat for each in part]
    return shape, flat


def _as_text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value)


def _dtype(result: Any, name: str) -> Any:
    if isinstance(result, pd.DataFrame):
        return next((result.iloc[:, at].dtype for at, each in enumerate(result.columns) if _key(each) == name), None)
    if isinstance(result, Mapping):
        return next((getattr(value, "dtype", None) for key, value in result.items() if _key(key) == name), None)
    return None


def _is_listed(result: Any, rows: int) -> bool:
    return (
        isinstance(result, list | tuple)
        and len(result) > 0
        and all(isinstance(part, np.ndarray) and part.ndim > 1 and len(part) == rows for part in result)
    )


def _is_number(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return value.ndim == 0 and value.dtype.kind in "biuf"
    return isinstance(value, int | float | np.number | np.bool_)


def _length(value: Any) -> int:
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple):
        return int(shape[0]) if shape else -1
    return len(value) if hasattr(value, "__len__") else -1


def _key(key: Any) -> str:
    return key if type(key) is str else "/".join(map(str, key)) if isinstance(key, tuple) else str(key)


def _described(result: Any) -> str:
    shape = getattr(result, "shape", None)
    if isinstance(shape, tuple):
        return f"the shape {tuple(int(each) for each in shape)}"
    return f"a {type(result).__name__}" + (f" of {len(result)}" if hasattr(result, "__len__") else "")
