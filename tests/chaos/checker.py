"""Compares what was acknowledged with what is there. Pure: it knows the history and the end, and no cluster."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tests.chaos.history import Happening, HistoryLine


@dataclass(frozen=True, kw_only=True)
class TrainingRun:
    """A Workflow of the model, at the end."""

    name: str
    phase: str
    event: str = ""
    """Id of the drift event that started it."""
    feature: str = ""
    granted: bool = True
    """Whether the cooldown let it train."""
    learned: bool = True
    """Whether there was anything new to learn."""


@dataclass(frozen=True, kw_only=True)
class RecordedRow:
    """A row of the record, and the message that it was made of."""

    id: str
    partition: int
    offset: int


@dataclass(frozen=True, kw_only=True)
class EndState:
    """What is there once everything is quiet."""

    runs: Sequence[TrainingRun]
    versions: Mapping[str, str]
    """Version -> the Workflow that registered it."""
    aliases: Mapping[str, str]
    """Alias -> version."""
    served: Mapping[str, Sequence[str]]
    """Alias -> the versions that its servers answer with, one a pod."""
    predictions: Sequence[RecordedRow] = ()
    outcomes: Sequence[RecordedRow] = ()
    mended: Mapping[str, str] = field(default_factory=dict[str, str])
    """Part -> why it is not healthy though nothing is wrong with it any more."""


ENDED = {"Succeeded", "Failed", "Error"}


def findings(history: Sequence[HistoryLine], end: EndState) -> list[str]:
    """Sentences, one for each promise that was broken; none where all hold."""
    return [
        *_unanswered(history),
        *_lost_events(history, end),
        *_double_trainings(end),
        *_lost_trainings(history, end),
        *_half_moved(history, end),
        *_rows(history, end),
        *(f"{part} is not healthy again: {why}" for part, why in end.mended.items()),
    ]


def _acknowledged(history: Iterable[HistoryLine], what: Happening) -> list[str]:
    return [line.target for line in history if line.what is what and line.acknowledged]


def _unanswered(history: Sequence[HistoryLine]) -> Iterator[str]:
    """A client that asks again for as long as is declared is answered, whatever was hit."""
    for line in history:
        if line.what in {Happening.PREDICT, Happening.OUTCOME} and not line.acknowledged:
            yield (
                f"{line.what} {line.target} stayed unanswered for {line.seconds:.0f} s and {line.tries} tries, "
                f"{_during(history, line)}: {line.answer}"
            )


def _during(history: Sequence[HistoryLine], line: HistoryLine) -> str:
    """What was hit last before its end."""
    hit = [each for each in history if each.what is Happening.FAULT and each.at <= line.at + line.seconds]
    return f"after {hit[-1].detail} of {hit[-1].target}" if hit else "before the first fault"


def _lost_events(history: Sequence[HistoryLine], end: EndState) -> Iterator[str]:
    started = {run.event for run in end.runs}
    for event in _acknowledged(history, Happening.EVENT):
        if event not in started:
            yield f"drift event {event} was acknowledged and has no Workflow"


def _double_trainings(end: EndState) -> Iterator[str]:
    for workflow, count in Counter(end.versions.values()).items():
        if count > 1:
            yield f"{workflow} has registered {count} versions"
    for event, count in Counter(run.event for run in end.runs if run.event).items():
        if count > 1:
            yield f"drift event {event} has started {count} Workflows"
    # One that failed has given the cooldown back.
    granted = Counter(run.feature for run in end.runs if run.event and run.granted and run.phase == "Succeeded")
    for feature, count in granted.items():
        if count > 1:
            yield f"{count} trainings for {feature} were granted and succeeded within one cooldown"


def _lost_trainings(history: Sequence[HistoryLine], end: EndState) -> Iterator[str]:
    by_name = {run.name: run for run in end.runs}
    for name in _acknowledged(history, Happening.TRAIN):
        if name not in by_name:
            yield f"training {name} was acknowledged and is not there"
    made = set(end.versions.values())
    for run in end.runs:
        if run.phase not in ENDED:
            yield f"training {run.name} has not ended: {run.phase or 'Pending'}"
        elif run.phase == "Succeeded" and run.granted and run.learned and run.name not in made:
            yield f"training {run.name} succeeded and has registered no version"


def _half_moved(history: Sequence[HistoryLine], end: EndState) -> Iterator[str]:
    """A promotion that failed may have been refused or taken back; one that was acknowledged has moved the alias."""
    if promoted := _acknowledged(history, Happening.PROMOTE):
        named = end.aliases.get("production", "nothing")
        if named != promoted[-1]:
            yield f"the promotion of version {promoted[-1]} was acknowledged and production names {named}"
    for alias, version in end.aliases.items():
        answering = end.served.get(alias)
        if answering is None:
            continue
        if not answering:
            yield f"{alias} names version {version} and no server of it answers"
        elif others := sorted({each for each in answering if each != version}):
            yield f"{alias} names version {version} and its servers answer with {', '.join(others)}"
    for alias, answering in end.served.items():
        if alias not in end.aliases and answering:
            yield f"{alias} names nothing and version {', '.join(sorted(set(answering)))} answers for it"


def _rows(history: Sequence[HistoryLine], end: EndState) -> Iterator[str]:
    for kind, rows in (("predictions", end.predictions), ("outcomes", end.outcomes)):
        places = Counter((row.partition, row.offset, row.id) for row in rows)
        for (partition, offset, name), count in places.items():
            if count > 1:
                yield f"row {name} of {kind} ({partition}/{offset}) is {count} times in the record"
    recorded = {row.id for row in end.outcomes}
    for outcome in _acknowledged(history, Happening.OUTCOME):
        if outcome not in recorded:
            yield f"outcome {outcome} was acknowledged and is not in the record"
