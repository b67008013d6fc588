"""What people are told about a model, from what its screen shows."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from contract.notices import NoticeKind
from contract.page import PageContent
from loop.page import words
from loop.page.screen import Screen
from loop.page.trainings import RunState
from loop.page.waiting import candidate

ENDED: Final = (RunState.PASSED, RunState.REJECTED, RunState.FAILED, RunState.DONE)
"""The states told of: a refused training has trained nothing, and each drift may bring many."""
HISTORY: Final = (NoticeKind.TRAINING, NoticeKind.TAKEN_BACK)
"""Kinds that stay true forever: a new notifier does not tell those that it finds."""


@dataclass(frozen=True, kw_only=True)
class Notice:
    """One thing that people are told once."""

    kind: NoticeKind
    model: str
    about: str
    """What distinguishes it from the model's other notices of the kind: a workflow, a version, a column."""
    occasion: str = ""
    """Distinguishes one drift of a column from a later one."""
    text: str
    """One sentence."""

    @property
    def key(self) -> str:
        """The key by which it is remembered while it lasts."""
        return _digest(self.kind, self.model, self.about)

    @property
    def id(self) -> str:
        """The same however often it is sent, so that a receiver can recognize a repetition."""
        return f"msg_{_digest(self.key, self.occasion)}"


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:20]


def notices(screen: Screen, content: PageContent) -> list[Notice]:
    """All notices that hold for a model now, without what a source that is away would tell."""
    return [*_trainings(screen), *_taken_back(screen), *_approval(screen, content), *_drift(screen)]


def _trainings(screen: Screen) -> Iterator[Notice]:
    for run in screen.trainings:
        if run.state in ENDED and run.workflow:
            text = f"Training {run.workflow}, started by {run.because}: {run.outcome}"
            yield Notice(kind=NoticeKind.TRAINING, model=screen.model.name, about=run.workflow, text=text)


def _taken_back(screen: Screen) -> Iterator[Notice]:
    for version in screen.versions:
        if version.rejected:
            text = f"Version {version.number} was taken back: {version.rejected}"
            yield Notice(kind=NoticeKind.TAKEN_BACK, model=screen.model.name, about=version.number, text=text)


def _approval(screen: Screen, content: PageContent) -> Iterator[Notice]:
    version = candidate(screen.known)
    if version is None or (screen.registered and screen.registered.promotion):
        return
    where = f"ml-loop:models.{screen.model.name}.production: {version.number} in {content.settings}"
    text = f"Version {version.number} {version.verdict}, and waits for approval: {where}, then {content.apply}"
    yield Notice(kind=NoticeKind.APPROVAL, model=screen.model.name, about=version.number, text=text)


def _drift(screen: Screen) -> Iterator[Notice]:
    watched = screen.monitored
    for column in watched.drifting if watched else ():
        newest = column.looks[-1].event if column.looks else None
        distance, p_value = words.number(column.distance, 2), words.number(column.p_value, 2)
        yield Notice(
            kind=NoticeKind.DRIFT,
            model=screen.model.name,
            about=column.name,
            occasion=newest.id if newest else "",
            text=f"{column.name} drifts: distance {distance} to the reference, p-value {p_value}",
        )
