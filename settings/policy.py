"""Exceptions from the policy pack: written down, with a reason and an end."""

from datetime import date
from typing import Annotated

from pydantic import Field

from settings.problem import Allowed
from settings.section import Section

Text = Annotated[str, Field(min_length=1), Allowed("a text that is not empty", "Fill it in")]


class PolicyException(Section):
    """One rule of the policy pack that need not hold, until a date."""

    rule: Text
    """Name of the rule, as the policy report prints it."""
    object: Text = "*"
    """Objects for which it does not hold, as Kind/namespace/name, with * for any part."""
    reason: Text
    """Why, for the next reader."""
    expires: Annotated[date, Allowed("a date such as 2027-01-31", "Write year, month and day")]
    """First day on which the rule holds again."""
