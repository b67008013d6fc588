"""Durations as Kubernetes and Prometheus users write them: `90s`, `30m`, `6h`, `1h30m`, `7d`."""

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema

from settings.problem import Rule

_SECONDS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_PATTERN = "^(?=.)" + "".join(rf"([1-9][0-9]{{0,5}}{unit})?" for unit in _SECONDS) + "$"


def _parse(value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str) or not re.fullmatch(_PATTERN, value):
        raise ValueError
    return timedelta(seconds=sum(int(part[:-1]) * _SECONDS[part[-1]] for part in re.findall(r"[0-9]+[dhms]", value)))


Duration = Annotated[
    timedelta,
    BeforeValidator(_parse),
    WithJsonSchema({"type": "string", "pattern": _PATTERN}),
    Rule("a duration with a unit, such as 6h or 1h30m", "Append one of s, m, h or d"),
]
