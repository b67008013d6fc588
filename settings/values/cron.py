"""Schedules: cron expressions of five fields, as Kubernetes and Argo read them."""

from typing import Annotated

from croniter import croniter
from pydantic import AfterValidator

from settings.problem import Rule


def _five_fields(expression: str) -> str:
    # croniter also reads six fields and random ("R") ones, which Argo refuses only after the objects were created.
    if len(expression.split()) != 5 or "R" in expression or not croniter.is_valid(expression):
        raise ValueError
    return expression


Cron = Annotated[
    str,
    AfterValidator(_five_fields),
    Rule("a cron expression of five fields, such as 0 3 * * 1", "Write minute, hour, day, month and weekday (UTC)"),
]
