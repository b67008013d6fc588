"""The play: a thousand people a step, in the order of the census; what became of them is said a step later.

A step lasts as long as a span that performance is judged in. The clock stands while a training runs: it takes minutes,
and a step stands for days.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd
from sklearn.metrics import roc_auc_score

from contract.messages import EventKind
from demo.address import ModelAddress
from demo.seen import DriftEvents, SeenTraining, SeenVersions, trainings
from demo.state import FIRST_ROW, ROWS, STEPS, Play, PlayedStep
from examples.employment import data

TRAINING_SECONDS: Final = 600.0


class StoppedError(Exception):
    """The play cannot go on. One sentence."""


@dataclass(frozen=True, kw_only=True)
class Player:
    """The model that is played with, and the programs that watch it."""

    play: Play
    address: ModelAddress
    events: DriftEvents
    versions: SeenVersions
    rows: pd.DataFrame
    namespace: str
    model: str
    seconds: float
    """Seconds of a step."""
    say: Callable[[str], Any] = print

    def until_proposed(self) -> None:
        """Plays until a version waits. Raises StoppedError where none does."""
        while not self.play.proposed and len(self.play.steps) < STEPS:
            self._step()
        self._look(patience=90.0 if not self.play.proposed else 0.0)
        if not self.play.proposed:
            raise StoppedError("all rows were played and no version waits: see the numbers above, and `make logs`")

    def rest(self) -> None:
        """Plays what is left, and says what became of the last step."""
        while len(self.play.steps) < STEPS:
            self._step()
            self._found()
        self._tell()
        self._look()

    def part(self, number: int) -> pd.DataFrame:
        at = FIRST_ROW + number * ROWS
        return self.rows[at : at + ROWS]

    def name(self, number: int) -> str:
        return f"{self.play.tag}-{number:03}"

    def _step(self) -> None:
        number, began = len(self.play.steps), self._next()
        rows = self.part(number)
        answers = self.address.ask(rows, self.name(number))
        self._tell()
        share = float(rows[data.HOUSEHOLD].isin(data.GROUP_QUARTERS).mean())
        self.play.steps.append(PlayedStep(number, began, share))
        self.play.keep()
        auc = roc_auc_score(rows[data.LABEL], answers.scores)
        versions = " and ".join(sorted(set(answers.versions)))
        self.say(
            f"step {number + 1:2} of {STEPS}: {ROWS} people, {share:4.0%} in group quarters; "
            f"version {versions}: AUC {auc:.3f}"
        )
        while time.time() < began + self.seconds - 1.5 and not self.play.proposed:
            self._look()
            time.sleep(1)

    def _next(self) -> float:
        """Waits for the next span."""
        begin = (time.time() // self.seconds + 1) * self.seconds
        time.sleep(max(0.0, begin - time.time()) + 0.1)
        return begin

    def _tell(self) -> None:
        for step in self.play.steps:
            if not step.told:
                self.address.tell([int(each) for each in self.part(step.number)[data.LABEL]], self.name(step.number))
                step.told = True
        self.play.keep()

    def _look(self, patience: float = 0.0) -> None:
        """Tells what the loop has found, and waits for a training that it has begun."""
        deadline = time.monotonic() + patience
        while True:
            self._found()
            for training in trainings(self.namespace, self.model):
                if training.name not in self.play.began and not (training.ended and not training.trains):
                    self._wait(training)
            if self.play.proposed or time.monotonic() >= deadline:
                return
            time.sleep(2)

    def _found(self) -> None:
        found, self.play.offset = self.events.since(self.play.offset)
        last, drifted = len(self.play.steps), list[str]()
        for event in found:
            if event["kind"] == EventKind.PERFORMANCE:
                self.play.falls.append(last)
                if self.play.falls.count(last) == 1:
                    self.say(f"    found: {event['feature']} fell by {event['ks']:.0%}, p {event['p_value']:.2g}")
            elif event["feature"] not in self.play.drift:
                self.play.drift[event["feature"]] = last
                drifted.append(f"{event['feature']} ({event['ks']:.2f})")
        if drifted:
            self.say(f"    found: drift in {', '.join(drifted)}")
        self.play.keep()

    def _wait(self, training: SeenTraining) -> None:
        """Stops the clock until the training has ended."""
        self.play.began[training.name] = len(self.play.steps) - 1
        self._tell()
        self.say(f"    training: {training.name}; the clock of the census stands meanwhile")
        began = time.monotonic()
        while not training.ended:
            if time.monotonic() - began > TRAINING_SECONDS:
                raise StoppedError(
                    f"{training.name} has not ended in {TRAINING_SECONDS:.0f} s: make logs ONLY={self.model}"
                )
            time.sleep(2)
            self._found()
            training = next(each for each in trainings(self.namespace, self.model) if each.name == training.name)
        took = time.monotonic() - began
        if training.phase != "Succeeded":
            raise StoppedError(f"{training.name} is {training.phase}: {training.message or 'no message'}")
        if not training.trains:
            del self.play.began[training.name]
            self.say(f"    {training.name} was not to train: the cooldown has refused it")
            return
        version = self.versions.of(training.name)
        self.say(f"    training: done in {took:.0f} s")
        if version is None:
            self.say("    the gate has let no version pass")
            return
        self.play.proposed = version
        self.play.keep()
        self.say(f"    gate: {self.versions.gate(version).get('reason', 'no reason given')}")
