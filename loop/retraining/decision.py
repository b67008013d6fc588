"""Whether a drift event may start a training: pure, and shared by the steps, the simulation and the tests.

Two holds are taken one after the other, by the same rule: the feature's, for the cooldown; then the model's, for the
short time in which features that drift together belong to one training. A refused event is dropped, never queued, and
stays refused; a granted one stays granted, so that a repeated step or a repeated delivery decides nothing anew. How the
training ended is settled once: one that failed gives its holds back, and one that gained nothing makes the feature's
next hold longer.
"""

import hashlib
import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

CLOCK_SKEW: Final = timedelta(minutes=1)
"""How far the clocks of two API servers may be apart without a hold ending early; added to each hold."""

TOGETHER: Final = timedelta(hours=1)
"""Features of one model that drift within this time share one training."""

BACKOFF: Final = timedelta(minutes=5)
"""Time until the next attempt after a failed training; doubled by each failure in a row, up to the cooldown."""

DOUBLINGS: Final = 4
"""How often, at most, trainings in a row that gain nothing double the feature's cooldown."""

REMEMBERED: Final = 100
"""How many granted and how many refused events a hold remembers."""


class Ending(StrEnum):
    """How a training that drift asked for ended."""

    GAINED = "gained"
    """With a version that is better than production on the same rows, or was compared with none."""
    FRUITLESS = "fruitless"
    """It ended without a gain."""
    FAILED = "failed"
    """It ended with an error: nothing is known."""


@dataclass(frozen=True)
class Event:
    """A drift event, and the run that asks on its behalf."""

    id: str
    feature: str
    run: str
    """Uid of the workflow: a second workflow for the same event is refused, a repeated step of the same one is not."""


@dataclass(frozen=True)
class Hold:
    """What a Lease remembers."""

    event: str
    """Event that holds it."""
    feature: str
    run: str
    taken: datetime
    granted: tuple[str, ...] = ()
    """Events granted, the last ones, newest last."""
    refused: tuple[str, ...] = ()
    """Events refused, the last ones, newest last."""
    refusals: int = 0
    """How many events were refused, ever."""
    settled: str = ""
    """The run whose ending was last taken into account."""
    failures: int = 0
    """Trainings in a row that failed."""
    fruitless: int = 0
    """Trainings in a row that gained nothing."""
    retry: datetime | None = None
    """When the hold ends because it was given back; None: it was not."""

    def length(self, cooldown: timedelta) -> timedelta:
        """How long it lasts unless it is given back."""
        return cooldown * 2 ** min(self.fruitless, DOUBLINGS)

    def until(self, cooldown: timedelta) -> datetime:
        end = self.taken + self.length(cooldown) + CLOCK_SKEW
        return end if self.retry is None else min(end, self.retry)


@dataclass(frozen=True)
class Decision:
    """What to do, and what to remember of it."""

    granted: bool
    hold: Hold
    """The hold to store; the given object itself when there is nothing new to store."""
    until: datetime
    """When the hold ends."""


def decide(hold: Hold | None, event: Event, now: datetime, length: timedelta) -> Decision:
    """Gives the hold to `event`, or refuses it. `now` is the store's clock, not the caller's."""
    if hold is None:
        return _grant(Hold(event.id, event.feature, event.run, now), event, now, length)
    now = max(now, hold.taken)  # a slow clock ends nothing early
    until = hold.until(length)
    if (hold.event, hold.run) == (event.id, event.run):
        renewed = hold if now == hold.taken else replace(hold, taken=now)  # its training may start only now
        return Decision(True, renewed, renewed.until(length))
    if event.id in hold.refused:
        return Decision(False, hold, until)
    if now < until or event.id in hold.granted:
        refused = (*hold.refused, event.id)[-REMEMBERED:]
        return Decision(False, replace(hold, refused=refused, refusals=hold.refusals + 1), until)
    return _grant(hold, event, now, length)


def _grant(hold: Hold, event: Event, now: datetime, length: timedelta) -> Decision:
    granted = (*hold.granted, event.id)[-REMEMBERED:]
    taken = replace(hold, event=event.id, feature=event.feature, run=event.run, taken=now, granted=granted, retry=None)
    return Decision(True, taken, taken.until(length))


def settle(hold: Hold, run: str, ending: Ending, now: datetime, length: timedelta) -> Hold:
    """What to remember of an ended training; the given object where it is not the holder's, or settled already."""
    if hold.run != run or hold.settled == run:
        return hold
    match ending:
        case Ending.FAILED:
            wait = min(BACKOFF * 2 ** min(hold.failures, 20), length)
            return replace(hold, settled=run, failures=hold.failures + 1, retry=now + wait)
        case Ending.FRUITLESS:
            return replace(hold, settled=run, failures=0, fruitless=hold.fruitless + 1)
        case Ending.GAINED:
            return replace(hold, settled=run, failures=0, fruitless=0)


def lease_name(model: str, feature: str | None = None) -> str:
    """`retrain-<model>` or `retrain-<model>-<feature>`.

    Any name that is not plain lower-case letters and digits becomes a slug and a hash of the original, so that no two
    pairs share a name: without it, feature `b` of model `a` would share one with model `a-b`.
    """
    return "-".join(["retrain", *(_slug(part) for part in (model, feature) if part is not None)])


def _slug(text: str) -> str:
    if re.fullmatch(r"[a-z0-9]{1,63}", text):
        return text
    slug = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60].strip("-")
    return "-".join(filter(None, (slug, hashlib.sha256(text.encode()).hexdigest()[:8])))
