"""Requests against the model's signature: what passes is typed as the model was trained, what fails gets a reason.

JSON has one kind of number and MLflow's own enforcement refuses an int for a float64 column, so values are cast by
signature here; text for numbers, NaN, infinities, missing values and wrong shapes are refused before the model runs.
"""

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from kserve.protocol.infer_type import InferRequest
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, Schema, TensorSpec

_NUMPY_TYPES: dict[DataType, type[np.generic]] = {
    DataType.double: np.float64,
    DataType.float: np.float32,
    DataType.long: np.int64,
    DataType.integer: np.int32,
    DataType.boolean: np.bool_,
    DataType.string: np.object_,
}
_JSON_NAMES = {str: "text", bool: "a boolean", int: "a number", float: "a number", list: "a list", dict: "an object"}
_V2_TYPES: dict[type[np.generic], str] = {
    np.float64: "FP64",
    np.float32: "FP32",
    np.int64: "INT64",
    np.int32: "INT32",
    np.bool_: "BOOL",
}

_LARGEST_FLOAT = sys.float_info.max

Row = list[Any]


class RejectedError(Exception):
    """The client's mistake: an HTTP status of 4xx and one sentence."""

    def __init__(self, reason: str, status: int = 400) -> None:
        super().__init__(reason)
        self.status = status


class UnservableError(Exception):
    """The model's signature is of a kind that requests cannot be checked against."""


@dataclass(frozen=True)
class Batch:
    """A request that passed: the rows as they are published, and the same as the model takes them."""

    rows: list[Row]
    model_input: pd.DataFrame | np.ndarray


@dataclass(frozen=True)
class Column:
    name: str
    type: type[np.generic]
    required: bool = True


class InputCheck:
    """Checks requests against a signature: named columns, or one unnamed matrix of shape (-1, n)."""

    def __init__(self, signature: ModelSignature | None, max_rows: int) -> None:
        if signature is None or signature.inputs is None:
            raise UnservableError("the model has no signature: log it with one, for example mlflow's infer_signature")
        self.max_rows = max_rows
        self.named, self.columns = _columns(signature.inputs)
        self.by_name = {column.name: column for column in self.columns}

    def metadata(self) -> list[dict[str, Any]]:
        """The inputs as v2 model metadata lists them."""
        return [
            {"name": column.name, "datatype": _V2_TYPES.get(column.type, "BYTES"), "shape": [-1]}
            for column in self.columns
        ]

    def zeros(self) -> pd.DataFrame | np.ndarray:
        """One row of zeros, false and empty text: what a model without a logged example is probed with."""
        zero: dict[type[np.generic], object] = {np.bool_: False, np.object_: ""}
        return self._batch([[zero.get(column.type, 0) for column in self.columns]]).model_input

    def v1(self, body: object) -> Batch:
        """`{"instances": [[…], …]}` in the signature's column order, or `{"instances": [{column: value}, …]}`."""
        if not isinstance(body, dict) or "instances" not in body:
            raise RejectedError('the body must be a JSON object with the key "instances": {"instances": [[...], ...]}')
        instances = body["instances"]
        if not isinstance(instances, list) or not instances:
            raise RejectedError('"instances" must be a list of at least one row')
        self._limit(len(instances))
        return self._batch([self._row(number, instance) for number, instance in enumerate(instances)])

    def v2(self, request: InferRequest) -> Batch:
        """One tensor of shape [rows, columns], or one of shape [rows] or [rows, 1] for each column by its name."""
        tensors = {tensor.name: (tensor.shape, tensor.data) for tensor in request.inputs}
        if len(tensors) == 1 and not (self.named and tensors.keys() <= self.by_name.keys()):
            ((name, tensor),) = tensors.items()
            rows = self._tensor(name, *tensor, len(self.columns))
        else:
            self._names("the request", tensors)
            present = {name: self._tensor(name, *tensor, 1) for name, tensor in tensors.items()}
            counts = {len(values) for values in present.values()}
            if len(counts) != 1:
                raise RejectedError(
                    "the inputs have different numbers of rows" if counts else "the request has no inputs"
                )
            absent = [[None]] * counts.pop()
            by_column = [present.get(column.name, absent) for column in self.columns]
            rows = [[part[0] for part in row] for row in zip(*by_column, strict=True)]
        return self._batch(rows)

    def _limit(self, rows: int) -> None:
        if rows > self.max_rows:
            raise RejectedError(f"the request has {rows} rows, at most {self.max_rows} are answered at once", 413)

    def _names(self, where: str, given: Iterable[str]) -> None:
        if unknown := sorted(set(given) - set(self.by_name)):
            raise RejectedError(f"{where} has unknown columns {unknown}; the model's are {list(self.by_name)}")
        if missing := [c.name for c in self.columns if c.required and c.name not in set(given)]:
            raise RejectedError(f"{where} lacks columns {missing}")

    def _row(self, number: int, instance: object) -> Row:
        if isinstance(instance, dict) and self.named:
            if instance.keys() != self.by_name.keys():
                self._names(f"row {number}", instance)
            return [instance.get(column.name) for column in self.columns]
        if not isinstance(instance, list):
            allowed = "a list or an object" if self.named else "a list"
            raise RejectedError(f"row {number} is {_kind(instance)}, expected {allowed} of {len(self.columns)} values")
        if len(instance) != len(self.columns):
            raise RejectedError(f"row {number} has {len(instance)} values, the model takes {len(self.columns)}")
        return instance

    def _tensor(self, name: str, shape: list[int], data: object, width: int) -> list[Row]:
        flat = _flatten(data)
        matrix = (len(shape) == 2 and shape[1] == width) or (width == 1 and len(shape) == 1)
        if not matrix or shape[0] < 1:
            raise RejectedError(f"input {name!r} has shape {shape}, expected [rows, {width}] with at least one row")
        self._limit(shape[0])
        if len(flat) != shape[0] * width:
            raise RejectedError(f"input {name!r} has {len(flat)} values, its shape {shape} needs {shape[0] * width}")
        return [flat[start : start + width] for start in range(0, len(flat), width)]

    def _batch(self, rows: list[Row]) -> Batch:
        cast = [_cast(column, values) for column, values in zip(self.columns, zip(*rows, strict=True), strict=True)]
        typed = [list(row) for row in zip(*(values.tolist() for values in cast), strict=True)]
        if self.named:
            return Batch(typed, pd.DataFrame(dict(zip(self.by_name, cast, strict=True))))
        return Batch(typed, np.column_stack(cast))


