"""Kubernetes quantities of CPU and bytes (https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/)."""

import re
from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from settings.problem import Allowed

_NUMBER = r"\+?([0-9]+\.?[0-9]*|\.[0-9]+)"
_EXPONENT = r"[eE][+-]?[0-9]{1,3}"
_CPU = rf"^{_NUMBER}([numkMGTPE]?|{_EXPONENT})$"
# Without a unit, or in thousandths, at least a million: 20 would be twenty bytes.
_SIZE = rf"^({_NUMBER}([KMGTPE]i|[kMGTPE]|{_EXPONENT})|\+?[0-9]{{7,}}(\.[0-9]*)?m?)$"

_UNITS = {
    **{unit: Decimal(1000) ** power for power, unit in enumerate(["n", "u", "m", "", *"kMGTPE"], start=-3)},
    **{f"{unit}i": Decimal(1024) ** power for power, unit in enumerate("KMGTPE", start=1)},
}
_LARGEST = 2**63 - 1
"""Kubernetes silently caps more."""


def amount(quantity: str) -> Decimal:
    """The quantity as a number: bytes, or CPUs."""
    # It was validated when the settings were read; 1E is an exa, 1E3 a thousand.
    number, unit = re.fullmatch(r"(.*?[0-9.])([A-DF-Za-df-z]?i?|E|Ei|[eE].+)", quantity).groups()  # pyright: ignore[reportOptionalMemberAccess]
    return Decimal(f"{number}{unit}") if unit not in _UNITS else Decimal(number) * _UNITS[unit]


def _within_limits(quantity: str) -> str:
    if not 0 < amount(quantity) <= _LARGEST:
        raise ValueError
    return quantity


def _more_than_a_unit_forgotten(size: str) -> str:
    if amount(size) < (_UNITS["Mi"] if re.fullmatch(r"[0-9.+]+m?", size) else 1):
        raise ValueError
    return size


def _written_as_number(value: object) -> object:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


Size = Annotated[
    str,
    Field(pattern=_SIZE),
    AfterValidator(_within_limits),
    AfterValidator(_more_than_a_unit_forgotten),
    BeforeValidator(
        _written_as_number,
        json_schema_input_type=Annotated[str, Field(pattern=_SIZE)] | Annotated[float, Field(ge=2**20)],
    ),
    Allowed("a size with a unit, such as 20Gi", "Append one of Ki, Mi, Gi, Ti or Pi"),
]
"""Bytes. A number without a unit is accepted from 1 MiB on: Kubernetes reads `20` as twenty bytes."""

Cpu = Annotated[
    str,
    Field(pattern=_CPU),
    AfterValidator(_within_limits),
    BeforeValidator(_written_as_number, json_schema_input_type=Annotated[str, Field(pattern=_CPU)] | int | float),
    Allowed("CPUs such as 2, 0.5 or 500m", "Write whole CPUs, a fraction, or thousandths with the unit m"),
]
"""CPUs. A plain number is fine, as everywhere in Kubernetes."""
