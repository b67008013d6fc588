"""What models answer, as JSON: no kind of answer may fail, and none may lose a row."""

import datetime as dt
import decimal
import json
from typing import Any

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa
import pytest
from scipy import sparse

from loop.model.answers import NotPerRowError, per_row, plain, tensors

NAN = float("nan")
FRAME = pd.DataFrame({0: [0.1, NAN], 1: [1, 2]})
ANSWERS: dict[str, tuple[Any, list[Any]]] = {
    "numbers": (np.array([0.5, NAN]), [0.5, None]),
    "labels": (np.array(["spam", "ham"]), ["spam", "ham"]),
    "objects": (np.array(["spam", None], object), ["spam", None]),
    "booleans": (np.array([True, False]), [True, False]),
    "infinite": ([1, float("inf")], [1, None]),
    "a frame with integer labels": (FRAME, [{"0": 0.1, "1": 1}, {"0": None, "1": 2}]),
    "a frame with labels of two levels": (FRAME.set_axis([("a", 1), ("a", 2)], axis=1), [{"a/1": 0.1, "a/2": 1},
                                                                                   {"a/1": None, "a/2": 2}]),
    "a frame with one label twice": (FRAME.set_axis(["a", "a"], axis=1), [{"a": 0.1, "a.1": 1}, {"a": None, "a.1": 2}]),
    "a series": (pd.Series([1.5, 2.5], index=[7, 9]), [1.5, 2.5]),
    "an array of rank 3": (np.zeros((2, 1, 2)), [[[0.0, 0.0]]] * 2),
    "lists of differing lengths": ([[1], [2, 3]], [[1], [2, 3]]),
    "objects by row": ([{"a": np.float32(0.5)}, {"b": [np.int64(1)]}], [{"a": 0.5}, {"b": [1]}]),
    "arrays by name": ({"a": np.array([1, 2]), "b": np.array([[1.0], [2.0]])}, [{"a": 1, "b": [1.0]},
                                                                                {"a": 2, "b": [2.0]}]),
    "one array per output": ([np.array([[0.1], [0.2]])] * 3, [[[0.1]] * 3, [[0.2]] * 3]),
    "a sparse matrix": (sparse.csr_matrix(np.eye(2)), [[1.0, 0.0], [0.0, 1.0]]),
    "times": (pd.Series([pd.Timestamp("2026-01-02"), pd.NaT]), ["2026-01-02T00:00:00", None]),
    "long doubles": (np.array([0.5, np.inf], np.longdouble), [0.5, None]),
    "rare scalars": ([decimal.Decimal("0.5"), dt.date(2026, 1, 2)], [0.5, "2026-01-02"]),
    "large integers": ([2**70, 2**64 - 1], [str(2**70), 2**64 - 1]),
    "a table of Arrow": (pa.table({"a": [0.5, None], "b": ["x", "y"]}), [{"a": 0.5, "b": "x"}, {"a": None, "b": "y"}]),
    "bytes": ([b"\x00\x01", {1, 2} - {2}], ["AAE=", [1]]),
}  # fmt: skip


@pytest.mark.parametrize("case", ANSWERS)
def test_any_answer_is_valid_json_row_by_row_and_as_v2_tensors(case: str) -> None:
    result, expected = ANSWERS[case]
    answers = per_row(result, 2)
    assert orjson.loads(orjson.dumps(answers)) == expected
    for output in tensors(answers, result):
        json.dumps(output, allow_nan=False)
        assert np.prod(output["shape"], dtype=int) == len(output["data"])
        assert output["shape"][0] == 2


@pytest.mark.parametrize("result", ["text", {"horizon": 3}, np.zeros(3), np.float64(1), None, pd.DataFrame({"a": [1]})])
def test_an_answer_that_is_not_one_per_row_is_told_from_one_that_is(result: object) -> None:
    with pytest.raises(NotPerRowError):
        per_row(result, 2)


@pytest.mark.parametrize("result", [3.5, np.array(3.5), np.float32(3.5)])
def test_a_lone_number_answers_one_row(result: object) -> None:
    assert per_row(result, 1) == [3.5]


@pytest.mark.parametrize(
    "result", ["text", {"a": 1}, None, np.array(None), np.array("text"), pd.DataFrame(), [[1], [2, 3]]]
)
def test_what_is_no_number_answers_no_row_alone(result: object) -> None:
    with pytest.raises(NotPerRowError):
        per_row(result, 1)


@pytest.mark.parametrize("answer", [map(str, range(3)), (str(at) for at in range(3)), iter(["0", "1", "2"])])
def test_answers_that_come_one_by_one_are_one_for_each_row(answer: object) -> None:
    assert per_row(answer, 3) == ["0", "1", "2"]


def test_an_answer_deeper_than_json_writers_go_is_cut_off() -> None:
    nested: Any = []
    for _ in range(2000):
        nested = [nested]
    with pytest.raises(TypeError):
        orjson.dumps(nested)
    orjson.dumps(plain(nested))


def test_tensors_keep_the_types_of_frames_and_arrays() -> None:
    frame = pd.DataFrame({"a": np.array([0.5, 1], "f4"), "b": [1, 2], "c": ["x", "y"], "d": [True, False]})
    assert [(each["name"], each["datatype"]) for each in tensors(per_row(frame, 2), frame)] == [
        ("a", "FP32"), ("b", "INT64"), ("c", "BYTES"), ("d", "BOOL"),
    ]  # fmt: skip
    (output,) = tensors([{"a": 1}, {"b": 2}], None)
    assert (output["datatype"], output["data"]) == ("BYTES", ['{"a": 1}', '{"b": 2}'])
