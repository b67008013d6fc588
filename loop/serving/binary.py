"""v2 requests whose tensors follow the JSON as bytes, as Triton's and KServe's clients send them, read into the JSON.

One check thus judges every request. The header says how long the JSON is, and `binary_data_size` of
each tensor how many of the bytes behind it are its own (the protocol's extension "binary tensor data").
"""

import struct
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import orjson
from kserve.protocol.infer_type import deserialize_bytes_tensor
from kserve.utils.numpy_codec import to_np_dtype

from loop.model.errors import RejectedError

HEADER: Final = b"inference-header-content-length"
_SIZE: Final = "binary_data_size"


def as_json(body: bytes, header: bytes) -> bytes:
    """The request with its tensors in the JSON. Raises RejectedError."""
    length = int(header) if header.isdigit() else -1
    if not 0 < length <= len(body):
        raise RejectedError(
            f"the header Inference-Header-Content-Length is {header.decode('latin-1')[:40]!r}, expected the number of "
            f"bytes of the JSON at the start of the body, 1 to {len(body)}"
        )
    try:
        request = orjson.loads(body[:length])
    except orjson.JSONDecodeError as error:
        raise RejectedError(f"the first {length} bytes of the body, as the header says, are no JSON: {error}") from None
    rest = memoryview(body)[length:]
    inputs = request.get("inputs") if isinstance(request, dict) else None
    for tensor in inputs if isinstance(inputs, list) else []:
        # The SDK refuses what is not a tensor, as in a request that is all JSON.
        if isinstance(tensor, dict) and isinstance(said := tensor.get("parameters"), dict) and _SIZE in said:
            rest = _read(tensor, said, rest)
    if rest:
        raise RejectedError(f"{len(rest)} bytes at the end of the body belong to no tensor")
    return orjson.dumps(request)


def _read(tensor: dict[str, Any], said: Mapping[str, Any], rest: memoryview) -> memoryview:
    """Puts a tensor's values where JSON has them. Returns the bytes that follow its own."""
    name, size = tensor.get("name"), said[_SIZE]
    if type(size) is not int or not 0 <= size <= len(rest):
        raise RejectedError(f"input {name!r} has {_SIZE} {size!r}, expected an integer from 0 to {len(rest)}")
    if "data" in tensor:
        raise RejectedError(f"input {name!r} has both data and {_SIZE}, expected one of them")
    tensor["data"] = _values(name, str(tensor.get("datatype")), bytes(rest[:size]))
    tensor["parameters"] = {key: value for key, value in said.items() if key != _SIZE}
    if tensor["datatype"] == "FP16":  # which the SDK takes as bytes only
        tensor["datatype"] = "FP32"
    return rest[size:]


def _values(name: object, datatype: str, raw: bytes) -> list[Any]:
    if datatype == "BYTES":
        return _texts(name, raw)
    kind = to_np_dtype(datatype)
    if kind is None:
        raise RejectedError(f"input {name!r} is of datatype {datatype!r}, which binary tensors do not have")
    if len(raw) % np.dtype(kind).itemsize:
        raise RejectedError(f"input {name!r} has {len(raw)} bytes, which are no whole number of {datatype}")
    array = np.frombuffer(raw, kind)
    if array.dtype.kind == "f" and np.isinf(array).any():
        raise RejectedError(f"input {name!r} has a value that is infinite, expected finite numbers")
    return array.tolist()  # NaN becomes JSON's null: a missing value


def _texts(name: object, raw: bytes) -> list[str]:
    try:
        parts = [bytes(each) for each in deserialize_bytes_tensor(raw)]
    except struct.error:
        parts = []
    if sum(4 + len(part) for part in parts) != len(raw):
        raise RejectedError(f"input {name!r} has bytes that are no texts, each with its length in 4 bytes before it")
    try:
        return [part.decode() for part in parts]
    except UnicodeDecodeError:
        raise RejectedError(
            f"input {name!r} has bytes that are no text in UTF-8; a column of bytes takes them as Base64"
        ) from None
