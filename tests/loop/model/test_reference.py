"""Reference rows as the model's signature reads them."""

from pathlib import Path

import numpy as np
import pytest
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema, TensorSpec

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