def _columns(schema: Schema) -> tuple[bool, list[Column]]:
    """(whether columns have names the client may use, the columns)."""
    if len(schema.inputs) == 1 and isinstance(tensor := schema.inputs[0], TensorSpec):
        kind = tensor.type.type
        if len(tensor.shape) != 2 or tensor.shape[1] < 1 or kind not in _V2_TYPES:
            raise UnservableError(
                f"the signature's tensor is {tensor}: served are matrices of shape (-1, n) of numbers"
            )
        return False, [Column(f"x{index}", kind) for index in range(tensor.shape[1])]
    columns = []
    for spec in schema.inputs:
        if not isinstance(spec, ColSpec) or spec.type not in _NUMPY_TYPES:
            raise UnservableError(
                f"the signature has {spec}: served are columns of {', '.join(t.name for t in _NUMPY_TYPES)}"
            )
        columns.append(Column(spec.name or f"x{len(columns)}", _NUMPY_TYPES[spec.type], spec.required))
    return bool(schema.input_names()), columns


def _cast(column: Column, values: tuple[object, ...]) -> np.ndarray:
    """One column's values in the signature's type; raises RejectedError at the first that does not fit."""
    is_float, is_integer = issubclass(column.type, np.floating), issubclass(column.type, np.integer)
    for number, value in enumerate(values):
        where = f"row {number}, column {column.name!r}"
        kind = type(value)
        if value is None:
            # Integers and booleans have no missing value in numpy, nor in MLflow's enforcement.
            if column.required or not (is_float or column.type is np.object_):
                raise RejectedError(f"{where} is missing (null)")
        elif is_float or is_integer:
            _check_number(where, column, value)
        elif kind is not (bool if column.type is np.bool_ else str):
            expected = "a boolean" if column.type is np.bool_ else "text"
            raise RejectedError(f"{where} is {_kind(value)}, expected {expected}")
    with np.errstate(over="ignore"):  # found just below
        array = np.array(values, dtype=column.type)
    if is_float and np.isinf(array).any():
        raise RejectedError(f"column {column.name!r} has a number outside the range of {column.type.__name__}")
    return array


def _check_number(where: str, column: Column, value: Any) -> None:
    if type(value) not in (int, float):
        raise RejectedError(f"{where} is {_kind(value)}, expected a number")
    if not (abs(value) <= _LARGEST_FLOAT):  # false for NaN too; never overflows, as isfinite does for a huge int
        raise RejectedError(f"{where} is {value}, expected a finite number")
    if issubclass(column.type, np.integer):
        limits = np.iinfo(column.type)
        if value != int(value) or not limits.min <= value <= limits.max:
            raise RejectedError(f"{where} is {value}, expected an integer from {limits.min} to {limits.max}")


def _flatten(data: object) -> Row:
    """Nested lists as one flat list. Level by level: a request may nest deeper than Python recurses."""
    flat = data if isinstance(data, list) else [data]
    while flat and isinstance(flat[0], list):
        flat = [value for part in flat for value in (part if isinstance(part, list) else [part])]
    return flat


def _kind(value: Any) -> str:
    if isinstance(value, str):
        return f"the text {value[:40]!r}"
    return "null" if value is None else _JSON_NAMES.get(type(value), type(value).__name__)
