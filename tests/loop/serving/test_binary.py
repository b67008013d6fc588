"""v2 requests with binary tensors, as KServe's own client writes them: answered, judged and refused as JSON is."""

import json
from typing import Any

import httpx
import numpy as np
import orjson
import pytest
from kserve import InferInput, InferRequest
from kserve.protocol.infer_type import serialize_byte_tensor
from serving_helpers import VALID, ModelServer

from loop.model.errors import RejectedError
from loop.serving.binary import HEADER, as_json

ROWS = np.array([[1.5, 2, 3], [4, 5, 6]])
INFER = "/v2/models/books/infer"


def written(*tensors: tuple[str, str, Any]) -> tuple[bytes, bytes]:
    """(body, header) of KServe's client for tensors of a name, a datatype and an array."""
    inputs = [InferInput(name, list(array.shape), kind) for name, kind, array in tensors]
    for each, (_, _, array) in zip(inputs, tensors, strict=True):
        each.set_data_from_numpy(array, binary_data=True)
    body, length = InferRequest("books", inputs).to_rest()
    assert isinstance(body, bytes)
    return body, str(length).encode()


def post(server: ModelServer, body: bytes, header: bytes) -> httpx.Response:
    return server.post(INFER, body, **{HEADER.decode(): header.decode(), "content-type": "application/octet-stream"})


@pytest.mark.parametrize("kind", [np.float64, np.float32, np.float16, np.int64, np.uint8])
def test_a_binary_tensor_is_answered_as_the_same_in_json(server: ModelServer, kind: type[np.generic]) -> None:
    rows = ROWS.astype(kind)
    name = {"f": "FP", "i": "INT", "u": "UINT"}[rows.dtype.kind] + str(8 * rows.dtype.itemsize)
    answer = post(server, *written(("x", name, rows)))
    assert answer.status_code == 200, answer.text
    as_values = server.predict({"instances": rows.astype(float).tolist()})
    assert answer.json()["outputs"][0]["data"] == as_values.json()["predictions"]
    assert answer.headers["X-Request-Id"] == answer.json()["id"]


def test_binary_columns_by_name_may_stand_beside_one_in_json(server: ModelServer) -> None:
    body, header = written(("price", "FP64", ROWS[:, 0].copy()), ("pages", "INT32", np.array([3, 6], np.int32)))
    request = orjson.loads(body[: int(header)])
    request["inputs"].insert(1, {"name": "rating", "shape": [2], "datatype": "FP64", "data": [2, 5]})
    text = orjson.dumps(request)
    answer = post(server, text + body[int(header) :], str(len(text)).encode())
    assert answer.json()["outputs"][0]["data"] == pytest.approx([1.5, 4.0])


def test_a_binary_value_that_does_not_fit_is_named_as_in_json(server: ModelServer) -> None:
    for array, said in (
        (np.array([[1.0, np.nan, 3.0]]), "row 0, column 'rating' is missing (null)"),
        (np.ones((1, 2)), "input 'x' has shape [1, 2], expected [rows, 3] with at least one row"),
    ):
        answer = post(server, *written(("x", "FP64", array)))
        assert (answer.status_code, answer.json()) == (400, {"error": said})


def test_a_binary_body_is_held_to_the_limits_of_every_body(server: ModelServer) -> None:
    large = post(server, *written(("x", "FP64", np.ones((50_000, 3)))))
    assert (large.status_code, large.json()["error"]) == (
        413, "the body is larger than 1048576 bytes: send fewer rows at once")  # fmt: skip
    many = post(server, *written(("x", "FP32", np.ones((1001, 3), np.float32))))
    assert (many.status_code, many.json()["error"]) == (
        413, "the request has 1001 rows, at most 1000 are answered at once")  # fmt: skip


def test_v1_has_no_binary_tensors(server: ModelServer) -> None:
    answer = server.predict(VALID, **{HEADER.decode(): "10"})
    said = "binary tensors are the v2 protocol's: send them to /v2/models/NAME/infer"
    assert (answer.status_code, answer.json()) == (415, {"error": said})


