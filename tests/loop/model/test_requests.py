"""None"""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from kserve.protocol.infer_type import InferInput
from mlflow.models import ModelSignature
from mlflow.types import Schema, TensorSpec
from request_checks import reason, v2

from loop.model.errors import RejectedError, UnservableError
from loop.model.requests import InputCheck

GOOD = {"price": 9, "pages": 120, "signed": True, "genre": "crime", "rating": 4.5}


@pytest.fixture
def matrix() -> InputCheck:
    return InputCheck(ModelSignature(inputs=Schema([TensorSpec(np.dtype("float32"), (-1, 2))])), max_rows=3)


def test_a_row_is_cast_to_the_signatures_types(check: InputCheck) -> None:
    batch = check.v1({"instances": [list(GOOD.values())]})
    assert isinstance(batch.model_input, pd.DataFrame)
    assert batch.model_input.dtypes.astype(str).to_dict() == {
        "price": "float64", "pages": "int64", "signed": "bool", "genre": "object", "rating": "float64",
    }  # fmt: skip
    assert batch.rows == [[9.0, 120, True, "crime", 4.5]]
    assert isinstance(batch.rows[0][0], float), "the detector must see the number the model saw"


def test_an_object_row_may_name_its_columns_in_any_order(check: InputCheck) -> None:
    assert check.v1({"instances": [dict(reversed(GOOD.items()))]}).rows == [list(GOOD.values())]


def test_an_optional_column_may_be_absent(check: InputCheck) -> None:
    batch = check.v1({"instances": [{k: v for k, v in GOOD.items() if k != "rating"}]})
    assert np.isnan(batch.rows[0][4])


def test_a_whole_float_is_an_integer(check: InputCheck) -> None:
    assert check.v1({"instances": [GOOD | {"pages": 7.0}]}).rows[0][1] == 7


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"price": "9"}, "row 0, column 'price' is the text '9', expected a number"),
        ({"price": None}, "row 0, column 'price' is missing (null)"),
        ({"price": float("nan")}, "row 0, column 'price' is nan, expected a finite number"),
        ({"price": True}, "row 0, column 'price' is a boolean, expected a number"),
        ({"price": [9]}, "row 0, column 'price' is a list, expected a number"),
        ({"pages": 1.5}, ("row 0, column 'pages' is 1.5, expected an integer from -9223372036854775808 to "
                         "9223372036854775807")),
        ({"pages": 2**63}, ("row 0, column 'pages' is 9223372036854775808, expected an integer from "
                           "-9223372036854775808 to 9223372036854775807")),
        ({"signed": 1}, "row 0, column 'signed' is a number, expected a boolean"),
        ({"genre": 1}, "row 0, column 'genre' is a number, expected text"),
        ({"color": 1}, ("row 0 has unknown columns ['color']; the model's are "
                       "['price', 'pages', 'signed', 'genre', 'rating']")),
    ],
)  # fmt: skip
def test_one_wrong_value_is_refused_with_its_place(check: InputCheck, change: dict[str, Any], said: str) -> None:
    assert reason(check, {"instances": [GOOD | change]}) == (said, 400)


@pytest.mark.parametrize(
    ("body", "said", "status"),
    [
        ([], 'the body must be a JSON object with the key "instances": {"instances": [[...], ...]}', 400),
        ({}, 'the body must be a JSON object with the key "instances": {"instances": [[...], ...]}', 400),
        ({"instances": []}, '"instances" must be a list of at least one row', 400),
        ({"instances": 3}, '"instances" must be a list of at least one row', 400),
        ({"instances": [3]}, "row 0 is a number, expected a list or an object of 5 values", 400),
        ({"instances": [[1, 2]]}, "row 0 has 2 values, the model takes 5", 400),
        ({"instances": [{}]}, "row 0 lacks columns ['price', 'pages', 'signed', 'genre']", 400),
        ({"instances": [GOOD] * 4}, "the request has 4 rows, at most 3 are answered at once", 413),
    ],
)
def test_a_wrong_shape_is_refused(check: InputCheck, body: object, said: str, status: int) -> None:
    assert reason(check, body) == (said, status)


def test_an_integer_beyond_every_float_is_refused_and_not_a_crash(check: InputCheck) -> None:
    said, status = reason(check, {"instances": [GOOD | {"price": 10**400}]})
    assert (said[-26:], status) == (", expected a finite number", 400)


def test_a_number_beyond_float32_is_refused(matrix: InputCheck) -> None:
    assert reason(matrix, {"instances": [[1e300, 1]]}) == (
        "row 0, column 'x0' is 1e+300, expected a number in the range of float32", 400,
    )  # fmt: skip


def test_an_unnamed_matrix_takes_lists_only(matrix: InputCheck) -> None:
    batch = matrix.v1({"instances": [[1, 2], [3, 4]]})
    assert isinstance(batch.model_input, np.ndarray)
    assert (batch.model_input.dtype, batch.model_input.shape) == (np.float32, (2, 2))
    assert reason(matrix, {"instances": [{"x0": 1, "x1": 2}]}) == (
        "row 0 is an object, expected a list of 2 values", 400,
    )  # fmt: skip


@pytest.mark.parametrize("data", [[1, 2, 3, 4], [[1, 2], [3, 4]]])
def test_v2_takes_one_tensor_flat_or_nested(matrix: InputCheck, data: list[Any]) -> None:
    assert matrix.v2(v2(InferInput("x", [2, 2], "FP64", data))).rows == [[1, 2], [3, 4]]


def test_v2_takes_one_tensor_for_each_column(check: InputCheck) -> None:
    columns = [InferInput(name, [1], "FP64", [value]) for name, value in GOOD.items() if name != "rating"]
    assert check.v2(v2(*columns)).rows[0][:4] == [9.0, 120, True, "crime"]


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ([InferInput("x", [2, 2], "FP64", [1, 2, 3])], "input 'x' has 3 values, its shape [2, 2] needs 4"),
        ([InferInput("x", [4], "FP64", [1, 2, 3, 4])],
         "input 'x' has shape [4], expected [rows, 2] with at least one row"),
        ([InferInput("x", [-1, 2], "FP64", [])],
         "input 'x' has shape [-1, 2], expected [rows, 2] with at least one row"),
        ([InferInput("x", [1, 2], "FP64", ["1", 2])], "row 0, column 'x0' is the text '1', expected a number"),
        ([], "the request lacks columns ['x0', 'x1']"),
    ],
)  # fmt: skip
def test_a_wrong_v2_tensor_is_refused(matrix: InputCheck, inputs: list[InferInput], said: str) -> None:
    with pytest.raises(RejectedError) as caught:
        matrix.v2(v2(*inputs))
    assert str(caught.value) == said


def test_v2_columns_of_different_lengths_are_refused(check: InputCheck) -> None:
    columns = [InferInput(name, [1], "FP64", [value]) for name, value in GOOD.items()]
    columns[0] = InferInput("price", [2], "FP64", [1, 2])
    with pytest.raises(RejectedError) as caught:
        check.v2(v2(*columns))
    assert str(caught.value) == "the inputs have different numbers of rows"


def test_a_signature_that_cannot_be_checked_is_refused_at_load() -> None:
    with pytest.raises(UnservableError) as caught:
        InputCheck(None, 1)
    assert str(caught.value) == "the model has no signature: log it with one, for example mlflow's infer_signature"
