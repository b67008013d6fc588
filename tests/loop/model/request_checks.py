"""Signatures, and what the check of a request says."""

import pytest
from kserve.protocol.infer_type import InferInput, InferRequest
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, Schema

from loop.model.errors import RejectedError
from loop.model.requests import InputCheck

SIGNATURE = ModelSignature(
    inputs=Schema(
        [
            ColSpec(DataType.double, "price"),
            ColSpec(DataType.long, "pages"),
            ColSpec(DataType.boolean, "signed"),
            ColSpec(DataType.string, "genre"),
            ColSpec(DataType.double, "rating", required=False),
        ]
    )
)


def reason(check: InputCheck, body: object) -> tuple[str, int]:
    with pytest.raises(RejectedError) as caught:
        check.v1(body)
    return str(caught.value), caught.value.status


def v2(*inputs: InferInput) -> InferRequest:
    return InferRequest("books", list(inputs))
