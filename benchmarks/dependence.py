"""False retrains in a year of rows that depend on each other, without any drift: `python3 -m benchmarks.dependence`.

In the loop's environment. Each year has a reference of its own: the rows just before it, in their order.
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from benchmarks.simulation import RULES, Scenario, interval, outcome, year
from contract.drift import DriftSettings

HEAD: Final = """\
| features | half-life, rows | dial | years | false retrains a year | worst year | naive a year | looks worth too few |
| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"""
_OURS, _NAIVE = RULES[0], RULES[-1]


def lines(scenario: Scenario, dials: Sequence[float], years: int, seed: int = 1) -> list[str]:
    """One line for each accepted rate, over the same years."""
    random = np.random.default_rng(seed)
    dialled = [replace(scenario, settings=replace(scenario.settings, false_retrains_per_year=dial)) for dial in dials]
    blind, naive, retrains = [], [], np.zeros((len(dials), years), dtype=int)
    for number in range(years):
        compared = year(scenario, random)
        blind.append(float(compared.blind.mean()))
        naive.append(outcome(scenario, _NAIVE, compared).retrains)
        retrains[:, number] = [outcome(each, _OURS, compared).retrains for each in dialled]
    said = []
    for dial, counted in zip(dials, retrains, strict=True):
        low, high = interval(int(counted.sum()), years)
        cells = (
            *(len(scenario.settings.features), f"{scenario.half_life:g}", f"{dial:g}", years),
            *(f"{counted.mean():.2f} ({low:.2f} to {high:.2f})", counted.max()),
            *(f"{np.mean(naive):.0f}", f"{np.mean(blind):.0%}"),
        )
        said.append(f"| {' | '.join(map(str, cells))} |")
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
    parser.add_argument("--features", type=int, nargs="+", default=[1])
    parser.add_argument("--window", type=int, default=1000)
    parser.add_argument("--every", type=int, help="rows from one look to the next (default: a quarter of the window)")
    parser.add_argument("--reference-rows", type=int, default=1000)
    parser.add_argument("--predictions-per-hour", type=float, default=1000.0)
    given = parser.parse_args()
    print(HEAD, flush=True)
    for features in given.features:
        names = tuple(f"feature {n}" for n in range(1, features + 1))
        settings = DriftSettings(features=names, window=given.window, every=given.every)
        for half_life in given.half_life:
            scenario = Scenario(
                settings, given.predictions_per_hour, reference_rows=given.reference_rows, half_life=half_life
            )
            print(*lines(scenario, given.dial, given.years), sep="\n", flush=True)


if __name__ == "__main__":
    main()
