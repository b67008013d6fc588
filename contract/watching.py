"""How a version that goes live is watched, in production and in staging: limits and times, with their defaults."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Limits:
    """What a version may do before it is taken back (`models.<name>.promotion`)."""

    max_error_rate: float = 0.01
    """Share of its requests that may fail."""
    max_latency_ratio: float = 1.5
    """How many times as long as with the version before a mean answer may take."""
    max_prediction_shift: float = 0.5
    """How far its predictions may be from those of the version before (the KS statistic)."""


LIMITS: Final = Limits()
"""What holds where nothing is set."""
WATCH_SECONDS: Final = 60
"""For how long a version is watched where nothing is set."""
ROLLOUT_SECONDS: Final = 300
"""After which a rollout is given up."""
