"""The names and kinds of a prediction's values: the columns of the version that answered.

Messages are lists. Only the signature of the message's own version says which column a value belongs to: versions with
other columns, or the same ones in another order, answer side by side, so nothing is read by position across versions.
"""

import logging
import math
import re
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

_log = logging.getLogger(__name__)

ASK_AGAIN_SECONDS: Final = 30.0
MOST_UNKNOWN: Final = 20
"""Versions that may be unknown at a time before no more are looked up: any client can write a number into a message."""
_VERSION: Final = re.compile(r"[1-9][0-9]{0,9}")


class Kind(StrEnum):
    """Kind of a column's values, as far as the comparison goes."""

    NUMBER = "number"
    SINGLE = "single"
    """A number of 32 bits: what is published of 0.3 is 0.30000001192092896, whatever the reference says."""
    BOOLEAN = "boolean"
    TEXT = "text"
    DOCUMENT = "document"
    """A text that hardly ever comes twice, as a reference shows: none is frequent, and their lengths are compared."""
    OTHER = "other"
    """What cannot be compared value by value: dates, lists, objects."""


_KINDS: Final = {
    "double": Kind.NUMBER,
    "long": Kind.NUMBER,
    "integer": Kind.NUMBER,
    "float": Kind.SINGLE,
    "boolean": Kind.BOOLEAN,
    "string": Kind.TEXT,
}
_DTYPES: Final = {
    "f": Kind.NUMBER,
    "i": Kind.NUMBER,
    "u": Kind.NUMBER,
    "b": Kind.BOOLEAN,
    "U": Kind.TEXT,
    "S": Kind.TEXT,
}


@dataclass(frozen=True)
class Columns:
    """A version's columns: name -> kind, in the order of a prediction's values."""

    kinds: Mapping[str, Kind]
    named: bool = True
    """Whether the signature names them. Otherwise the reference's header does, by position."""

    @classmethod
    def numbers(cls, names: tuple[str, ...]) -> "Columns":
        return cls(dict.fromkeys(names, Kind.NUMBER))

    def under(self, header: Sequence[str]) -> "Columns":
        """The columns under the names of a reference's header, where the signature has none."""
        if self.named or len(header) != len(self.kinds):
            return self
        return Columns(dict(zip(header, self.kinds.values(), strict=True)))

    @property
    def documents(self) -> frozenset[str]:
        return frozenset(name for name, kind in self.kinds.items() if kind is Kind.DOCUMENT)

    def with_documents(self, names: Sequence[str]) -> "Columns":
        """The same, with these columns of text as documents."""
        return Columns({**self.kinds, **dict.fromkeys(names, Kind.DOCUMENT)}, self.named)


def signature_columns(client: Any, model: str, version: str) -> Columns | None:
    """The inputs of a version's signature; None when its model has none. Raises what the MLflow client raises."""
    import yaml  # noqa: PLC0415  # MLflow's own parser of the file, and MLflow, which takes seconds
    from mlflow.artifacts import download_artifacts  # noqa: PLC0415
    from mlflow.models import ModelSignature  # noqa: PLC0415

    source = client.get_model_version_download_uri(model, version)
    with tempfile.TemporaryDirectory() as folder:
        path = download_artifacts(artifact_uri=f"{source}/MLmodel", dst_path=folder)
        signature = yaml.safe_load(Path(path).read_text("utf-8")).get("signature")
    inputs = ModelSignature.from_dict(signature).inputs if signature else None
    return of_inputs(inputs.inputs) if inputs is not None else None


def of_inputs(inputs: Sequence[Any]) -> Columns:
    """The columns of a signature's inputs: of a single tensor, one for each number of a row."""
    from mlflow.types import TensorSpec  # noqa: PLC0415

    first = inputs[0]
    if isinstance(first, TensorSpec) and len(inputs) == 1:
        row = first.shape[1:]
        width = 0 if -1 in row else math.prod(row)  # rows that differ in shape have no columns
        return Columns({f"x{n}": _of_dtype(first.type, ()) for n in range(width)}, named=False)
    kinds = [
        _of_dtype(each.type, each.shape[1:])
        if isinstance(each, TensorSpec)
        else _KINDS.get(getattr(each.type, "name", ""), Kind.OTHER)
        for each in inputs
    ]
    # A name may be the number 0, where a frame's columns were numbered.
    names = [f"x{n}" if each.name is None else str(each.name) for n, each in enumerate(inputs)]
    return Columns(dict(zip(names, kinds, strict=True)), named=first.name is not None)


def _of_dtype(dtype: Any, row: tuple[int, ...]) -> Kind:
    if math.prod(row) != 1:
        return Kind.OTHER
    return Kind.SINGLE if dtype.name == "float32" else _DTYPES.get(dtype.kind, Kind.OTHER)


class Versions:
    """The columns of each version that has answered, asked for once: a version never changes."""

    def __init__(self, ask: Callable[[str], Columns | None], clock: Callable[[], float] = time.monotonic) -> None:
        self._ask, self._clock = ask, clock
        self._known: dict[str, Columns] = {}
        self._unknown: dict[str, float] = {}
        """Version -> when it may be asked for again."""

    def columns(self, version: str) -> Columns | None:
        """None: unknown, for now."""
        if version in self._known:
            return self._known[version]
        now = self._clock()
        self._unknown = {each: until for each, until in self._unknown.items() if until > now}
        refused = version in self._unknown or len(self._unknown) >= MOST_UNKNOWN
        if refused or not _VERSION.fullmatch(version):
            return None
        try:
            found, why = self._ask(version), "it has no signature and no reference"
        except Exception as error:  # noqa: BLE001  # whatever the client raises: the version is unknown
            found, why = None, f"{type(error).__name__}: {error}"[:300]
        if found is None:
            self._unknown[version] = now + ASK_AGAIN_SECONDS
            _log.warning("what version %s answered is left out: its columns are unknown: %s", version, why)
        else:
            self._known[version] = found
        return found
