"""The tables of types in docs/serving.md and docs/training-contract.md: each of their examples is asked and read."""

import json
import re
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pytest
from mlflow.models import ModelSignature
from mlflow.pyfunc.model import PythonModel
from mlflow.types import ColSpec, DataType, Schema, TensorSpec
from mlflow.types.schema import AnyType, Array, Map, Object, Property

from loop.model import reference
from loop.model.requests import InputCheck
from loop.serving.served import ServedModel
from loop.serving.server import PyfuncModel
from starter.answering import Server

DOCS = Path(__file__).parents[3] / "docs"
KINDS: dict[str, Any] = {
    "double": DataType.double,
    "float": DataType.float,
    "long": DataType.long,
    "integer": DataType.integer,
    "boolean": DataType.boolean,
    "string": DataType.string,
    "datetime": DataType.datetime,
    "binary": DataType.binary,
    "Array": Array(DataType.double),
    "Object": Object([Property("x", DataType.long), Property("note", DataType.string, required=False)]),
    "Map": Map(DataType.double),
    "AnyType": AnyType(),
}
TENSORS: dict[str, list[TensorSpec]] = {
    "an unnamed tensor": [TensorSpec(np.dtype("int64"), (-1, 2, 2))],
    "tensors by name": [
        TensorSpec(np.dtype("int64"), (-1, 1, 1), "image"),
        TensorSpec(np.dtype("int64"), (-1,), "age"),
    ],
}


class Given(PythonModel):
    """Answers what reaches it."""

    def predict(self, context: object, model_input: Any, params: object = None) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        return model_input if isinstance(model_input, np.ndarray) else model_input.get("value", model_input)


def table(page: str, first: str) -> list[list[str]]:
    """The rows of the page's table whose heading begins so, a list of cells each."""
    lines = (DOCS / page).read_text().splitlines()
    start = next(at for at, line in enumerate(lines) if line.startswith(f"| {first}"))
    body = lines[start + 2 :]
    return [[cell.strip() for cell in line.strip("| ").split(" | ")]
            for line in body[: next(at for at, line in enumerate(body) if not line.startswith("|"))]]  # fmt: skip


def signature(kind: str, *, optional: bool = False) -> ModelSignature:
    inputs = TENSORS.get(kind) or [ColSpec(KINDS[kind], "value", required=not optional)]
    return ModelSignature(inputs=Schema(inputs))  # pyright: ignore[reportArgumentType]


def code(cell: str) -> list[Any]:
    return [json.loads(each) for each in re.findall(r"`([^`]+)`", cell)]


ASKED = {row[0]: row for row in table("serving.md", "type | in JSON")}
LOGGED = {row[0]: row for row in table("training-contract.md", "type | in `window.csv`")}


@pytest.fixture(scope="module")
def server() -> Server:
    return Server()


@pytest.mark.parametrize("kind", [*KINDS, *TENSORS])
def test_each_type_s_example_is_answered_as_the_page_says(kind: str, server: Server, tmp_path: Path) -> None:
    _, _, sent, answered = ASKED[kind]
    rows, optional = code(sent)[0], "null if optional" in ASKED[kind][1]
    folder = tmp_path / "m"
    mlflow.pyfunc.save_model(str(folder), python_model=Given(), signature=signature(kind, optional=optional),
                             pip_requirements=[])  # fmt: skip
    model = PyfuncModel(kind, folder, ServedModel("m", "1", "r", None), None, max_rows=10, batch=1)
    model.load()
    server.serve(model)
    answer = server.ask(f"/v1/models/{kind}:predict", {"instances": rows})
    assert answer.status_code == 200, answer.text
    assert answer.json()["predictions"] == code(answered)[0]


@pytest.mark.parametrize("kind", [*KINDS, *TENSORS])
def test_each_type_s_cells_are_read_as_the_page_says(kind: str, tmp_path: Path) -> None:
    _, cells, read = LOGGED[kind]
    check = InputCheck(signature(kind, optional="empty" in cells), 10)
    lines = [text or '""' for text, _empty in re.findall(r"`([^`]+)`|(empty)", cells)]  # as csv writes a lone one
    header = "image,age" if kind == "tensors by name" else "a,b,c,d" if kind == "an unnamed tensor" else "value"
    (window := tmp_path / "window.csv").write_text("\n".join([header, *lines]) + "\n")
    assert [check.cells(row) for row in reference.read(window, check)] == [check.cells(row) for row in code(read)[0]]


def test_the_pages_tell_of_each_type_once() -> None:
    assert list(ASKED) == list(LOGGED) == [*KINDS, *TENSORS]
