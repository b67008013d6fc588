"""`python -m starter.drift FILE`: the detector's comparison of rows that were published, without Kafka.

Runs in the environment of the detector's image. The rows are the reference's own: they must not count as drift, and the
same rows two standard deviations away must. Says in one sentence what it can see; exits with 1 where a rule is broken.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from mlflow import MlflowClient

from contract.drift import DriftSettings
from contract.messages import DriftEvent
from contract.names import Alias
from loop.drift.alibi import make
from loop.drift.columns import Kind
from loop.drift.comparison import Comparison
from loop.drift.decision import Outcome, Span, events, sight
from loop.drift.reference import BadReferenceError, Reference
from loop.drift.row import MalformedError, Row, UnknownVersionError, parse
from loop.drift.watcher import aliases_of, columns_of, fetch
from starter.plan import Trial

SHIFT = 2.0
"""A shift that nobody would overlook, in standard deviations."""
SPAN = 3600.0
"""Seconds that the rows are said to have taken."""


def main() -> int:
    trial = Trial.from_json(sys.stdin.read())
    settings = trial.drift_settings
    assert settings is not None  # noqa: S101  # asked for by the caller
    messages = [text.encode() for text in json.loads(Path(sys.argv[1]).read_text())]
    try:
        said, broken = judge(trial.name, settings, messages)
    except (BadReferenceError, MalformedError, UnknownVersionError) as error:
        said, broken = str(error), True
    print(said)
    return int(broken)


def judge(model: str, settings: DriftSettings, messages: list[bytes]) -> tuple[str, bool]:
    """What the test sees, or the rule that is broken."""
    client = MlflowClient()
    version = aliases_of(client, model)[Alias.STAGING]
    reference = fetch(client, model, version, settings.features)
    comparison = Comparison(settings, lambda each: columns_of(client, model, each), make)
    rows = read(model, messages, comparison, reference)
    compare = asking(model, settings, comparison, reference)
    quiet, outcomes = compare(rows)
    if drifted := [event.feature for event in quiet if event.drift]:
        return f"rows of the reference must be no drift, and are in {', '.join(drifted)}: how were they sampled?", True
    seen = {
        event.feature
        for event in compare(shifted(rows, list(reference.kinds(settings.features).values())))[0]
        if event.drift
    }
    missed = [event.feature for event in quiet if event.feature not in seen]
    said = sight(outcomes)
    if missed:
        return (
            f"a shift of {SHIFT:g} standard deviations must be drift, and is none in {', '.join(missed)}: {said}",
            True,
        )
    return said, False


def read(model: str, messages: list[bytes], comparison: Comparison, reference: Reference) -> list[Row]:
    """Raises what the detector counts as malformed or unknown."""
    layouts = comparison.layouts(reference)
    found = [parse(message, model, layouts, time.time()) for message in messages]
    return [row for row in found if row is not None]


Compare = Callable[[list[Row]], tuple[list[DriftEvent], list[Outcome]]]


def asking(model: str, settings: DriftSettings, comparison: Comparison, reference: Reference) -> Compare:
    def compare(rows: list[Row]) -> tuple[list[DriftEvent], list[Outcome]]:
        now = time.time()
        outcomes, _ = comparison(reference, None, rows, SPAN)
        span = Span(now - SPAN, now, len(rows), ((0, len(rows)),), SPAN)
        return events(model, reference.version, span, outcomes, settings=settings, now=now), outcomes

    return compare


def shifted(rows: list[Row], kinds: list[Kind]) -> list[Row]:
    """Shifts numbers by their standard deviation, or by one where all are equal; drops every second other value."""
    values = np.array([row.features for row in rows], dtype=float)
    deviations = np.nan_to_num(np.nanstd(values, axis=0))
    numbers = np.array([kind in {Kind.NUMBER, Kind.SINGLE} for kind in kinds])
    values = values + np.where(numbers, np.where(deviations > 0, SHIFT * deviations, 1.0), 0.0)
    values[::2, ~numbers] = np.nan
    return [row._replace(features=tuple(map(float, each))) for row, each in zip(rows, values, strict=True)]


if __name__ == "__main__":
    sys.exit(main())
