"""What the servers of a version counted."""

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
    squares: float = 0.0
    """Sum of the squares of these times; 0 where the servers do not count it, as those of older images."""
    rows: int = 0
    """Rows that were answered; 0 as above."""

    def __add__(self, other: "Traffic") -> "Traffic":
        return Traffic(
            self.answered + other.answered,
            self.failed + other.failed,
            self.refused + other.refused,
            self.seconds + other.seconds,
            self.squares + other.squares,
            self.rows + other.rows,
        )

    def since(self, before: "Traffic") -> "Traffic | None":
        """What came after `before`; None where a server has gone and its numbers with it."""
        new = Traffic(
            self.answered - before.answered,
            self.failed - before.failed,
            self.refused - before.refused,
            self.seconds - before.seconds,
            self.squares - before.squares,
            self.rows - before.rows,
        )
        return new if min(new.answered, new.failed, new.refused, new.seconds) >= 0 else None

    @property
    def requests(self) -> int:
        return self.answered + self.failed + self.refused

    @property
    def latency(self) -> float | None:
        """Mean seconds of an answer; None where there are too few."""
        return self.seconds / self.answered if self.answered >= MIN_REQUESTS else None

    @property
    def spread(self) -> float:
        """Variance of an answer's time over its mean squared; 1, as between random events, where it is not known."""
        mean = self.seconds / self.answered
        return max(0.0, self.squares / self.answered / mean**2 - 1) if self.squares and mean else 1.0

    @property
    def rows_each(self) -> float:
        """Mean number of rows of a request; 1 where it is not known."""
        return max(1.0, self.rows / self.answered) if self.answered else 1.0
