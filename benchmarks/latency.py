"""How long the loop takes to close: `.venv/bin/python -m benchmarks.latency [--loops 30] [--events 30]`.

On the built-in cluster, after `make up`. Each loop sends a drifted window through the model's address and follows what
comes of it: the event by its id in `ml.drift`, the Workflow by the event's id, the version by the Workflow's name in
its tag, the answer by its version header. It forgets the cooldown first: there is one training per loop. `--events`
publishes that many events afterwards, one by one, which the cooldown refuses, and measures their Workflows alone.

Prints p50 and p95 of each hop, and beside the goals what was reached; ends with 1 where a goal is missed. Moments are
this machine's clock, which the cluster shares: of events and versions to a millisecond, of what is watched as it
arrives here, of the ends of containers whole seconds, as Kubernetes keeps them.
"""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.looking import FollowedModel, LoopMoments

GOALS: Final = {
    "drift event -> Workflow running": 5.0,
    "staging moved -> its version answers": 30.0,
    "training, all but the user's code and the watch": 25.0,
}
"""Hop -> seconds that its p95 stays under."""
PATIENCE: Final = 600.0


@dataclass(frozen=True)
class Hops:
    """Seconds of each hop of the loops so far."""

    seconds: dict[str, list[float]]

    def add(self, taken: Mapping[str, float]) -> None:
        for hop, seconds in taken.items():
            self.seconds.setdefault(hop, []).append(seconds)

    def lines(self) -> Iterator[str]:
        """A Markdown table."""
        yield "| hop | n | p50 s | p95 s | goal |"
        yield "| --- | ---: | ---: | ---: | --- |"
        for hop, each in self.seconds.items():
            goal = GOALS.get(hop)
            said = "" if goal is None else f"< {goal:.0f} s: {'reached' if self.reached(hop) else 'missed'}"
            yield f"| {hop} | {len(each)} | {statistics.median(each):.1f} | {percentile(each, 0.95):.1f} | {said} |"

    def reached(self, hop: str) -> bool:
        """Whether the hop was seen, and keeps its goal."""
        each = self.seconds.get(hop)
        return bool(each) and percentile(each or [], 0.95) < GOALS[hop]


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of them does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)]


def hops(seen: LoopMoments) -> dict[str, float]:
    """What one loop took, hop by hop."""
    whole = seen.ended - seen.running
    return {
        "last prediction -> drift event": seen.event - seen.predicted,
        "drift event -> Workflow running": seen.running - seen.event,
        "Workflow running -> trained": seen.trained - seen.running,
        "trained -> registered": seen.registered - seen.trained,
        "registered -> staging moved": seen.moved - seen.registered,
        "staging moved -> its version answers": seen.answered - seen.moved,
        "drift event -> its version answers": seen.answered - seen.event,
        "Workflow running -> ended, canary watched": whole,
        "of it the user's code": seen.users,
        "of it the watch that the settings ask for": seen.watch,
        "training, all but the user's code and the watch": whole - seen.users - seen.watch,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--loops", type=int, default=30, help="whole loops, a training each")
    parser.add_argument("--events", type=int, default=30, help="events alone")
    parser.add_argument("--model", default="recommender")
    given = parser.parse_args()
    found = Hops({})
    loop = FollowedModel.of(given.model)
    with loop.watched():
        loop.settle(PATIENCE)
        for number in range(given.loops):
            taken = hops(loop.once(number, PATIENCE))
            found.add(taken)
            told = ", ".join(f"{hop} {seconds:.1f}" for hop, seconds in taken.items())
            print(f"loop {number + 1} of {given.loops}: {told}", file=sys.stderr)
        for number in range(given.events):
            found.add({"drift event -> Workflow running": loop.event_alone(PATIENCE)})
            print(f"event {number + 1} of {given.events}", file=sys.stderr)
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    print(f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores, load {load}")
    print(*found.lines(), sep="\n")
    missed = [hop for hop in GOALS if not found.reached(hop)]
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
