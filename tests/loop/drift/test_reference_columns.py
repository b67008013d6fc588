"""Columns of a reference: by the signature of any model, and as a detector reads and compares their values."""

import numpy as np
import pandas as pd
import pytest
from mlflow.models import infer_signature
from mlflow.types import ColSpec, TensorSpec

from loop.drift.columns import Kind, of_inputs
from loop.drift.reference import BadReferenceError, parse
from loop.drift.values import READERS, column_of

N, D = Kind.NUMBER, Kind.SINGLE


def tensor(dtype: str, shape: tuple[int, ...], name: str | None = None) -> TensorSpec:
    return TensorSpec(np.dtype(dtype), shape, name)


@pytest.mark.parametrize(
    ("inputs", "header", "kinds"),
    [
        ([ColSpec("double"), ColSpec("string")], ("age", "sex"), {"age": N, "sex": Kind.TEXT}),
        (infer_signature(pd.DataFrame([[1.5, 2.5]], columns=[0, 1])).inputs.inputs, ("0", "1"), {"0": N, "1": N}),
        ([tensor("uint8", (-1, 2, 2))], ("a", "b", "c", "d"), dict.fromkeys("abcd", N)),
        ([tensor("float32", (-1, 2))], ("a",), {"x0": D, "x1": D}),
        ([tensor("int64", (-1, -1))], ("a", "b"), {}),
        ([tensor("float32", (-1, 2), "point"), tensor("int64", (-1,), "age")], (), {"point": Kind.OTHER, "age": N}),
    ],
    ids=["unnamed", "numbered", "image", "another-header", "any-length", "named-tensors"],
)
def test_columns_of_any_signature_are_those_of_a_published_row_under_the_reference_s_names(
    inputs: list[ColSpec | TensorSpec], header: tuple[str, ...], kinds: dict[str, Kind]
) -> None:
    assert of_inputs(inputs).under(header).kinds == kinds


def test_documents_and_the_mark_of_spreadsheets_are_read_as_training_reads_them() -> None:
    """Training takes such files; a detector that could not read them would never be ready."""
    columns = of_inputs([ColSpec("string", "text"), ColSpec("double", "price")])
    text = "\ufefftext,price\n" + f"{'word ' * 40_000},2.5\n" * 30
    assert columns is not None
    assert parse("1", {"window": text}, ("text", "price"), columns).rows["window"][1].tolist() == [2.5] * 30


SENTENCES = [f"{'word ' * (5 + at % 7)}{at}" for at in range(200)]


@pytest.mark.parametrize(
    ("texts", "kind"),
    [
        (SENTENCES, Kind.DOCUMENT),
        (["north", "south"] * 100, Kind.TEXT),
        (["north"] * 40 + SENTENCES[:160], Kind.TEXT),  # some come often, and are worth a look
        (["ok"] * 10 + SENTENCES[:190], Kind.DOCUMENT),
        (SENTENCES[:60], Kind.DOCUMENT),  # each is more than one in a hundred of so few rows
        ([""] * 200, Kind.TEXT),
    ],
    ids=["sentences", "categories", "both", "hardly any category", "few rows", "none"],
)
def test_texts_that_hardly_come_twice_are_compared_by_their_length(texts: list[str], kind: Kind) -> None:
    columns = of_inputs([ColSpec("string", "text"), ColSpec("double", "price")])
    rows = "text,price\n" + "".join(f"{each},1\n" for each in texts)
    if not any(texts):
        with pytest.raises(BadReferenceError, match="no value at all in the column 'text'"):
            parse("1", {"window": rows}, ("text",), columns)
        return
    assert parse("1", {"window": rows}, ("text",), columns).kinds(("text",)) == {"text": kind}


def test_longer_documents_are_far_from_the_reference_and_its_own_are_near() -> None:
    columns = of_inputs([ColSpec("string", "text")])
    found = parse("1", {"window": "text\n" + "".join(f"{each}\n" for each in SENTENCES)}, ("text",), columns)
    column, read = column_of(Kind.DOCUMENT, found.rows["window"][0], found.labels), READERS[Kind.DOCUMENT]

    def distance(texts: list[str]) -> float:
        placed = column.placed(np.array([read(each) for each in texts]))[None]
        return float(column.distances(placed, column.places(placed))[0])

    assert distance(SENTENCES[::2]) < 0.1
    assert distance([each * 3 for each in SENTENCES[::2]]) > 0.9


def test_the_only_value_of_a_tensor_s_row_is_read_as_pandas_writes_it() -> None:
    columns = of_inputs([TensorSpec(np.dtype("int64"), (-1, 1), "age"), TensorSpec(np.dtype("bool"), (-1, 1), "paid")])
    rows = "age,paid\n" + "[7],[True]\n" * 30
    found = parse("1", {"window": rows}, ("age", "paid"), columns)
    assert [each[0] for each in found.rows["window"]] == [7.0, 1.0]
