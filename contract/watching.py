"""How a version that goes live is watched, in production and in staging: limits and times, with their defaults."""

from dataclasses import dataclass
from typing import Annotated, Final


@dataclass(frozen=True)
class Limits:
    """How far a version may go before it is taken back (`models.<name>.promotion`)."""

    max_error_rate: Annotated[float, "share of its requests that may fail"] = 0.01
    max_latency_ratio: Annotated[float, "how many times as long a mean answer may take as with the one before"] = 1.5
    max_prediction_shift: Annotated[float, "how far predictions may be from those of the one before (KS)"] = 0.5


LIMITS: Final = Limits()
WATCH_SECONDS: Final = 60
"""How long a version is watched where nothing is set."""
ROLLOUT_SECONDS: Final = 300
"""The time after which a rollout is given up."""


@dataclass(frozen=True)
class Watching:
    """How long a version is watched, and its limits."""

    watch: Annotated[float, "seconds to watch the version for"] = WATCH_SECONDS
    limits: Limits = LIMITS


WATCHING: Final = Watching()
"""The values that hold where nothing is set."""
