"""Requests against the model's signature: what passes is typed as in training, what fails gets a reason."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import numpy as np
import pandas as pd
from kserve.protocol.infer_type import InferRequest
from mlflow.exceptions import MlflowException
from mlflow.models import ModelSignature, validate_schema
from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema, TensorSpec

from loop.model import values
from loop.model.columns import Column, Row, column
from loop.model.enforced import widened
from loop.model.errors import RejectedError, UnservableError
from loop.model.tensors import Tensor, flattened, tensor
from loop.model.values import NUMPY, from_text, kind_of

_V2_TYPES: Final = {
    DataType.double: "FP64",
    DataType.float: "FP32",
    DataType.long: "INT64",
    DataType.integer: "INT32",
    DataType.boolean: "BOOL",
}
_PROTOCOL: Final = {"binary_data_output", "content_type"}
"""Parameters of a v2 request that belong to the protocol or its clients and not to a model."""


@dataclass(frozen=True)
class Batch:
    """A request that passed: the rows as they are published, and the same as the model takes them."""

    rows: list[Row]
    made: Callable[[], Any]
    """Makes the model's input, which requests that are asked together do not each need."""
    params: dict[str, Any] | None = None
    raw: list[Any] = field(default_factory=list)
    """The rows as they came, each as good as a request of its own."""
    arrays: list[Any] = field(default_factory=list)
    """The columns as the model takes them, where it takes a frame or a matrix."""
    uneven: bool = False
    """The rows of a tensor differ in shape: each is asked by itself."""

    @cached_property
    def model_input(self) -> Any:
        """A frame, an array, arrays by name, or a list where the model's function names its type by a hint."""
        return self.made()


