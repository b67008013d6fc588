"""What the servers of one version counted."""

from dataclasses import dataclass
from typing import Final

MIN_REQUESTS: Final = 50
"""Answers of each version from which a mean latency, or a distribution of predictions, means anything."""


@dataclass(frozen=True)
class Traffic:
    """Requests that the servers of one version counted since they started."""

    answered: int = 0
    failed: int = 0
    """Ended with a 5xx status."""
    refused: int = 0
    """Ended with a 4xx status."""
    seconds: float = 0.0
    """Time spent on those that were answered."""

    def __add__(self, other: "Traffic") -> "Traffic":
        return Traffic(
            self.answered + other.answered,
            self.failed + other.failed,
            self.refused + other.refused,
            self.seconds + other.seconds,
        )

    def since(self, before: "Traffic") -> "Traffic | None":
        """What came after `before`; None where a server has gone with its numbers."""
        new = Traffic(
            self.answered - before.answered,
            self.failed - before.failed,
            self.refused - before.refused,
            self.seconds - before.seconds,
        )
        return new if min(new.answered, new.failed, new.refused, new.seconds) >= 0 else None

    @property
    def requests(self) -> int:
        return self.answered + self.failed + self.refused

    @property
    def latency(self) -> float | None:
        """Mean seconds of an answer; None where there are too few."""
        return self.seconds / self.answered if self.answered >= MIN_REQUESTS else None
