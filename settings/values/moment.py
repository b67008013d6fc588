"""Moments in time."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator

from settings.problem import Rule


def _utc(text: str) -> str:
    datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    return text


Moment = Annotated[
    str,
    AfterValidator(_utc),
    Rule("a moment such as 2027-01-31T12:00:00Z", "Write date and time in UTC, in quotes"),
]
