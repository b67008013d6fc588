"""`python3 -m loop ledger`: what a model's trainings cost and gained, by what started them, from the registry.

A gain is the gate's own: candidate against production, on the same rows. Trainings that ended with an error left no
version, and are not in it. Nothing is changed.
"""

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mlflow.entities.model_registry import ModelVersion

from contract.commands import Ledger
from contract.names import GateResult, Tag
from loop.retraining.settle import gain, metric
from loop.runtime import command
from loop.runtime.registry import Registry, RegistryError

HEAD = ("started by", "trainings", "passed", "taken back", "promoted", "metric", "gain", "per training", "hours")


@dataclass(frozen=True)
class Entry:
    """One training that made a version."""

    cause: str
    """`manual`, `schedule` or `drift:<feature>`."""
    metric: str
    passed: bool
    taken_back: bool
    promoted: bool
    gain: float | None
    """None: it was not compared with a version in production."""
    seconds: float
    """How long its run took."""


def entry(tags: Mapping[str, str], seconds: float) -> Entry:
    return Entry(
        cause=tags.get(Tag.TRIGGER, "unknown"),
        metric=metric(tags),
        passed=tags.get(Tag.GATE) == GateResult.PASSED,
        taken_back=Tag.REJECTED in tags,
        promoted=Tag.PROMOTED in tags,
        gain=gain(tags),
        seconds=seconds,
    )


def table(entries: Iterable[Entry]) -> str:
    """Markdown: one line for each cause and metric, in the order of their first training."""
    groups: dict[tuple[str, str], list[Entry]] = {}
    for each in entries:
        groups.setdefault((each.cause, each.metric), []).append(each)
    lines = [HEAD, ("---", *["---:"] * 4, "---", *["---:"] * 3)]
    return "\n".join(f"| {' | '.join(line)} |" for line in [*lines, *(_line(*each) for each in groups.items())])


def _line(key: tuple[str, str], entries: list[Entry]) -> tuple[str, ...]:
    gains = [each.gain for each in entries if each.passed and not each.taken_back and each.gain is not None]
    compared = sum(each.gain is not None for each in entries)
    counts = [len(entries), *(sum(found) for found in zip(*map(_outcome, entries), strict=True))]
    total, mean = (f"{sum(gains):+.4g}", f"{sum(gains) / compared:+.4g}") if compared else ("not compared", "")
    hours = f"{sum(each.seconds for each in entries) / 3600:.2f}"
    return (key[0], *map(str, counts), key[1], total, mean, hours)


def _outcome(of: Entry) -> tuple[bool, bool, bool]:
    return of.passed, of.taken_back, of.promoted


def seconds(registry: Registry, version: ModelVersion) -> float:
    """How long its run took; 0 where the run is gone."""
    run = registry.run(str(version.run_id)) if version.run_id else None
    info = run.info if run else None
    return (info.end_time - info.start_time) / 1000 if info and info.end_time and info.start_time else 0.0


def _print(model: str) -> None:
    registry = Registry()
    if not (found := registry.versions(model)):
        raise RegistryError(f"{model} has no version: nothing was trained, or that is not the registered model's name")
    print(table(entry(each.tags, seconds(registry, each)) for each in found))


def main() -> int:
    given = Ledger.parse(sys.argv[1:])
    return command.run(lambda: _print(given.model), RegistryError)
