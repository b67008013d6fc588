"""Every type that a signature can have, as requests bring it."""

import json
import re
from typing import Any

import numpy as np
import pytest
from kserve.protocol.infer_type import InferInput, InferRequest
from mlflow.models import ModelSignature, validate_schema
from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema, TensorSpec
from mlflow.types.schema import AnyType, Array, Map, Object, Property
from request_checks import reason, v2

from loop.model import answers
from loop.model.errors import RejectedError
from loop.model.requests import InputCheck


def of(*specs: ColSpec | TensorSpec, params: ParamSchema | None = None) -> InputCheck:
    inputs = Schema(list(specs))
    signature = ModelSignature(inputs) if params is None else ModelSignature(inputs, params=params)
    return InputCheck(signature, max_rows=500)


POINT = Object([Property("x", DataType.float), Property("tag", DataType.string, required=False)])


TYPES: dict[str, tuple[ColSpec, Any, Any]] = {
    "double": (ColSpec("double", "a"), 1, 1.0),
    "float": (ColSpec("float", "a"), 0.3, 0.3),
    "integer": (ColSpec("integer", "a"), 7, 7),
    "long": (ColSpec("long", "a"), 7.0, 7),
    "boolean": (ColSpec("boolean", "a"), True, True),
    "string": (ColSpec("string", "a"), "Emma", "Emma"),
    "datetime": (ColSpec("datetime", "a"), "2026-01-31T12:00:00Z", "2026-01-31T12:00:00"),
    "binary": (ColSpec("binary", "a"), "AAEC", "AAEC"),
    "array": (ColSpec(Array(DataType.double), "a"), [1, 2.5], [1, 2.5]),
    "array of float": (ColSpec(Array(DataType.float), "a"), [1, 0.3], [1, 0.3]),
    "array of arrays": (ColSpec(Array(Array(DataType.integer)), "a"), [[1], []], [[1], []]),
    "object": (ColSpec(POINT, "a"), {"x": 1, "tag": None}, {"x": 1, "tag": None}),
    "map": (ColSpec(Map(DataType.long), "a"), {"b": 2}, {"b": 2}),
    "any": (ColSpec(AnyType(), "a"), [1, "b", None], [1, "b", None]),
    "missing double": (ColSpec("double", "a", required=False), None, None),
    "missing float": (ColSpec("float", "a", required=False), None, None),
    "missing integer": (ColSpec("integer", "a", required=False), None, None),
    "missing long": (ColSpec("long", "a", required=False), None, None),
    "missing boolean": (ColSpec("boolean", "a", required=False), None, None),
    "missing string": (ColSpec("string", "a", required=False), None, None),
    "missing datetime": (ColSpec("datetime", "a", required=False), None, None),
    "missing array": (ColSpec(Array(DataType.double), "a", required=False), None, None),
    "missing object": (ColSpec(POINT, "a", required=False), None, None),
    "any null": (ColSpec(AnyType(), "a"), None, None),
    "integer label": (ColSpec("double", 0), 1.5, 1.5),  # pyright: ignore[reportArgumentType]  # what pandas gives
}


@pytest.mark.parametrize("case", TYPES)
def test_every_type_of_column_passes_mlflows_own_enforcement_and_is_published_as_json(case: str) -> None:
    spec, sent, published = TYPES[case]
    check = of(spec, ColSpec("double", "b"))
    name = str(spec.name)
    # Rows as lists and as objects, alone and among others, and as v2's tensors by column.
    for row in ([sent, 1], {name: sent, "b": 1}):
        batch = check.rows([row, row])
        validate_schema(batch.model_input, check.enforced.inputs)
        assert json.loads(json.dumps(answers.plain(batch.rows))) == [[published, 1.0]] * 2
        assert list(batch.model_input.columns) == [spec.name, "b"]
    if not isinstance(sent, list):
        tensors = [InferInput(name, [1], "BYTES", [sent]), InferInput("b", [1], "FP64", [1])]
        assert answers.plain(check.v2(v2(*tensors)).rows) == [[published, 1.0]]


