"""Numbers and switches. All strict: `"2"`, `2.0` and `true` are not the integer 2."""

from typing import Annotated, Any

from pydantic import Field

from contract import intervals
from contract.intervals import Interval
from settings.problem import Allowed


def within(interval: Interval) -> Any:
    """The interval as pydantic's constraints."""
    return Field(strict=True, ge=interval.ge, gt=interval.gt, lt=interval.lt, allow_inf_nan=False)


Flag = Annotated[bool, Field(strict=True), Allowed("true or false", "Write it without quotes")]

Replicas = Annotated[
    int,
    Field(strict=True, ge=1),
    Allowed("an integer of at least 1", "Set it to 2 or more for a server that survives a restart"),
]

Count = Annotated[
    int, Field(strict=True, ge=1), Allowed("an integer of at least 1", "Write a whole number, without quotes")
]

Percentage = Annotated[
    int, Field(strict=True, ge=0, le=100), Allowed("an integer from 0 to 100", "Write percent, without a % sign")
]

Utilization = Annotated[
    int, Field(strict=True, ge=1, le=100), Allowed("an integer from 1 to 100", "Write percent, without a % sign")
]

Probability = Annotated[
    float,
    within(intervals.PROBABILITY),
    Allowed(f"a number {intervals.PROBABILITY.said}", "Write a fraction such as 0.05"),
]

Fraction = Annotated[
    float,
    within(intervals.FRACTION),
    Allowed(f"a number {intervals.FRACTION.said}", "Write a fraction such as 0.1"),
]

Number = Annotated[
    float, Field(strict=True, allow_inf_nan=False), Allowed("a number", "Write it without quotes, such as 0.7")
]

Positive = Annotated[
    float,
    within(intervals.POSITIVE),
    Allowed(f"a number {intervals.POSITIVE.said}", "Write it without quotes; smaller is stricter"),
]
