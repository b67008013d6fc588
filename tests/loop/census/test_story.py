"""The demo's table is what the record holds, by phases that the rows make, and by ways of keeping a model."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest

from demo import picture, story
from demo.state import Play, PlayedStep, kept
from examples.employment import data
from loop.outcomes import archive
from loop.runtime import objects
from loop.runtime.objects import ObjectFolder

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
STEPS, ROWS, SHIFT = 14, 200, range(4, 10)


class FirstVersion:
    """Knows people by their age, and of those in group quarters nothing."""

    @staticmethod
    def predict(rows: pd.DataFrame) -> Any:
        known = ~rows[data.HOUSEHOLD].isin(data.GROUP_QUARTERS)
        score = np.where(known, rows[data.AGE] / 100, 0.5)
        return np.column_stack([1 - score, score])


@pytest.fixture
def play(tmp_path: Path) -> Play:
    steps = [
        PlayedStep(each, NOW.timestamp() + each, 0.9 if each in SHIFT else 0.0, told=True) for each in range(STEPS)
    ]
    return Play(
        file=tmp_path / "play.json",
        tag="demo-7",
        served="1",
        offset=0,
        steps=steps,
        drift={"RELP": 5},
        falls=[6, 7],
        began={"employment-drift-1": 6},
        proposed="2",
    )


@pytest.fixture
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ObjectFolder:
    """Version 1 answers, from step 7 on version 2 every fifth: it knows the people in group quarters, too."""

    def load(uri: str) -> type[FirstVersion] | None:
        return FirstVersion if uri == "models:/employment/1" else None

    monkeypatch.setattr(mlflow.pyfunc, "load_model", load)
    folder = objects.folder((tmp_path / "record").as_uri())
    for kind in archive.RowKind:
        rows = [row for step in range(STEPS) for row in lines(kind, step, np.random.default_rng(step))]
        rows.append(other(kind))
        topic = next(topic for topic, each in archive.TOPICS.items() if each is kind)
        for name, content in archive.files(
            topic, 0, 0, [each | {"kafka_partition": 0, "kafka_offset": at} for at, each in enumerate(rows)]
        ):
            folder.put(name, content)
    return folder


def lines(kind: archive.RowKind, step: int, chance: np.random.Generator) -> list[dict[str, Any]]:
    people = pd.DataFrame(dict.fromkeys(data.FEATURES, "1"), index=range(ROWS))
    people[data.AGE] = chance.integers(0, 99, ROWS).astype(float)
    people[data.HOUSEHOLD] = "16" if step in SHIFT else "0"
    employed = (people[data.AGE] + chance.normal(0, 20, ROWS) > 50).astype(int)
    first = FirstVersion.predict(people)[:, 1]
    found: list[dict[str, Any]] = []
    for at in range(ROWS):
        own, moment = {"id": f"demo-7-{step:03}-00/{at}"}, NOW + timedelta(seconds=step, milliseconds=at)
        if kind is archive.RowKind.OUTCOMES:
            found.append(own | {"known_at": moment, "outcome": str(employed[at])})
            continue
        second = step >= 7 and at % 5 == 0
        score = people[data.AGE][at] / 100 if second else first[at]
        row: list[Any] = people.iloc[at].tolist()
        found.append(own | asked("2" if second else "1", moment, row, float(score)))
    return found


def asked(version: str, moment: datetime, row: list[Any], score: float) -> dict[str, Any]:
    values = [None if pd.isna(each) else each for each in row]
    features, predictions = json.dumps(values), f"[{1 - score}, {score}]"
    return {
        "version": version,
        "asked_at": moment,
        "tenant": "",
        "user_id": "",
        "features": features,
        "predictions": predictions,
    }


def other(kind: archive.RowKind) -> dict[str, Any]:
    """Somebody else's request, which is no part of the play."""
    if kind is archive.RowKind.OUTCOMES:
        return {"id": "other/0", "known_at": NOW, "outcome": "1"}
    return {"id": "other/0"} | asked("1", NOW, [1.0, *["1"] * 15], 0.5)


def told(record: ObjectFolder, play: Play) -> dict[str, list[float | None]]:
    """Way → AUC in each phase."""
    rows = story.counterfactual(story.recorded(record, play), play, "employment")
    head, *table = story.table(rows, play)
    assert head[1:] == list(story.PHASES)
    return {name: [None if each == "-" else float(each.split()[0]) for each in cells] for name, *cells in table}


def test_the_record_gives_each_row_of_the_play_with_its_outcome_and_no_other(record: ObjectFolder, play: Play) -> None:
    rows = story.recorded(record, play)
    assert len(rows) == STEPS * ROWS
    assert rows["step"].value_counts().to_dict() == dict.fromkeys(range(STEPS), ROWS)
    assert rows[data.AGE].between(0, 99).all()
    assert set(rows["version"]) == {"1", "2"}


def test_production_s_answers_and_those_of_the_version_that_waits_are_told_apart(
    record: ObjectFolder, play: Play
) -> None:
    found = told(record, play)
    assert found["the loop"][:3] == found["never retrained"][:3]
    assert found["the loop"][1] == found["the loop"][2] == 0.5
    before, unmeasured, later, after = found["version 2, which waits"]
    assert (before, unmeasured) == (None, None)
    assert later is not None
    assert later > 0.8
    assert after is not None


def test_the_picture_shows_them_apart_as_well(record: ObjectFolder, play: Play) -> None:
    rows = story.counterfactual(story.recorded(record, play), play, "employment")
    found = story.by_step(rows, play)
    assert list(found.columns) == [*story.WAYS, "version 2, which waits"]
    waits = found["version 2, which waits"]
    assert waits[waits.notna()].index.tolist() == list(range(7, STEPS))
    assert (found["the loop"][list(SHIFT)] == 0.5).all()
    play.approved = True
    assert list(story.by_step(rows, play).columns) == list(story.WAYS)


def test_a_version_that_was_approved_is_the_loop_s(record: ObjectFolder, play: Play) -> None:
    play.approved = True
    found = told(record, play)
    assert list(found) == list(story.WAYS)
    assert (found["the loop"][2] or 0) > (found["never retrained"][2] or 1)


def test_a_month_s_model_answers_from_the_step_after_it_was_trained_and_only_if_it_is_not_worse(
    record: ObjectFolder, play: Play
) -> None:
    rows = story.counterfactual(story.recorded(record, play), play, "employment")
    same = (rows["monthly"] == rows["never retrained"]).groupby(rows["step"]).all()
    assert same[: story.MONTH].all()
    assert not same[story.MONTH]


def test_the_picture_is_written_in_both_kinds(record: ObjectFolder, play: Play, tmp_path: Path) -> None:
    rows = story.counterfactual(story.recorded(record, play), play, "employment")
    picture.draw(story.by_step(rows, play), play, tmp_path / "story")
    assert b"<svg" in (tmp_path / "story.svg").read_bytes()
    assert (tmp_path / "story.png").read_bytes().startswith(b"\x89PNG")


def test_what_a_play_remembers_is_read_back(play: Play) -> None:
    play.keep()
    assert kept(play.file) == play
    assert play.trained_after == 6