@pytest.mark.parametrize(
    ("spec", "sent", "said"),
    [
        (ColSpec("datetime", "a"), "yesterday", ("is the text 'yesterday', expected a date or a time as text, such as "
                                                "2026-01-31T12:00:00")),
        (ColSpec("datetime", "a"), 5, "is a number, expected a date or a time as text, such as 2026-01-31T12:00:00"),
        (ColSpec("datetime", "a"), "0001-01-01", "is the text '0001-01-01', expected a time from 1678 to 2261"),
        (ColSpec("binary", "a"), "é", "is the text 'é', expected Base64 text"),
        (ColSpec("long", "a", required=False), 2**53 + 1, ("is 9007199254740993, expected an integer from "
                                                          "-9007199254740992 to 9007199254740992")),
        (ColSpec(Array(DataType.double), "a"), [1, "b"], ", item 1 is the text 'b', expected a number"),
        (ColSpec(Array(DataType.double), "a"), 1, "is a number, expected a list"),
        (ColSpec(Array(POINT), "a"), [{"x": True}], ", item 0, key 'x' is a boolean, expected a number"),
        (ColSpec(POINT, "a"), {}, "lacks keys ['x']"),
        (ColSpec(POINT, "a"), {"x": 1, "y": 1}, "has unknown keys ['y'], allowed are ['tag', 'x']"),
        (ColSpec(Map(DataType.long), "a"), {"b": 1.5}, (", key 'b' is 1.5, expected an integer from "
                                                       "-9223372036854775808 to 9223372036854775807")),
        (ColSpec("string", "a"), None, "is missing (null)"),
    ],
)  # fmt: skip
def test_a_refused_value_is_named_with_what_came_and_what_is_allowed(spec: ColSpec, sent: Any, said: str) -> None:
    joined = said if said.startswith(",") else f" {said}"
    assert reason(of(spec, ColSpec("double", "b")), {"instances": [[sent, 1]]}) == (f"row 0, column 'a'{joined}", 400)


def test_a_float32_is_published_as_the_shortest_text_that_names_it() -> None:
    batch = of(ColSpec("float", "a"), ColSpec("float", "b")).rows([[0.3, 0.1], [0.30000001192092896, 1]])
    assert batch.rows == [[0.3, 0.1], [0.3, 1.0]], "else every tie with the reference breaks"


@pytest.mark.parametrize("row", [3.5, [3.5]])
def test_the_only_column_may_come_without_a_list_around_it(row: object) -> None:
    assert of(ColSpec("double")).rows([row]).rows == [[3.5]]
    assert of(ColSpec("double", "a")).rows([row]).rows == [[3.5]]


def test_unnamed_columns_of_several_types_are_a_frame_by_position() -> None:
    batch = of(ColSpec("double"), ColSpec("string")).rows([[1, "a"]])
    assert batch.model_input.to_dict("records") == [{0: 1.0, 1: "a"}]


@pytest.mark.parametrize(
    ("dtype", "shape", "row"),
    [
        ("uint8", (-1, 2, 2), [[1, 2], [3, 255]]),
        ("float32", (-1, 2, 2), [[1, 0.3], [3, 4]]),
        ("float64", (-1,), 1.5),
        ("float64", (-1, -1), [1, 2, 3]),
        ("int64", (-1, 1, 1, 2), [[[1, 2]]]),
        ("str", (-1, 2), ["a", "bc"]),
        ("object", (-1,), "a"),
        ("bool", (-1, 2), [True, False]),
    ],
)
def test_a_tensor_of_any_rank_comes_row_by_row_or_whole(dtype: str, shape: tuple[int, ...], row: Any) -> None:
    check = of(TensorSpec(np.dtype(dtype), shape))
    batch = check.rows([row, row])
    validate_schema(batch.model_input, check.enforced.inputs)
    assert batch.model_input.tolist()[1] == (
        pytest.approx(row) if dtype == "float64" else batch.model_input.tolist()[0]
    )
    inner = list(np.array(row).shape)
    whole = check.v2(v2(InferInput("anything", [2, *inner], "FP64", np.array([row, row], object).ravel().tolist())))
    assert np.array_equal(whole.model_input, batch.model_input)
    assert answers.plain(whole.rows) == [np.array(row, object).ravel().tolist()] * 2


