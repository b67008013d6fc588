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

    @property
    def bound(self) -> str:
        """What the settings and the gate's report call the bound."""
        return "minimum" if self is Direction.HIGHER else "maximum"

    @property
    def asks(self) -> str:
        """How the bound reads before its number."""
        return "at least" if self is Direction.HIGHER else "at most"

    def gain(self, value: float, beside: float) -> float:
        """By how much one value is better than another; negative: worse."""
        return value - beside if self is Direction.HIGHER else beside - value

    def eased(self, bound: float, by: float) -> float:
        """The bound, made easier to meet by so much."""
        return bound - by if self is Direction.HIGHER else bound + by


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


@dataclass(frozen=True, kw_only=True)
class Slices:
    """Groups of the evaluated rows, in none of which a candidate may be worse than the version in production."""

    by: tuple[str, ...]
    """Columns of the evaluated rows: each value of each is a group."""
    metric: str
    """One of the gate's."""
    tolerance: float = 0.0
    min_rows: int = 50
    """Groups with fewer rows are named but not judged."""

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Slices":
        """What `to_json` wrote. Raises ValueError, which says what is wrong."""
        try:
            found = json.loads(text)
            return cls(
                by=tuple(map(str, found["by"])),
                metric=str(found["metric"]),
                tolerance=float(found["tolerance"]),
                min_rows=int(found["min_rows"]),
            )
        except (TypeError, KeyError, ValueError):
            raise ValueError(
                f"it must be a JSON object with by, metric, tolerance and min_rows, and is {text[:100]!r}"
            ) from None


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


def nothing_new_to_learn(version: str) -> str:
    """What a training says that has nothing to learn, as `version` has learned it."""
    return f"nothing new to learn: version {version} was made of the same rows by the same code"
