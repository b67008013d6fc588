"""`python -m benchmarks.judge`: how often chance alone condemns a version that equals the one before, by simulation.

The judge promises one in 10 000 looks (`ALPHA`). Needs: the loop's environment (`images/loop`).
"""

import sys
from collections.abc import Callable
from typing import Final

import numpy as np

from contract.watching import LIMITS
from loop.promotion.judge import Observation, judge
from loop.promotion.predictions import Sample, Value
from loop.promotion.traffic import Traffic

Draw = Callable[[np.random.Generator, int, float], list[Value]]
"""Draws predictions for so many requests; the last number is 1 by day and 0.2 at night, when rare classes are rarer."""


def scores(random: np.random.Generator, rows: int, _hour: float) -> list[Value]:
    return random.normal(size=rows).tolist()


def rare(share: float) -> Draw:
    return lambda random, rows, hour: (random.random(rows) < share * hour).astype(float).tolist()


def labels(count: int) -> Draw:
    return lambda random, rows, _hour: [f"label {each}" for each in random.zipf(1.5, rows) % count]


def batches(random: np.random.Generator, rows: int, _hour: float) -> list[Value]:
    """What counts of batches whose rows are alike: one row of each."""
    return np.repeat(random.normal(size=-(-rows // 20)), 20)[::20].tolist()


PROMISES: Final[dict[str, tuple[Draw, int, int, float]]] = {
    "scores": (scores, 60, 600, 1.0),
    "positives 1 %": (rare(0.01), 60, 600, 1.0),
    "positives 0.1 %": (rare(0.001), 600, 6000, 1.0),
    "positives 5 %": (rare(0.05), 60, 60, 1.0),
    "positives 1 %, by night": (rare(0.01), 1000, 6000, 0.2),
    "3 labels": (labels(3), 60, 600, 1.0),
    "1000 labels": (labels(1000), 60, 600, 1.0),
    "batches of 20": (batches, 1200, 12_000, 1.0),
}
"""Predictions, and how many rows of the new version and of the old one; the hour is the new one's."""


def answered(random: np.random.Generator, rows: int, failed: int, refused: int) -> Traffic:
    """Answers of 20 ms on average, most of them faster and a few ten times as slow."""
    seconds = 0.02 * random.lognormal(-0.5, 1.0, rows)
    return Traffic(rows, failed, refused, float(seconds.sum()), float((seconds**2).sum()), rows)


def condemned(which: str, looks: int, seed: int) -> int:
    """How many looks at an equal version end with a verdict against it."""
    draw, new, old, hour = PROMISES[which]
    random = np.random.default_rng(seed)

    def seen(version: str, rows: int, at: float) -> Observation:
        values = draw(random, rows, at)
        refused = int(random.binomial(rows, 0.03))
        failed = int(random.binomial(rows, LIMITS.max_error_rate / 2))
        traffic = answered(random, rows - refused - failed, failed, refused)
        return Observation(version, traffic, Sample((tuple(values),), rows))

    return sum(bool(judge(LIMITS, seen("2", new, hour), seen("1", old, 1.0)).failures) for _ in range(looks))


def main() -> None:
    looks = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    print("| predictions | looks | condemned by chance |\n| --- | ---: | ---: |")
    for which in PROMISES:
        print(f"| {which} | {looks} | {condemned(which, looks, seed=0)} |", flush=True)


if __name__ == "__main__":
    main()
