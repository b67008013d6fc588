"""False retrains in a year, and the delay under a drift: `python3 -m benchmarks.simulate`, in the loop's environment.

Shows what settings mean before they are used. In virtual time, with the detector's statistics and the cooldown's
decision: a year of predictions takes seconds.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks import streams
from benchmarks.simulation import RULES, RuleOutcome, Scenario, delays, interval, outcome, year
from benchmarks.streams import Floats
from contract import flags
from contract.drift import DriftSettings, DriftTest
from loop.drift.decision import Outcome, sight
from loop.drift.dependence import too_dependent, worth
from loop.drift.statistics import rows_needed, smallest_distance


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python3 -m benchmarks.simulate",
        description=(__doc__ or "").partition("\n")[0],
        epilog="Example: python3 -m benchmarks.simulate --window 2000 --predictions-per-hour 500 --shift 0.3",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    flags.add_to(parser, DriftSettings, without=["features"])
    parser.add_argument("--features", type=int, default=5, help="how many features are watched")
    parser.add_argument("--predictions-per-hour", type=float, default=1000.0)
    parser.add_argument("--reference-rows", type=int, default=1000, help="rows that training keeps as the reference")
    parser.add_argument("--cooldown", type=flags.seconds, default="21600s", help="between two retrains of a feature")
    parser.add_argument("--shift", type=float, default=0.5, help="the drift: a feature's mean, in standard deviations")
    parser.add_argument("--years", type=int, default=1, help="years without drift, each with a reference of its own")
    parser.add_argument("--trials", type=int, default=200, help="drifts whose delay is measured")
    parser.add_argument(
        "--autocorrelation", type=float, default=0.0, metavar="ROWS", help="rows in which their correlation halves"
    )
    parser.add_argument(
        "--stream", type=Path, metavar="FILE", help="instead: the rows of a CSV file; its first ones are the reference"
    )
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same table")
    return parser


def _scenario(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> Scenario:
    least = {"features": 1, "years": 1, "trials": 1, "reference_rows": 30, "predictions_per_hour": 0.1}
    for name, lowest in (least | {"autocorrelation": 0}).items():
        if not lowest <= getattr(arguments, name) < np.inf:
            flag = "--" + name.replace("_", "-")
            parser.error(f"{flag} is {getattr(arguments, name)}; it must be at least {lowest}.")
    if arguments.test is not DriftTest.KS:
        parser.error("--test mmd cannot be simulated: its permutations would take hours; the detector runs it.")
    try:
        names = tuple(f"feature {n}" for n in range(1, arguments.features + 1))
        settings = flags.read(DriftSettings, arguments, features=names)
    except ValueError as error:
        parser.error(str(error))
    half_life = arguments.autocorrelation
    return Scenario(settings, arguments.predictions_per_hour, arguments.reference_rows, arguments.cooldown, half_life)


def table(years: list[dict[str, RuleOutcome]], late: dict[str, Floats]) -> str:
    """One line per rule: means over the years, the interval of the rate, and quantiles of the delay in hours."""
    head = (
        "",
        "false retrains/year",
        "95 % interval",
        "worst year",
        "refused/year",
        "delay median",
        "delay 95 %",
        "missed",
    )
    lines: list[tuple[str, ...]] = [head]
    for rule in RULES:
        outcomes = [results[rule.name] for results in years]
        retrains = np.array([outcome.retrains for outcome in outcomes])
        refused = float(np.mean([outcome.refused for outcome in outcomes]))
        delay = late[rule.name]
        median, most = (_hours(float(np.quantile(delay, q, method="higher"))) for q in (0.5, 0.95))
        missed = f"{np.isinf(delay).mean():.1%}"
        low, high = interval(int(retrains.sum()), len(years))
        rate, span, worst = f"{retrains.mean():.2f}", f"{low:.2f} to {high:.2f}", str(retrains.max())
        lines.append((rule.name, rate, span, worst, f"{refused:.1f}", median, most, missed))
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    return "\n".join(
        "  ".join([line[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(line[1:], widths[1:], strict=True))])
        for line in lines
    )


def sees(scenario: Scenario) -> str:
    """The smallest shift that rows of the scenario can show with these settings, and the window for 0.5 sigma."""
    settings, tests, inflated = scenario.settings, len(scenario.settings.features), scenario.inflation
    elapsed, reference = scenario.stride_seconds, scenario.reference_rows / inflated
    smallest = float(smallest_distance(settings, reference, settings.window / inflated, tests, elapsed))
    needed = float(rows_needed(settings, reference, inflated, tests, elapsed))
    blind = worth(settings.window, inflated) if too_dependent(settings.window, inflated) else ""
    each = Outcome("a feature", 0.0, 1.0, reason=blind, smallest=smallest, needed=needed)
    return f"With a look each {settings.stride} rows: {sight([each])}."


def played(scenario: Scenario, rows: Floats) -> str:
    """What a recorded stream would have started, beside the naive rule, and at which looks it has drifted."""
    settings, compared = (
        scenario.settings,
        streams.compare(scenario.settings, *np.split(rows, [scenario.reference_rows])),
    )
    lines: list[str] = []
    for rule in (RULES[0], RULES[-2]):
        drifted = rule.drifted(scenario, compared)
        retrains, looks = outcome(scenario, rule, compared).retrains, drifted.any(axis=1).sum()
        lines.append(f"{rule.name:<20}{looks:>6} of {len(drifted)} looks drift, {retrains} retrains")
    lines.append(f"looks worth too few independent rows: {compared.blind.mean():.0%}")
    drifted = RULES[0].drifted(scenario, compared)
    for at in np.flatnonzero(drifted.any(axis=1)):
        first = scenario.reference_rows + at * settings.stride + 1
        which = [name for name, found in zip(settings.features, drifted[at], strict=True) if found]
        lines.append(f"rows {first} to {first + settings.window - 1}: {', '.join(which)}")
    return "\n".join(lines)


def _hours(seconds: float) -> str:
    return "never" if np.isinf(seconds) else f"{seconds / 3600:.2f} h"


def _streamed(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> str:
    try:
        names, rows = streams.read(arguments.stream)
    except (OSError, ValueError) as error:
        parser.error(f"--stream: {error}")
    if len(rows) < arguments.reference_rows + arguments.window:
        parser.error(
            f"--stream: {arguments.stream} has {len(rows)} rows, fewer than the reference and one window need."
        )
    scenario = _scenario(parser, arguments)
    return played(replace(scenario, settings=replace(scenario.settings, features=names)), rows)


def _simulated(scenario: Scenario, arguments: argparse.Namespace) -> str:
    settings, random = scenario.settings, np.random.default_rng(arguments.seed)
    blind: list[float] = []
    years: list[dict[str, RuleOutcome]] = []
    for _ in range(arguments.years):
        compared = year(scenario, random)
        blind.append(float(compared.blind.mean()))
        years.append({rule.name: outcome(scenario, rule, compared) for rule in RULES})
    late = delays(scenario, arguments.shift, arguments.trials, random)
    return (
        f"{arguments.years} year(s) without drift, then {arguments.trials} drifts of {arguments.shift:g} sigma each.\n"
        f"{len(settings.features)} features, {scenario.predictions_per_hour:g} predictions/h, "
        f"windows of {settings.window}, reference of {scenario.reference_rows}, "
        f"dial {settings.false_retrains_per_year:g}/year, cooldown {scenario.cooldown}.\n{sees(scenario)}\n"
        f"Looks worth too few independent rows: {np.mean(blind):.0%}.\n\n{table(years, late)}"
    )


def main() -> int:
    parser = _parser()
    arguments = parser.parse_args()
    print(_streamed(parser, arguments) if arguments.stream else _simulated(_scenario(parser, arguments), arguments))
    return 0


if __name__ == "__main__":
    sys.exit(main())
