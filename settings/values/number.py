"""Numbers and switches. All strict: `"2"`, `2.0` and `true` are not the integer 2."""

from typing import Annotated

from pydantic import Field

from settings.problem import Allowed

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
    Field(strict=True, gt=0, lt=1),
    Allowed("a number between 0 and 1, both excluded", "Write a fraction such as 0.05"),
]

Fraction = Annotated[
    float,
    Field(strict=True, ge=0, lt=1),
    Allowed("a number from 0 to 1, 1 excluded", "Write a fraction such as 0.1"),
]

Number = Annotated[
    float, Field(strict=True, allow_inf_nan=False), Allowed("a number", "Write it without quotes, such as 0.7")
]

Positive = Annotated[
    float,
    Field(strict=True, gt=0, allow_inf_nan=False),
    Allowed("a number above 0", "Write it without quotes; smaller is stricter"),
]