@pytest.mark.parametrize("part", [ColSpec(Array(DataType.string), "x"), TensorSpec(np.dtype("int64"), (-1, -1), "x")])
def test_an_empty_list_is_a_tensor_and_sizes_below_one_are_none_beside_others(part: ColSpec | TensorSpec) -> None:
    check = of(part)
    assert answers.plain(check.v2(v2(InferInput("x", [2, 0], "BYTES", []))).raw) == [{"x": []}, {"x": []}]
    for shape, data in (([1, 1_000_000_000, 0], []), ([1, 0, 1], []), ([1, -1, -1], [1])):
        with pytest.raises(RejectedError, match=re.escape(f"input 'x' has shape {shape}, expected [")):
            check.v2(v2(InferInput("x", shape, "BYTES", data)))


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ([[1, 2], [3]], "row 0, input 'x0' has the shape [2, 2], expected [2, 2]"),
        ([[1, 2]], "row 0, input 'x0' has the shape [1, 2], expected [2, 2]"),
        ([[1, 2], [3, "a"]], "row 0, input 'x0' at [1, 1] is the text 'a', expected a number"),
        ([[1, 2], [3, 256]], "row 0, input 'x0' at [1, 1] is 256, expected an integer from 0 to 255"),
        ([[1, 2], [3, True]], "row 0, input 'x0' at [1, 1] is a boolean, expected a number"),
        ({"x0": 1}, "row 0, input 'x0' has the shape [], expected [2, 2]"),
    ],
)
def test_a_wrong_row_of_a_tensor_is_named(row: object, said: str) -> None:
    assert reason(of(TensorSpec(np.dtype("uint8"), (-1, 2, 2))), {"instances": [row]}) == (said, 400)


def test_several_tensors_come_by_name() -> None:
    check = of(TensorSpec(np.dtype("float32"), (-1, 2), "a"), TensorSpec(np.dtype("int64"), (-1,), "b"))
    for batch in (
        check.rows([{"a": [1, 2], "b": 3}, [[4, 5], 6]]),
        check.v2(v2(InferInput("a", [2, 2], "FP32", [1, 2, 4, 5]), InferInput("b", [2], "INT64", [3, 6]))),
    ):
        assert {name: array.tolist() for name, array in batch.model_input.items()} == {
            "a": [[1, 2], [4, 5]], "b": [3, 6],
        }  # fmt: skip
        assert batch.rows == [[[1, 2], 3], [[4, 5], 6]]


PARAMS = ParamSchema([ParamSpec("threshold", DataType.double, 0.5), ParamSpec("labels", DataType.string, ["a"], (-1,))])


def test_params_of_the_signature_are_handed_on_from_both_protocols() -> None:
    check = of(ColSpec("double", "a"), params=PARAMS)
    assert check.v1({"instances": [[1]], "parameters": {"threshold": 0.9, "labels": ["b"]}}).params == {
        "threshold": 0.9, "labels": ["b"],
    }  # fmt: skip
    request = InferRequest(
        "m", [InferInput("a", [1], "FP64", [1])], parameters={"threshold": 0.9, "content_type": "pd"}
    )
    assert check.v2(request).params == {"threshold": 0.9}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"parameters": {"treshold": 1}}, ("the request has unknown parameters ['treshold']; the model's are "
                                          "['threshold', 'labels']")),
        ({"parameters": [1]}, '"parameters" is a list, expected an object'),
        ({"params": {"threshold": 1}}, ("the body has unknown keys ['params'], allowed are \"instances\" and "
                                       '"parameters"')),
    ],
)  # fmt: skip
def test_a_parameter_that_the_model_does_not_know_is_refused(body: dict[str, Any], said: str) -> None:
    assert reason(of(ColSpec("double", "a"), params=PARAMS), {"instances": [[1]]} | body) == (said, 400)


def test_a_parameter_of_the_wrong_type_is_refused_in_mlflows_words() -> None:
    said, status = reason(
        of(ColSpec("double", "a"), params=PARAMS), {"instances": [[1]], "parameters": {"threshold": "x"}}
    )
    assert status == 400
    assert said.startswith("parameter 'threshold': "), said
