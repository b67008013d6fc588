"""False retrains in a year of rows that depend on each other, without any drift: `python3 -m benchmarks.dependence`.

In the loop's environment. Each year has a reference of its own: the rows just before it, in their order.
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from benchmarks.simulation import Scenario, interval, retrain
from benchmarks.streams import Compared, autoregressive, compare
from contract.drift import DriftSettings
from loop.drift.statistics import YEAR

HEAD = """\
| half-life, rows | dial | false retrains a year | worst year | naive a year | windows worth too few rows |
| ---: | ---: | ---: | ---: | ---: | ---: |"""


def year(scenario: Scenario, half_life: float, random: np.random.Generator) -> Compared:
    """A year without drift."""
    rows = int(YEAR / scenario.window_seconds) * scenario.settings.window + scenario.reference_rows
    stream = autoregressive(rows, len(scenario.settings.features), half_life, random)
    return compare(scenario.settings, *np.split(stream, [scenario.reference_rows]))


def lines(scenario: Scenario, half_life: float, dials: Sequence[float], years: int, seed: int = 1) -> list[str]:
    """One for each dial, over the same years."""
    random, seconds = np.random.default_rng(seed), scenario.window_seconds
    settings = [replace(scenario.settings, false_retrains_per_year=dial) for dial in dials]
    blind, naive, retrains = [], [], np.zeros((len(dials), years), dtype=int)
    for number in range(years):
        compared = year(scenario, half_life, random)
        blind.append(float(compared.blind.mean()))
        naive.append(retrain(scenario, compared.naive < scenario.settings.p_value, seconds).retrains)
        for at, dial in enumerate(settings):
            drifted = compared.published(dial, seconds) < dial.p_value
            retrains[at, number] = retrain(scenario, drifted, seconds).retrains
    said = []
    for dial, counted in zip(dials, retrains, strict=True):
        low, high = interval(int(counted.sum()), years)
        rate = f"{counted.mean():.2f} ({low:.2f} to {high:.2f})"
        said.append(
            f"| {half_life:g} | {dial:g} | {rate} | {counted.max()} | {np.mean(naive):.0f} | {np.mean(blind):.0%} |"
        )
    return said


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python3 -m benchmarks.dependence",
        description=(__doc__ or "").partition("\n")[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--years", type=int, default=10)
    parser.add_argument("--half-life", type=float, nargs="+", default=[0, 10, 100, 1000], help="in rows")
    parser.add_argument("--dial", type=float, nargs="+", default=[1, 12], help="false retrains a year")
    parser.add_argument("--features", type=int, default=1)
    parser.add_argument("--window", type=int, default=1000)
    parser.add_argument("--reference-rows", type=int, default=1000)
    given = parser.parse_args()
    names = tuple(f"feature {n}" for n in range(1, given.features + 1))
    scenario = Scenario(DriftSettings(features=names, window=given.window), reference_rows=given.reference_rows)
    print(HEAD, flush=True)
    for half_life in given.half_life:
        print(*lines(scenario, half_life, given.dial, given.years), sep="\n", flush=True)


if __name__ == "__main__":
    main()
