"""Cooldown violations in a million drift events: `python3 -m benchmarks.cooldown [EVENTS]`, in the loop's environment.

Other pods ask between the reading and the writing of a Lease, API servers' clocks differ by up to 40 seconds, events
are delivered again to the same and to other workflows, and pods die before or after a write and try again hours later.
"""

import random
import sys
import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from unittest import mock

from loop.retraining.cooldown import ask
from loop.retraining.decision import TOGETHER, Event, Hold
from loop.retraining.leases import Stored

COOLDOWN = timedelta(hours=6)
START = datetime(2026, 1, 1, tzinfo=UTC)
FEATURES = ("a", "b", "c", "d")


class Gone(Exception):  # noqa: N818  # not an error of the code under test
    """The pod died."""


class World:
    """The Leases, and all pods that ask for them."""

    def __init__(self, dice: random.Random, competition: float = 0.03) -> None:
        self.dice, self.competition, self.now = dice, competition, START
        self.stored: dict[str, tuple[Hold, int]] = {}
        self.events = self.refusals = 0
        self.started: dict[tuple[str, str], datetime] = {}
        self.starts: dict[str, list[datetime]] = {feature: [] for feature in FEATURES}
        self._again: list[Event] = []
        self._depth = 0

    def read(self, name: str) -> Stored:
        hold, version = self.stored.get(name, (None, 0))
        stored = Stored(hold, str(version), self.now + timedelta(seconds=self.dice.randint(-20, 20)))
        if self._depth < 2 and self.dice.random() < self.competition:
            self.step()
        return stored

    def write(self, name: str, hold: Hold, version: str | None, length: timedelta) -> bool:  # noqa: ARG002
        fate = self.dice.random()
        if fate < 0.01:
            raise Gone
        current = self.stored.get(name, (None, 0))[1]
        if version != str(current):
            return False
        self.stored[name] = (hold, current + 1)
        if fate > 0.99:
            raise Gone
        return True

    def step(self) -> None:
        """One pod asks: for a new event, for one delivered again, or once more after it died."""
        self._depth += 1
        self.now += timedelta(milliseconds=self.dice.randint(0, 1000))
        event = self._event()
        self.events += 1
        try:
            granted, _ = ask(self, "m", event, COOLDOWN)
            self.refusals += not granted
            if granted and (event.id, event.run) not in self.started:
                self.started[event.id, event.run] = self.now
                self.starts[event.feature].append(self.now)
        except Gone:
            self._again.append(event)
        if self.dice.random() < 0.1:
            run = event.run if self.dice.random() < 0.5 else f"x{self.events}"
            self._again.append(Event(event.id, event.feature, run))
        self._depth -= 1

    def _event(self) -> Event:
        if self._again and self.dice.random() < 0.2:
            return self._again.pop(self.dice.randrange(len(self._again)))
        return Event(f"e{self.events}", self.dice.choice(FEATURES), f"r{self.events}")

    def violations(self) -> int:
        """Trainings for a feature that started within the cooldown of the one before, by the true clock."""
        return sum(later - earlier < COOLDOWN for starts in self.starts.values() for earlier, later in pairwise(starts))

    def trainings_closer_than(self, length: timedelta) -> int:
        everything = sorted(start for starts in self.starts.values() for start in starts)
        return sum(later - earlier < length for earlier, later in pairwise(everything))

    def events_with_two_trainings(self) -> int:
        return len(self.started) - len({event for event, _ in self.started})

    def trainings_per_year(self) -> float:
        return len(self.started) / ((self.now - START) / timedelta(days=365))


def run(world: World, events: int) -> World:
    """Lets so many events happen, five minutes apart on average."""
    while world.events < events:
        world.now += timedelta(seconds=world.dice.expovariate(1 / 300))
        world.step()
    return world


def main() -> None:
    events = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    began = time.process_time()
    with mock.patch("loop.retraining.leases.time.sleep"):
        world = run(World(random.Random(1)), events)
    print(
        f"{world.events} events over {(world.now - START).days} days: {len(world.started)} trainings, "
        f"{world.refusals} refused, {world.violations()} cooldown violations, "
        f"{world.trainings_closer_than(TOGETHER)} trainings closer than {TOGETHER}, "
        f"{world.events_with_two_trainings()} events with two trainings; {time.process_time() - began:.0f} s of CPU"
    )


if __name__ == "__main__":
    main()
