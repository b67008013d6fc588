"""The columns of a signature, and the values of one column as the model takes them and as they are published."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from mlflow.types import ColSpec, DataType
from mlflow.types.schema import AnyType

from loop.model import values
from loop.model.errors import MisfitError, RejectedError

Row = list[Any]


@dataclass
class Column:
    """One named or unnamed column of a signature."""

    name: str
    """What clients call it."""
    label: Any
    """What the model's frame calls it: an integer where the training's frame had no names."""
    kind: values.Type
    required: bool = True
    null: object = np.nan
    """What the model gets for a missing text. pandas reads one as NaN; some models want None."""
    categorical: bool = False
    """The model takes these texts, integers or booleans as pandas' categories."""
    takes_null: bool = False
    """The model answers NaN in this required column of floats."""

    @property
    def nullable(self) -> bool:
        return not self.required or self.takes_null or isinstance(self.kind, AnyType)

    @property
    def floating(self) -> bool:
        return isinstance(self.kind, DataType) and self.kind in values.FLOATS

    @property
    def widened(self) -> bool:
        """An optional integer: neither numpy nor MLflow's enforcement knows a missing one, so it travels as float64."""
        return not self.required and isinstance(self.kind, DataType) and self.kind in values.INTEGERS

    @property
    def nested(self) -> bool:
        return not isinstance(self.kind, DataType)

    def typed(self, cells: tuple[Any, ...]) -> tuple[Any, Row]:
        """(what the model gets, what is published). Raises RejectedError at the first value that does not fit."""
        if not isinstance(self.kind, DataType):
            return self._objects(
                [None if cell is None else self._one(at, cell) for at, cell in enumerate(cells)], cells
            )
        if self.categorical:
            return pd.Categorical(
                [None if cell is None else self._one(at, cell) for at, cell in enumerate(cells)]
            ), list(cells)
        if self.kind in values.FLOATS or self.kind in values.INTEGERS:
            return self._numbers(values.NUMPY[self.kind], cells)
        if self.kind is DataType.boolean and None not in cells:
            return np.array([self._one(at, cell) for at, cell in enumerate(cells)], np.bool_), list(cells)
        if self.kind is DataType.datetime:
            moments = [np.datetime64("NaT") if cell is None else self._one(at, cell) for at, cell in enumerate(cells)]
            array = np.array(moments, "datetime64[ns]")
            return array, [None if pd.isna(each) else pd.Timestamp(each).isoformat() for each in array]
        null = self.null if self.kind is DataType.string else None  # NaN alone is no boolean to MLflow
        return self._objects([null if cell is None else self._one(at, cell) for at, cell in enumerate(cells)], cells)

    def refuse_missing(self, cells: tuple[Any, ...]) -> None:
        """Refuses a null where the column takes none."""
        if not self.nullable and None in cells:
            raise RejectedError(f"{self._place(cells.index(None))} is missing (null)")

    def _numbers(self, kind: type[np.generic], cells: tuple[Any, ...]) -> tuple[Any, Row]:
        given = tuple(cell for cell in cells if cell is not None) if None in cells else cells
        wide = np.float64 if self.widened or issubclass(kind, np.floating) else kind
        if not self._plain(kind, given):
            self._refuse(kind, cells)
        array = np.array(cells, wide)  # None becomes NaN
        if self.widened:
            return array, [None if cell is None else int(cell) for cell in cells]
        if kind is np.float32:
            # The shortest text of a float32 is what the reference holds; its float64 would differ in the last digits,
            # and every tie with the reference would break (scipy#15697).
            narrow = array.astype(np.float32)
            return narrow, [float(str(each)) for each in narrow]
        return array, array.tolist()

    def _plain(self, kind: type[np.generic], given: tuple[Any, ...]) -> bool:
        """Whether all are numbers in range, at numpy's speed. Only a column with other values is read one by one."""
        if not set(map(type, given)) <= {int, float}:
            return False
        try:
            array = np.array(given, np.float64)
        except OverflowError:
            return False
        if not np.isfinite(array).all():
            return False
        if issubclass(kind, np.floating):
            return kind is np.float64 or bool((np.abs(array) <= np.finfo(kind).max).all())
        # Beyond 2^53 float64 cannot tell what is out of range: those few are read one by one.
        return bool(
            (array == np.trunc(array)).all() and (np.abs(array) < (2**31 - 1 if kind is np.int32 else 2**53)).all()
        )

    def _refuse(self, kind: type[np.generic], cells: tuple[Any, ...]) -> None:
        """Raises for the first value that is not a number of this kind."""
        for at, cell in enumerate(cells):
            if cell is None:
                continue
            try:
                values.number(kind, cell)
                if self.widened:
                    values.whole(cell)
            except MisfitError as error:
                raise RejectedError(f"{self._place(at)}{values.joined(error)}") from None

    def _one(self, at: int, cell: Any) -> Any:
        try:
            return values.typed(self.kind, cell)
        except MisfitError as error:
            raise RejectedError(f"{self._place(at)}{values.joined(error)}") from None

    def _place(self, at: int) -> str:
        return f"row {at}, column {self.name!r}"

    @staticmethod
    def _objects(typed: Row, cells: tuple[Any, ...]) -> tuple[Any, Row]:
        """An array of Python objects, one for each row, and the values as they came."""
        return np.fromiter(typed, object, len(typed)), list(cells)


def column(position: int, spec: ColSpec) -> Column:
    """The column of a signature at a position."""
    named = spec.name is not None
    return Column(
        name=str(spec.name) if named else f"x{position}",
        label=spec.name if named else position,
        kind=spec.type,
        required=spec.required is not False,
    )
