"""Reference rows as the model's signature reads them."""

from pathlib import Path

import numpy as np
import pytest
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema, TensorSpec
from mlflow.types.schema import AnyType

from loop.model.reference import BadRowsError, read
from loop.model.requests import InputCheck

SETTINGS = InputCheck(
    ModelSignature(inputs=Schema([ColSpec("string", "text"), ColSpec("long", "limit", required=False)])), 10
)


def written(folder: Path, text: str) -> Path:
    (path := folder / "window.csv").write_text(text)
    return path


def test_optional_columns_may_be_left_out_and_are_missing_values_then(tmp_path: Path) -> None:
    assert read(written(tmp_path, "text\n1\nb\n"), SETTINGS) == [["1", None], ["b", None]]
    assert read(written(tmp_path, "text,limit\na,2\n"), SETTINGS) == [["a", 2]]


def test_required_columns_may_not_be_left_out(tmp_path: Path) -> None:
    with pytest.raises(BadRowsError, match="must have the signature's columns in order"):
        read(written(tmp_path, "limit\n1\n"), SETTINGS)


def test_a_single_tensor_with_a_name_is_read_whole_or_flattened(tmp_path: Path) -> None:
    check = InputCheck(ModelSignature(inputs=Schema([TensorSpec(np.dtype("float32"), (-1, 2), "X")])), 10)
    assert read(written(tmp_path, 'X\n"[1.5, 2]"\n'), check) == [[1.5, 2]]
    assert read(written(tmp_path, "a,b\n1.5,2\n"), check) == [[1.5, 2]]
    batch = check.rows([[1.5, 2]])
    assert batch.rows == [[1.5, 2.0]]
    assert batch.model_input["X"].tolist() == [[1.5, 2.0]]


def test_a_document_longer_than_python_reads_by_itself_is_one_cell(tmp_path: Path) -> None:
    document = "word " * 40_000
    assert read(written(tmp_path, f"text,limit\n{document},1\n"), SETTINGS) == [[document, 1]]


def test_the_mark_that_spreadsheets_put_first_is_no_part_of_a_name(tmp_path: Path) -> None:
    assert read(written(tmp_path, "\ufefftext,limit\na,2\n"), SETTINGS) == [["a", 2]]


@pytest.mark.parametrize(
    ("dtype", "text", "row"),
    [("str", "007,b", ["007", "b"]), ("bool", "True,false", [True, False]), ("object", "a,2", ["a", 2])],
)
def test_a_flattened_tensor_is_read_in_its_own_type(tmp_path: Path, dtype: str, text: str, row: list[object]) -> None:
    check = InputCheck(ModelSignature(inputs=Schema([TensorSpec(np.dtype(dtype), (-1, 2))])), 10)
    assert read(written(tmp_path, f"0,1\n{text}\n"), check) == [row]


def test_a_signature_that_mlflow_could_not_infer_is_told_with_what_to_do(tmp_path: Path) -> None:
    anything = InputCheck(ModelSignature(inputs=Schema([ColSpec(AnyType())])), 10)
    with pytest.raises(BadRowsError, match="MLflow could not infer a signature from the rows"):
        read(written(tmp_path, "a,b\n1,2\n"), anything)
