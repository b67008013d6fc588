"""The intervals in which numbers must lie, for the settings of the stack file and for the programs in pods."""

import math
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, kw_only=True)
class Interval:
    """The finite numbers between two ends, which are named as in pydantic: the settings' types are made of them."""

    said: str
    """The interval in words: `between 0 and 1, both excluded`."""
    ge: float | None = None
    gt: float | None = None
    lt: float | None = None

    def __contains__(self, number: float) -> bool:
        return (
            math.isfinite(number)
            and (self.ge is None or number >= self.ge)
            and (self.gt is None or number > self.gt)
            and (self.lt is None or number < self.lt)
        )


PROBABILITY: Final = Interval(said="between 0 and 1, both excluded", gt=0, lt=1)
FRACTION: Final = Interval(said="from 0 to 1, 1 excluded", ge=0, lt=1)
POSITIVE: Final = Interval(said="above 0", gt=0)
NOT_NEGATIVE: Final = Interval(said="of at least 0", ge=0)