def test_texts_booleans_and_missing_values_become_what_json_has() -> None:
    texts = np.array(["Σ", "", "a"], object)
    body, header = written(("s", "BYTES", texts), ("b", "BOOL", np.array([True, False])),
                           ("f", "FP32", np.array([0.5, np.nan], np.float32)))  # fmt: skip
    read = {each["name"]: each for each in json.loads(as_json(body, header))["inputs"]}
    assert {name: each["data"] for name, each in read.items()} == {
        "s": ["Σ", "", "a"], "b": [True, False], "f": [0.5, None]}  # fmt: skip
    assert not any("binary_data_size" in each["parameters"] for each in read.values())


def body_of(raw: bytes, **tensor: object) -> tuple[bytes, bytes]:
    given = {"name": "x", "shape": [1], "datatype": "FP64", "parameters": {"binary_data_size": len(raw)}} | tensor
    text = orjson.dumps({"inputs": [given]})
    return text + raw, str(len(text)).encode()


LENGTH = "the header Inference-Header-Content-Length is {}, expected the number of bytes of the JSON at the start of"
WRONG: dict[str, tuple[tuple[bytes, bytes], str]] = {
    "no number": ((b"{}", b"x"), LENGTH.format("'x'")),
    "longer than the body": ((b"{}", b"3"), LENGTH.format("'3'")),
    "no length": ((b"{}", b"0"), LENGTH.format("'0'")),
    "cut in the middle": ((b'{"inputs": []}', b"5"), "the first 5 bytes of the body, as the header says, are no JSON"),
    "too few bytes": (body_of(bytes(8), parameters={"binary_data_size": 9}),
                      "input 'x' has binary_data_size 9, expected an integer from 0 to 8"),
    "a size below zero": (body_of(bytes(8), parameters={"binary_data_size": -8}),
                          "input 'x' has binary_data_size -8, expected an integer from 0 to 8"),
    "a size that is true": (body_of(b"1", parameters={"binary_data_size": True}),
                            "input 'x' has binary_data_size True, expected an integer from 0 to 1"),
    "bytes over": (body_of(bytes(9), parameters={"binary_data_size": 8}),
                   "1 bytes at the end of the body belong to no tensor"),
    "half a number": (body_of(bytes(9)), "input 'x' has 9 bytes, which are no whole number of FP64"),
    "infinite": (body_of(np.array([np.inf]).tobytes()), "input 'x' has a value that is infinite, expected finite"),
    "both": (body_of(bytes(8), data=[1]), "input 'x' has both data and binary_data_size, expected one of them"),
    "an unknown type": (body_of(bytes(8), datatype="BF16"),
                        "input 'x' is of datatype 'BF16', which binary tensors do not have"),
    "text that is cut off": (body_of(b"\x05\x00\x00\x00abc", datatype="BYTES"),
                             "input 'x' has bytes that are no texts, each with its length in 4 bytes before it"),
    "half a length": (body_of(b"\x05\x00", datatype="BYTES"), "input 'x' has bytes that are no texts, each with"),
    "no UTF-8": (body_of(serialize_byte_tensor(np.array([b"\xff"], object)).item(), datatype="BYTES"),
                 "input 'x' has bytes that are no text in UTF-8; a column of bytes takes them as Base64"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_bytes_that_are_not_what_the_request_says_are_refused(case: str) -> None:
    (body, header), said = WRONG[case]
    with pytest.raises(RejectedError) as caught:
        as_json(body, header)
    assert str(caught.value).startswith(said)


def test_bytes_that_are_not_what_the_request_says_get_a_400(server: ModelServer) -> None:
    for body, header in ((case[0]) for case in WRONG.values()):
        assert post(server, body, header).status_code == 400


@pytest.mark.parametrize(
    "text", [b"[]", b"3", b'{"inputs": 3}', b'{"inputs": [3]}', b"{}", b'{"inputs": [{"parameters": 1}]}']
)
def test_json_that_is_no_request_is_the_next_one_s_to_refuse(server: ModelServer, text: bytes) -> None:
    assert json.loads(as_json(text, str(len(text)).encode())) == json.loads(text)
    assert post(server, text, str(len(text)).encode()).status_code == 400
