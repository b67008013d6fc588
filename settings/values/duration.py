"""Durations as Kubernetes and Prometheus users write them: `90s`, `30m`, `6h`, `1h30m`, `1.5h`, `7d`, `2w`."""

import re
from datetime import timedelta
from decimal import Decimal
from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema

from settings.problem import Allowed

_SECONDS = {"w": 604800, "d": 86400, "h": 3600, "m": 60, "s": 1}
_NUMBER = r"[0-9]{1,6}(\.[0-9]{1,6})?"
_PATTERN = "^(?=.*[1-9])" + "".join(rf"({_NUMBER}{unit})?" for unit in _SECONDS) + "$"


def _parse(value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str) or not re.fullmatch(_PATTERN, value, re.ASCII):
        raise ValueError
    seconds = sum(Decimal(part[:-1]) * _SECONDS[part[-1]] for part in re.findall(r"[0-9.]+[wdhms]", value))
    # Pods are told whole seconds.
    if seconds != int(seconds):
        raise ValueError
    return timedelta(seconds=int(seconds))


Duration = Annotated[
    timedelta,
    BeforeValidator(_parse),
    WithJsonSchema({"type": "string", "pattern": _PATTERN}),
    Allowed("a duration with a unit, such as 6h or 1h30m", "Append one of s, m, h, d or w"),
]
