"""What the gate asks of each metric, as the stack hands it to the steps of a training (`names.Env.GATE`)."""

import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum

from contract.intervals import NOT_NEGATIVE


class Direction(StrEnum):
    """Which values of a metric are better."""

    HIGHER = "higher"
    LOWER = "lower"


@dataclass(frozen=True, kw_only=True)
class Criterion:
    """What one metric must reach, and how much worse than in production it may be on the same rows."""

    metric: str
    bound: float
    """The least value that passes where higher is better, the greatest where lower is."""
    direction: Direction = Direction.HIGHER
    tolerance: float = 0.0

    def __post_init__(self) -> None:
        if not math.isfinite(self.bound) or self.tolerance not in NOT_NEGATIVE:
            raise ValueError(
                f"the bound {self.bound:g} and the tolerance {self.tolerance:g} of {self.metric} must be finite, "
                "the tolerance not negative"
            )


def to_json(criteria: Iterable[Criterion]) -> str:
    return json.dumps([asdict(each) for each in criteria])


def from_json(text: str) -> tuple[Criterion, ...]:
    """What `to_json` wrote. Raises ValueError, which says what is wrong."""
    try:
        criteria = tuple(
            Criterion(
                metric=str(each["metric"]),
                bound=float(each["bound"]),
                direction=Direction(each["direction"]),
                tolerance=float(each["tolerance"]),
            )
            for each in json.loads(text)
        )
    except (TypeError, KeyError, json.JSONDecodeError):
        criteria = ()
    if not criteria:
        raise ValueError(f"it must be a JSON list with metric, bound, direction and tolerance, and is {text[:100]!r}")
    return criteria