class InputCheck:
    """Checks requests against a signature: columns, one unnamed tensor, or tensors by name."""

    def __init__(self, signature: ModelSignature | None, max_rows: int) -> None:
        if signature is None or signature.inputs is None:
            raise UnservableError("the model has no signature: log it with one, for example mlflow's infer_signature")
        self.max_rows = max_rows
        self.enforced = widened(signature)
        self.params = _params(signature.params)
        self.columns, self.tensors = _parts(signature.inputs)
        self.matrix = bool(self.columns) and signature.inputs.is_tensor_spec()
        self.named = signature.inputs.has_input_names()
        self.hinted = bool(getattr(signature, "_is_signature_from_type_hint", False))
        self.leaves_out = False
        """Whether optional columns that no row has are left out of the frame, as agents want, instead of being null."""
        self.series = False
        """Whether the only column is handed on by itself, to a model of texts that knows no frames."""
        self.parts: list[Column] | list[Tensor] = self.tensors or self.columns
        self.by_name: dict[str, Any] = {part.name: part for part in self.parts}
        self._nested = any(part.nested for part in self.columns)
        self.lone = len(self.columns) == 1 and not self.tensors and self._nested
        """Whether the only column holds lists, objects or anything: a row is then its value, not a list of one."""

    def metadata(self) -> list[dict[str, Any]]:
        """The inputs as v2 model metadata lists them."""
        return [
            {"name": part.name, "datatype": part.datatype, "shape": [part.fixed, *part.shape]}
            if isinstance(part, Tensor)
            else {"name": part.name, "datatype": _datatype(part), "shape": [-1]}
            for part in self.parts
        ]

    def v1(self, body: object) -> Batch:
        """`{"instances": [[…], …]}` in the signature's order, or `{"instances": [{column: value}, …]}`."""
        if not isinstance(body, dict) or "instances" not in body:
            raise RejectedError('the body must be a JSON object with the key "instances": {"instances": [[...], ...]}')
        if unknown := sorted(map(str, body.keys() - {"instances", "parameters"})):
            raise RejectedError(f'the body has unknown keys {unknown}, allowed are "instances" and "parameters"')
        instances = body["instances"]
        if not isinstance(instances, list) or not instances:
            raise RejectedError('"instances" must be a list of at least one row')
        return self.rows(instances, body.get("parameters"))

    def rows(self, instances: list[Any], parameters: object = None, *, unlimited: bool = False) -> Batch:
        """Rows as v1 takes them, each a list, an object, or the value alone where there is only one input."""
        if not unlimited:
            self._limit(len(instances))
        return self.batch([self._row(at, each) for at, each in enumerate(instances)], parameters, instances)

    def cells(self, row: Any) -> Row:
        """The values of one row as v1 takes it, one for each input."""
        return self._row(0, row)

    def v2(self, request: InferRequest) -> Batch:
        """One tensor [rows, …] for the whole row, or one for each column or tensor by its name."""
        given = {each.name: (each.shape, each.data) for each in request.inputs}
        parameters = {k: v for k, v in (request.parameters or {}).items() if k not in _PROTOCOL or k in self.params}
        whole = len(given) == 1 and not (self.named and given.keys() <= self.by_name.keys())
        if whole and not self.tensors:
            ((name, (shape, data)),) = given.items()
            cells = self._tensor(name, shape, data, (len(self.columns),) if len(self.columns) > 1 else None)
            return self.batch([each if len(self.columns) > 1 else [each] for each in cells], parameters, cells)
        if whole and len(self.tensors) == 1:
            given = {self.tensors[0].name: next(iter(given.values()))}
        self._names("the request", given)
        present = {
            name: self._tensor(name, shape, data, getattr(self.by_name[name], "shape", None))
            for name, (shape, data) in given.items()
        }
        if len({len(cells) for cells in present.values()}) != 1:
            raise RejectedError("the inputs have different numbers of rows" if present else "the request has no inputs")
        rows = [dict(zip(present, cells, strict=True)) for cells in zip(*present.values(), strict=True)]
        return self.batch([[row.get(part.name) for part in self.parts] for row in rows], parameters, rows)

    def _limit(self, rows: int) -> None:
        if rows > self.max_rows:
            raise RejectedError(f"the request has {rows} rows, at most {self.max_rows} are answered at once", 413)

    def _names(self, where: str, given: Iterable[str]) -> None:
        if unknown := sorted(set(given) - set(self.by_name)):
            raise RejectedError(f"{where} has unknown columns {unknown}; the model's are {list(self.by_name)}")
        required = [
            part.name for part in self.parts if isinstance(part, Tensor) or not part.nullable or part.takes_null
        ]
        if missing := [name for name in required if name not in set(given)]:
            raise RejectedError(f"{where} lacks columns {missing}")

    def _row(self, at: int, row: Any) -> Row:
        """The values of one row, one for each part."""
        count = len(self.parts)
        if isinstance(row, dict) and self.named and (count > 1 or self._names_its_column(row)):
            if row.keys() != self.by_name.keys():
                self._names(f"row {at}", row)
            return [row.get(part.name) for part in self.parts]
        if count == 1 and (self.tensors or not isinstance(row, list) or self.lone):
            return [row]
        if not isinstance(row, list):
            allowed = "a list or an object" if self.named else "a list"
            raise RejectedError(f"row {at} is {kind_of(row)}, expected {allowed} of {count} values")
        if len(row) != count:
            raise RejectedError(f"row {at} has {len(row)} values, the model takes {count}")
        return row

    def _names_its_column(self, row: Mapping[str, Any]) -> bool:
        return self.parts[0].name in row or not self._nested

    def _tensor(self, name: str, shape: list[int], data: object, row_shape: tuple[int, ...] | None) -> list[Any]:
        """A v2 tensor's rows, nested as its shape says; each of `row_shape`, or of any where that is None."""
        expected = ["rows", *(row_shape or ())]
        scalar = row_shape is None and not (
            self.columns and isinstance(self.by_name.get(name), Column) and self.by_name[name].nested
        )
        inner = tuple(shape[1:])
        fits = inner in ((), (1,)) if scalar else row_shape is None or _fits(inner, row_shape)
        # An empty list is a value; with more dimensions, a size of 0 would let a few bytes name any number of lists.
        if not shape or shape[0] < 1 or not fits or (min(inner, default=1) < 1 and inner != (0,)):
            expected = ["rows", 1] if scalar else expected
            said = "[" + ", ".join(map(str, expected)) + "]"
            raise RejectedError(f"input {name!r} has shape {shape}, expected {said} with at least one row")
        self._limit(shape[0])
        flat, _ = flattened(data)
        wanted = int(np.prod(shape, dtype=int))
        if len(flat) != wanted:
            raise RejectedError(f"input {name!r} has {len(flat)} values, its shape {shape} needs {wanted}")
        for level in reversed(range(0 if scalar else len(inner))):
            size, lists = inner[level], int(np.prod(shape[: level + 1], dtype=int))
            flat = [flat[at * size : (at + 1) * size] for at in range(lists)]
        return flat

    def batch(self, rows: list[Row], parameters: object = None, raw: list[Any] | None = None) -> Batch:
        """Rows with one value for each input; `raw` are the same as they came. Raises RejectedError."""
        params = self._parameters(parameters)
        raw = rows if raw is None else raw
        cells = list(zip(*rows, strict=True))
        if self.tensors:
            arrays = [part.typed(list(column)) for part, column in zip(self.tensors, cells, strict=True)]
            flat = [part.published(array) for part, array in zip(self.tensors, arrays, strict=True)]
            model_input = dict(zip(self.by_name, arrays, strict=True)) if self.named else arrays[0]
            uneven = any(part.differ(array) for part, array in zip(self.tensors, arrays, strict=True))
            if len(flat) == 1:
                return Batch(flat[0], lambda: model_input, params, raw, uneven=uneven)
            features = [[part[0] if len(part) == 1 else part for part in parts] for parts in zip(*flat, strict=True)]
            return Batch(features, lambda: model_input, params, raw, uneven=uneven)
        for part, column_cells in zip(self.columns, cells, strict=True):
            part.refuse_missing(column_cells)
        cells = [
            tuple(from_text(part.kind, each) for each in column_cells) if part.nested else column_cells
            for part, column_cells in zip(self.columns, cells, strict=True)
        ]
        typed = [part.typed(column_cells) for part, column_cells in zip(self.columns, cells, strict=True)]
        features = [list(row) for row in zip(*(published for _, published in typed), strict=True)]
        arrays = [array for array, _ in typed]
        if self._plain:
            return Batch(features, lambda: self._table(arrays), params, raw, arrays)
        model_input = self._model_input(arrays, cells)
        return Batch(features, lambda: model_input, params, raw)

    def joined(self, batches: list[Batch]) -> Batch:
        """Several requests of the same params as one. Raises ValueError where their types differ."""
        raw, params = [row for batch in batches for row in batch.raw], batches[0].params
        if not self._plain:
            return self.rows(raw, params, unlimited=True)
        columns = list(zip(*(batch.arrays for batch in batches), strict=True))
        if any(len({part.dtype for part in parts}) > 1 for parts in columns):
            raise ValueError("a column with a missing value is of another type")
        arrays = [np.concatenate(parts) for parts in columns]
        return Batch([row for batch in batches for row in batch.rows], lambda: self._table(arrays), params, raw)

    @property
    def _plain(self) -> bool:
        """Whether the model's input is made of the columns alone, and none of their values can still be refused."""
        text = any(part.categorical for part in self.columns)
        return not (self.tensors or self.hinted or self.leaves_out or self._nested or text)

    def _table(self, arrays: list[Any]) -> Any:
        if self.matrix:
            return np.column_stack(arrays)
        if self.series:
            return pd.Series(arrays[0], name=self.columns[0].label)
        return pd.DataFrame({part.label: array for part, array in zip(self.columns, arrays, strict=True)})

    def _model_input(self, arrays: list[Any], cells: list[tuple[Any, ...]]) -> Any:
        if self.hinted:  # MLflow validates these by the hint itself, from what JSON holds
            if not self.named:
                return [values.as_hinted(self.columns[0].kind, cell) for cell in cells[0]]
            rows = zip(*cells, strict=True)
            return [{k: v for k, v in zip(self.by_name, row, strict=True) if v is not None} for row in rows]
        frame = {
            part.label: array
            for part, array, given in zip(self.columns, arrays, cells, strict=True)
            if not self.leaves_out or part.required or any(cell is not None for cell in given)
        }
        model_input = pd.DataFrame(frame)
        if self._nested:
            try:
                validate_schema(model_input, self.enforced.inputs)
            except MlflowException as error:
                raise RejectedError(" ".join(error.message.split())) from error
        return model_input

    def _parameters(self, given: object) -> dict[str, Any] | None:
        """Params of the signature, checked one by one by MLflow; the others have their defaults."""
        if not given:
            return None
        if not isinstance(given, dict):
            raise RejectedError(f'"parameters" is {kind_of(given)}, expected an object')
        if unknown := sorted(map(str, given.keys() - self.params.keys())):
            known = f"the model's are {list(self.params)}" if self.params else "the model takes none"
            raise RejectedError(f"the request has unknown parameters {unknown}; {known}")
        for name, value in given.items():
            try:
                ParamSpec.validate_param_spec(value, self.params[name])
            except MlflowException as error:
                raise RejectedError(f"parameter {name!r}: {' '.join(error.message.split())}") from error
        return dict(given)


def _params(schema: ParamSchema | None) -> dict[str, ParamSpec]:
    return {spec.name: spec for spec in schema.params} if schema else {}


def _parts(schema: Schema) -> tuple[list[Column], list[Tensor]]:
    """The columns or the tensors of a signature. Raises UnservableError."""
    tensors = [tensor(at, spec) for at, spec in enumerate(schema.inputs) if isinstance(spec, TensorSpec)]
    if len(tensors) == 1 and not schema.has_input_names():
        kind = next((kind for kind, numpy in NUMPY.items() if numpy is tensors[0].dtype.type), None)
        if kind is not None and len(tensors[0].shape) == 1 and tensors[0].width and tensors[0].fixed == -1:
            # A matrix: each of its columns has a name, and may be watched.
            return [column(at, ColSpec(kind)) for at in range(tensors[0].width)], []
    return [column(at, spec) for at, spec in enumerate(schema.inputs) if isinstance(spec, ColSpec)], tensors


def _datatype(part: Column) -> str:
    return _V2_TYPES.get(part.kind, "BYTES") if isinstance(part.kind, DataType) else "BYTES"


def _fits(shape: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    return len(shape) == len(wanted) and all(want in (-1, have) for have, want in zip(shape, wanted, strict=True))
