"""Kubernetes quantities of CPU and bytes (https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/)."""

import re
from decimal import Decimal
from typing import Annotated

from pydantic import BeforeValidator, Field

from settings.problem import Rule

_UNITS = {
    "m": Decimal("0.001"),
    "": Decimal(1),
    **{unit: Decimal(1000) ** power for power, unit in enumerate("kMGTP", start=1)},
    **{f"{unit}i": Decimal(1024) ** power for power, unit in enumerate("KMGTP", start=1)},
}

Size = Annotated[
    str,
    Field(pattern=r"^[1-9][0-9]*(\.[0-9]+)?(Ki|Mi|Gi|Ti|Pi|k|M|G|T|P)$"),
    Rule("a size with a unit, such as 20Gi", "Append one of Ki, Mi, Gi, Ti or Pi"),
]
"""Bytes. The unit is required: Kubernetes reads `20` as twenty bytes."""


def _written_as_number(value: object) -> object:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


Cpu = Annotated[
    str,
    Field(pattern=r"^([1-9][0-9]*m|[1-9][0-9]*(\.[0-9]+)?|0\.[0-9]*[1-9][0-9]*)$"),
    BeforeValidator(_written_as_number, json_schema_input_type=str | int | float),
    Rule("CPUs such as 2, 0.5 or 500m", "Write whole CPUs, a fraction, or thousandths with the unit m"),
]
"""CPUs. A plain number is fine, as everywhere in Kubernetes."""


def amount(quantity: str) -> Decimal:
    """The quantity as a number: bytes, or CPUs."""
    # It was validated when the settings were read.
    number, unit = re.fullmatch(r"([0-9.]+)([A-Za-z]*)", quantity).groups()  # pyright: ignore[reportOptionalMemberAccess]
    return Decimal(number) * _UNITS[unit]
