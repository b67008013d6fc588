"""One tensor of a signature: its rows from nested lists, in the type and shape with which the model was logged."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from mlflow.types import TensorSpec
from numpy.typing import NDArray

from loop.model import values
from loop.model.errors import MisfitError, RejectedError, UnservableError

Shape = tuple[int, ...]

_CHECKS: Final = {"b": values.boolean, "U": values.text, "S": values.text, "M": values.moment}
_V2: Final = {"b": "BOOL", "f": "FP", "i": "INT", "u": "UINT"}


@dataclass(frozen=True)
class Tensor:
    """A tensor whose first dimension counts rows; `shape` is that of one row, -1 where any length goes."""

    name: str
    dtype: np.dtype[Any]
    shape: Shape
    fixed: int = -1
    """How many rows the model takes at once; -1: any number."""

    @property
    def width(self) -> int:
        """How many numbers one row flattens to; 0 where rows differ."""
        return 0 if -1 in self.shape else int(np.prod(self.shape, dtype=int))

    @property
    def datatype(self) -> str:
        """The v2 protocol's name of the type."""
        size = "" if self.dtype.kind == "b" else str(8 * self.dtype.itemsize)
        return f"{_V2[self.dtype.kind]}{size}" if self.dtype.kind in _V2 else "BYTES"

    def typed(self, rows: list[Any]) -> NDArray[Any]:
        """The rows as one array; where they differ in shape, an array of objects with an array for each.

        Raises RejectedError with the first row that does not fit.
        """
        if self.fixed not in (-1, len(rows)):
            raise RejectedError(f"the request has {len(rows)} rows, the model takes exactly {self.fixed} at once")
        if self.dtype.kind in "fiu" and (array := self._at_once(rows)) is not None:
            return array
        parts = [self._row(at, row) for at, row in enumerate(rows)]
        if len({part.shape for part in parts}) > 1:
            if self.fixed != -1:
                raise RejectedError(
                    f"the rows of input {self.name!r} differ in shape, and the model takes them together"
                )
            return np.fromiter(parts, object, len(parts))
        return np.stack(parts)

    def published(self, array: NDArray[Any]) -> list[list[Any]]:
        """Each row as a flat list: the columns of a reference of the same shape."""
        if self.differ(array):
            return [self.published(each[None])[0] for each in array]
        if self.dtype == np.float32:  # shortest text, as in `loop.model.columns`
            array = array.astype(str).astype(np.float64)
        return array.reshape(len(array), -1).tolist() if self.dtype.kind != "M" else array.astype(str).tolist()

    def differ(self, array: NDArray[Any]) -> bool:
        """Whether these typed rows differ in shape, so that they cannot be asked at once."""
        return array.dtype.kind == "O" and array.ndim == 1 and len(array) > 0 and isinstance(array[0], np.ndarray)

    def _at_once(self, rows: list[Any]) -> NDArray[Any] | None:
        """All rows at numpy's speed; None when something is off, which `_row` then finds."""
        try:
            array = np.array(rows)
        except (ValueError, OverflowError):
            return None
        if array.dtype.kind not in "fiu" or not self._fits(array.shape[1:]) or not np.isfinite(array).all():
            return None
        if bool in set(map(type, flattened(rows)[0])):  # among numbers it has become one
            return None
        limits = np.finfo(self.dtype) if self.dtype.kind == "f" else np.iinfo(self.dtype)
        inside = bool(((limits.min <= array) & (array <= limits.max)).all())
        if self.dtype.kind != "f" and array.dtype.kind == "f":
            inside = inside and bool(((array == np.trunc(array)) & (np.abs(array) <= 2**53)).all())
        return array.astype(self.dtype) if inside else None

    def _row(self, at: int, row: Any) -> NDArray[Any]:
        flat, shape = flattened(row)
        if not self._fits(shape) or len(flat) != int(np.prod(shape, dtype=int)):
            raise RejectedError(
                f"row {at}, input {self.name!r} has the shape {list(shape)}, expected {list(self.shape)}"
                f"{' (-1: any length)' if -1 in self.shape else ''}"
            )
        if found := values.first_misfit(flat, self._check):
            index = [int(each) for each in np.unravel_index(found[0], shape)] if shape else []
            where = f" at {index}" if index else ""
            raise RejectedError(f"row {at}, input {self.name!r}{where}{values.joined(found[1])}")
        if self.dtype.kind == "M":
            flat = [values.moment(each) for each in flat]
        return np.array(flat, object if self.dtype.kind == "O" else self.dtype).reshape(shape)

    def _check(self, value: Any) -> None:
        if self.dtype.kind in "fiu":
            values.number(self.dtype.type, value)
        elif self.dtype.kind in _CHECKS:
            _CHECKS[self.dtype.kind](value)
        elif isinstance(value, dict):
            raise MisfitError("is an object, expected text, a number or a boolean")

    def _fits(self, shape: Shape) -> bool:
        return len(shape) == len(self.shape) and all(
            want in (-1, have) for want, have in zip(self.shape, shape, strict=True)
        )


def tensor(position: int, spec: TensorSpec) -> Tensor:
    """The tensor of a signature at a position. Raises UnservableError."""
    name = str(spec.name) if spec.name is not None else f"x{position}"
    if not spec.shape or spec.type.kind not in "fiubUSOM":
        raise UnservableError(
            f"the signature's tensor is {spec}: served are tensors of numbers, booleans, text and times with one row "
            "per entry of their first dimension"
        )
    return Tensor(name, spec.type, tuple(spec.shape[1:]), spec.shape[0])


def flattened(nested: Any) -> tuple[list[Any], Shape]:
    """Nested lists as one flat list, and their shape by each level's first list: a request may nest deeper than Python
    recurses."""
    flat, shape = [nested], ()
    while flat and isinstance(flat[0], list):
        shape = (*shape, len(flat[0]))
        flat = [value for part in flat for value in (part if isinstance(part, list) else [part])]
    return flat, shape
