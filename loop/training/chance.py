"""How far two models differ beyond chance: the paired bootstrap over the rows that both were measured on.

Each replicate draws the rows anew, with the same draw for both models, so that what is hard about a row is hard for
both. https://doi.org/10.1201/9780429246593
"""

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

import numpy as np
import pandas as pd

from loop.training import rows
from loop.training.step import TrainingError

LEVEL: Final = 0.95
"""Share of intervals that hold the true difference; for slices, of all those of a gate together."""
REPLICATES: Final = 400
"""Enough replicates to know the deviation to 4 %."""


@dataclass(frozen=True)
class Difference:
    """Interval of candidate less production; negative where the candidate's value is smaller."""

    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.low:+.4f} to {self.high:+.4f}"


@dataclass(frozen=True)
class Pair:
    """The evaluated rows of both models, in the same order."""

    candidate: pd.DataFrame
    production: pd.DataFrame

    def __post_init__(self) -> None:
        same = len(self.candidate) == len(self.production)
        if same and rows.OUTCOME in self.candidate and rows.OUTCOME in self.production:
            same = self.candidate[rows.OUTCOME].equals(self.production[rows.OUTCOME])
        if not same or list(self.candidate) != list(self.production):
            raise TrainingError(
                "the evaluate command must write the same rows in the same order for every model: "
                f"{len(self.candidate)} rows of {', '.join(map(str, self.candidate))} for the candidate and "
                f"{len(self.production)} of {', '.join(map(str, self.production))} for the version in production"
            )

    def within(self, inside: "pd.Series[bool]") -> "Pair":
        """The pair with some of the rows."""
        return Pair(self.candidate[inside], self.production[inside])

    def interval(self, metric: str, at_once: int = 1) -> Difference | None:
        """Interval of the difference, at `LEVEL` for `at_once` of them together; None where the rows do not tell.

        It is made of the replicates' deviation: percentiles that hold for many slices at once would need many thousands
        of them.
        """
        if not rows.knows(self.candidate, metric):
            return None
        measured = rows.score(self.candidate, metric) - rows.score(self.production, metric)
        count, random = len(self.candidate), np.random.default_rng(0)
        names = [each for each in (metric, rows.OUTCOME, rows.PREDICTION) if each in self.candidate]
        sides = [{name: frame[name].to_numpy() for name in names} for frame in (self.candidate, self.production)]
        found: list[float] = []
        for _ in range(REPLICATES):
            drawn = random.integers(0, count, count)
            one, other = (rows.score({name: cells[drawn] for name, cells in side.items()}, metric) for side in sides)
            if math.isfinite(one - other):
                found.append(one - other)
        if not math.isfinite(measured) or len(found) < REPLICATES / 2:
            return None
        wide = float(np.std(found)) * -NormalDist().inv_cdf((1 - LEVEL) / 2 / at_once)
        return Difference(measured - wide, measured + wide)
