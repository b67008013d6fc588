"""What waits for a human, each with the command or the link that does it; and what proceeds without one."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from contract.names import Alias
from contract.page import PageContent, PageModel
from loop.page.monitoring import Monitored
from loop.page.serving import Slot
from loop.page.trainings import RunState, TrainingRun
from loop.page.versions import ListedVersion, Registered


class Urgency(StrEnum):
    """How the page marks it."""

    DECIDE = "decide"
    """A human has to decide; nothing is wrong."""
    MEND = "mend"
    """Something is wrong, and the loop cannot mend it by itself."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """One thing for a human to do."""

    urgency: Urgency
    what: str
    why: str
    command: str | None = None
    """What to type; None: the link leads there."""
    link: str | None = None
    linked: str = ""


@dataclass(frozen=True, kw_only=True)
class Known:
    """What is known about a model; parts whose source is away are None, and raise no task."""

    model: PageModel
    registered: Registered | None = None
    versions: tuple[ListedVersion, ...] = ()
    trainings: tuple[TrainingRun, ...] = ()
    slots: tuple[Slot, ...] = ()
    monitored: Monitored | None = None
    unexplained: bool = False
    """Whether `production` names a version that no promotion has put there."""


def tasks(known: Known, content: PageContent) -> list[Task]:
    """All tasks; what is wrong comes first."""
    found = [*_mended(known, content), *_decided(known, content)]
    return sorted(found, key=lambda each: each.urgency is Urgency.DECIDE)


def candidate(known: Known) -> ListedVersion | None:
    """The version that may be put into production: in staging, passed, and not turned down before."""
    aliases = known.registered.aliases if known.registered else {}
    number = aliases.get(Alias.STAGING)
    if number is None or number in (aliases.get(Alias.PRODUCTION), known.model.production):
        return None
    found = next((each for each in known.versions if each.number == number), None)
    return found if found and found.passed and not found.rejected and not found.promoted else None


def _decided(known: Known, content: PageContent) -> Iterator[Task]:
    if known.registered and known.registered.promotion:
        return  # a decision is under way already
    version = candidate(known)
    if version is None:
        return
    place = f"ml-loop:models.{known.model.name}.production: {version.number}"
    yield Task(
        urgency=Urgency.DECIDE,
        what=f"Put version {version.number} into production, or leave it",
        why=f"It {version.verdict}{_beside(version)}, and staging serves it. Approve it in {content.settings}: {place}",
        command=content.apply,
        link=content.proposals,
        linked="The pull request",
    )


def _beside(version: ListedVersion) -> str:
    """How its gate compared it with production."""
    measure = version.measures[0] if version.measures else None
    if measure is None or measure.production is None:
        return ""
    return f" (version {version.compared_with} in production: {measure.production:.3f} on the same rows)"


def _mended(known: Known, content: PageContent) -> Iterator[Task]:
    yield from _production(known, content)
    for column in known.monitored.broken if known.monitored else ():
        yield Task(
            urgency=Urgency.MEND,
            what=f"Repair the feed of {column.name}",
            why="Its last window held one value or none, which the reference does not. No training would repair it",
        )
    newest = next((each for each in known.trainings if each.state not in (RunState.REFUSED, RunState.RUNNING)), None)
    if newest and newest.state is RunState.FAILED:
        yield Task(
            urgency=Urgency.MEND,
            what="See why the last training failed, and train again",
            why=newest.outcome,
            command=known.model.submit or None,
        )


def _production(known: Known, content: PageContent) -> Iterator[Task]:
    here, approved = known.registered, known.model.production
    if here is None or here.promotion:
        return
    named = here.aliases.get(Alias.PRODUCTION)
    rejected = next((each for each in known.versions if each.number == approved and each.rejected), None)
    if rejected is not None:
        yield Task(
            urgency=Urgency.MEND,
            what=f"Name another version than {approved} in {content.settings}",
            why=f"Version {approved} is approved there, and was taken back: {rejected.rejected}",
            command=content.apply,
        )
    elif known.unexplained:
        yield Task(
            urgency=Urgency.MEND,
            what=f"Put production back, which now names version {named}",
            why="The alias was moved by hand: no promotion has put it there",
            command=content.apply,
        )
    elif approved is not None and named != approved:
        yield Task(
            urgency=Urgency.MEND,
            what=f"Promote version {approved}",
            why=f"It is approved in {content.settings}, and production names {_name(named)}",
            command=content.apply,
        )


def _name(version: str | None) -> str:
    return f"version {version}" if version else "none"
