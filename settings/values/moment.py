"""Moments in time."""

import re
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator

from settings.problem import Allowed

_PATTERN = r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}:[0-9]{2}([.,][0-9]{1,6})?(Z|[+-][0-9]{2}(:[0-9]{2})?)?)?"


def _utc(text: str) -> str:
    if not re.fullmatch(_PATTERN, text):
        raise ValueError
    moment = datetime.fromisoformat(text)
    try:
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:  # a moment before the year 1
        raise ValueError from None
    return moment.replace(tzinfo=None).isoformat().rstrip("0" if moment.microsecond else "") + "Z"


Moment = Annotated[
    str,
    AfterValidator(_utc),
    Allowed("a moment such as 2027-01-31T12:00:00Z", "Write date and time, in UTC or with an offset such as +02:00"),
]
"""Read as UTC where it names no offset, and handed on in UTC."""
