"""The rows that a model is asked with have the types of its signature, which its reference as CSV does not tell."""

from typing import Any

import pytest

from tests.local.check.station import Station

REFERENCE = "age,code,member\n31.0,16,True\n,007,False\n52.5,,\n"
SIGNATURE = [
    {"type": "double", "name": "age"},
    {"type": "string", "name": "code"},
    {"type": "boolean", "name": "member"},
]


@pytest.mark.parametrize(
    ("signature", "rows"),
    [
        (SIGNATURE, [[31.0, "16", True], [None, "007", False], [52.5, None, None]]),
        ([], [[31.0, 16.0, "True"], [None, 7.0, "False"], [52.5, None, None]]),
        (
            [{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1, 3]}}],
            [[31.0, 16.0, "True"], [None, 7.0, "False"], [52.5, None, None]],
        ),
    ],
    ids=["named columns", "no signature to be had", "a tensor"],
)
def test_a_row_has_the_types_that_the_signature_names(
    signature: list[dict[str, Any]], rows: list[list[object]]
) -> None:
    assert Station(reference=REFERENCE, signature=signature).live().rows == rows
