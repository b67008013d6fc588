"""What keeps drift from training again and again, and what trainings have cost and gained."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from loop.page import words
from loop.page.sources import Json
from loop.page.trainings import RunState, TrainingRun
from loop.page.versions import ListedVersion

ANNOTATION = "ml-loop.dev/"


@dataclass(frozen=True, kw_only=True)
class FeatureCooldown:
    """What one feature's Lease remembers."""

    feature: str
    until: datetime | None
    """When its drift may start a training again."""
    active: bool
    refusals: int
    fruitless: int
    """Trainings in a row that gained nothing, each of which doubled the cooldown."""
    failures: int


@dataclass(frozen=True, kw_only=True)
class Account:
    """Trainings of one cause, summed."""

    because: str
    trainings: int
    passed: int
    promoted: int
    taken_back: int
    gain: float | None
    """Mean gain of those that passed and were compared, in the gate's first metric; None: none were."""
    metric: str


def cooldowns(leases: Iterable[Json], model: str, features: Sequence[str], now: datetime) -> list[FeatureCooldown]:
    """Cooldowns of the features whose drift has started a training, without the model's own, which lasts minutes."""
    found = [_cooldown(each, now) for each in leases if _is_of(each, model)]
    known = {each.feature: each for each in found}
    return [known[name] for name in features if name in known]


def _is_of(lease: Json, model: str) -> bool:
    return lease["metadata"]["name"].startswith(f"retrain-{model}-")


def _cooldown(lease: Json, now: datetime) -> FeatureCooldown:
    notes = {key.removeprefix(ANNOTATION): text for key, text in lease["metadata"].get("annotations", {}).items()}
    taken = words.moment(lease["spec"].get("acquireTime"))
    until = taken and taken + timedelta(seconds=lease["spec"].get("leaseDurationSeconds", 0))
    retry = words.moment(notes.get("retry"))
    until = min(until, retry) if until and retry else until
    return FeatureCooldown(
        feature=notes.get("feature", ""),
        until=until,
        active=until is not None and until > now,
        refusals=_whole(notes.get("refusals")),
        fruitless=_whole(notes.get("fruitless")),
        failures=_whole(notes.get("failures")),
    )


def _whole(text: str | None) -> int:
    return int(text) if text and text.isdecimal() else 0


def ledger(versions: Iterable[ListedVersion]) -> list[Account]:
    """What trainings gained, by what started them, most trainings first."""
    groups: dict[str, list[ListedVersion]] = {}
    for each in versions:
        groups.setdefault(each.because, []).append(each)
    return sorted((_account(*each) for each in groups.items()), key=lambda each: -each.trainings)


def _account(because: str, made: Sequence[ListedVersion]) -> Account:
    kept = [each for each in made if each.passed and not each.rejected and each.measures]
    gains = [each.measures[0].gain for each in kept if each.measures[0].gain is not None]
    return Account(
        because=because,
        trainings=len(made),
        passed=sum(each.passed is True for each in made),
        promoted=sum(bool(each.promoted) for each in made),
        taken_back=sum(bool(each.rejected) for each in made),
        gain=sum(gains) if gains else None,
        metric=next((each.measures[0].metric for each in made if each.measures), ""),
    )


def refused(found: Iterable[TrainingRun]) -> list[TrainingRun]:
    return [each for each in found if each.state is RunState.REFUSED]
