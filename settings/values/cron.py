"""Schedules in the dialect of robfig/cron, with which Argo (v3.0.1) and CloudNativePG (v1.2.0) read them.

Five fields (https://pkg.go.dev/github.com/robfig/cron/v3#hdr-CRON_Expression_Format), `@daily` and its like, or
`@every 90m`. Weekdays go from 0 to 6, Sunday first; there is no `L`, `W` or `#`. Python's parsers know other dialects.
"""

import re
from collections.abc import Mapping, Sequence, Set
from typing import Annotated, NamedTuple
from zoneinfo import available_timezones

from pydantic import AfterValidator

from settings.problem import Allowed

_STAR = -1
"""Beside the values of a field: it restricts nothing."""


class _Field(NamedTuple):
    first: int
    last: int
    names: Mapping[str, int] = {}


def _named(first: int, names: str) -> Mapping[str, int]:
    return {name: value for value, name in enumerate(names.split(), start=first)}


_SECONDS, _MINUTES, _HOURS, _DAYS = _Field(0, 59), _Field(0, 59), _Field(0, 23), _Field(1, 31)
_MONTHS = _Field(1, 12, _named(1, "jan feb mar apr may jun jul aug sep oct nov dec"))
_WEEKDAYS = _Field(0, 6, _named(0, "sun mon tue wed thu fri sat"))
_STANDARD = (_MINUTES, _HOURS, _DAYS, _MONTHS, _WEEKDAYS)


class _Dialect(NamedTuple):
    fields: Sequence[_Field]
    stepped_star: bool
    """Whether */2 restricts as little as * where a day must match its date, its weekday, or either."""


_ARGO = _Dialect(_STANDARD, stepped_star=False)
_CLOUDNATIVEPG = _Dialect((_SECONDS, *_STANDARD), stepped_star=True)
_DESCRIPTORS = {"@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"}
_LONGEST_MONTH = {2: 29, 4: 30, 6: 30, 9: 30, 11: 30}

_EVERY = re.compile(r"@every \+?((?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:ns|[uµμ]s|ms|s|m|h))+)")
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_LONGEST = 2**63 / 1e9
"""Seconds, as Go counts nanoseconds."""


def zoned(cron: str) -> tuple[str, str]:
    """The time zone that the expression names in front, or UTC, and the rest of it."""
    if not cron.startswith(("CRON_TZ=", "TZ=")):
        return "Etc/UTC", cron
    zone, _, rest = cron.partition("=")[2].partition(" ")
    return zone or "Etc/UTC", rest.strip()


def with_seconds(cron: str) -> str:
    """The expression as CloudNativePG wants it: a field for seconds in front."""
    return f"0 {cron}" if len(cron.split()) == len(_STANDARD) else cron


def _number(text: str, names: Mapping[str, int]) -> int:
    if text.lower() in names:
        return names[text.lower()]
    if not re.fullmatch(r"\+?[0-9]{1,18}", text):
        raise ValueError
    return int(text)


def _range(text: str, field: _Field, dialect: _Dialect) -> set[int]:
    span, *steps = text.split("/")
    low, *high = span.split("-")
    unbounded = low in {"*", "?"}
    if len(steps) > 1 or (len(high) > 1 and not unbounded):
        raise ValueError
    step = _number(steps[0], {}) if steps else 1
    if unbounded:
        first, last = field.first, field.last
    else:
        first = _number(low, field.names)
        # "5/15" says: from 5 to the end.
        last = _number(high[0], field.names) if high else (field.last if steps else first)
    if not field.first <= first <= last <= field.last or step == 0:
        raise ValueError
    return {*range(first, last + 1, step), *([_STAR] if unbounded and (step == 1 or dialect.stepped_star) else [])}


def _values(text: str, field: _Field, dialect: _Dialect) -> set[int]:
    return {value for part in text.split(",") if part for value in _range(part, field, dialect)}


def _ever(days: Set[int], months: Set[int], weekdays: Set[int]) -> bool:
    """Whether there is such a day: robfig also accepts the 30th of February, and then waits forever."""
    either_will_do = _STAR not in days and _STAR not in weekdays
    return either_will_do or any(min(days - {_STAR}) <= _LONGEST_MONTH.get(month, 31) for month in months - {_STAR})


def _seconds(duration: str) -> float:
    return sum(float(number) * _UNITS[unit] for number, unit in re.findall("([0-9.]+)([^0-9.]+)", duration))


def _check(expression: str, dialect: _Dialect) -> None:
    if expression in _DESCRIPTORS:
        return
    if every := _EVERY.fullmatch(expression):
        # robfig rounds less than a second up to a second.
        if not 1 <= _seconds(every[1]) < _LONGEST:
            raise ValueError
        return
    texts = expression.split()
    if expression.startswith("@") or not len(_STANDARD) <= len(texts) <= len(dialect.fields):
        raise ValueError
    # The field for seconds, where there is one, is the one to leave out.
    fields = dialect.fields[-len(texts) :]
    values = [_values(text, field, dialect) for text, field in zip(texts, fields, strict=True)]
    if not all(values) or not _ever(*values[-3:]):
        raise ValueError


def _argo(cron: str) -> str:
    zone, expression = zoned(cron)
    if zone not in available_timezones():
        raise ValueError
    _check(expression, _ARGO)
    return cron


def _cloudnativepg(cron: str) -> str:
    _check(cron, _CLOUDNATIVEPG)
    return cron


Cron = Annotated[
    str,
    AfterValidator(_argo),
    Allowed(
        "a cron expression of five fields, such as 0 3 * * 1",
        "Write minute, hour, day, month and weekday (0 to 6, Sunday is 0), in UTC or with CRON_TZ=Europe/Berlin in "
        "front, or @daily",
    ),
]
"""When to train, as Argo reads it."""

BackupCron = Annotated[
    str,
    AfterValidator(_cloudnativepg),
    Allowed(
        "a cron expression of five fields, such as 0 3 * * 1",
        "Write minute, hour, day, month and weekday (0 to 6, Sunday is 0), in UTC, or @daily",
    ),
]
"""When to back up, as CloudNativePG reads it: also six fields, seconds first; no time zone."""
