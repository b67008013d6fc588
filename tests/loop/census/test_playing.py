"""The play asks, tells a step later, stands still while a training runs, and says why where it cannot go on."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pandas as pd
import pytest

from contract.messages import EventKind
from demo import playing
from demo.address import AnsweredRows, ModelAddress
from demo.playing import Player, StoppedError
from demo.seen import DriftEvents, SeenTraining, SeenVersions
from demo.state import STEPS, Play
from examples.employment import data

FALL = {"kind": EventKind.PERFORMANCE, "feature": "performance:auc", "ks": 0.2, "p_value": 0.0}
FIRST, AGAIN = 7, 10
"""The offset after the first fall, and the step after which there is a second one."""


class Address:
    """Answers everybody, and keeps what it was told."""

    def __init__(self) -> None:
        self.asked, self.told = list[str](), list[tuple[str, int]]()

    def ask(self, rows: pd.DataFrame, name: str) -> AnsweredRows:
        self.asked.append(name)
        return AnsweredRows([float(each) for each in rows[data.LABEL]], ["1"] * len(rows))

    def tell(self, outcomes: Sequence[int], name: str) -> None:
        self.told.append((name, len(outcomes)))


class Loop:
    """Finds a fall once so many steps were asked, and trains for two looks; its gate says what the test says."""

    def __init__(
        self,
        address: Address,
        *,
        fall_after: int = 3,
        phase: str = "Succeeded",
        trains: bool = True,
        version: str | None = "2",
    ) -> None:
        self.address, self.fall_after, self.phase, self.trains, self.version = (
            address,
            fall_after,
            phase,
            trains,
            version,
        )
        self.looks, self.asked_meanwhile = 0, set[int]()

    def since(self, offset: int) -> tuple[list[dict[str, Any]], int]:
        if offset == FIRST and len(self.address.asked) >= AGAIN:
            return [FALL], offset + 1
        if offset or len(self.address.asked) < self.fall_after:
            return [], offset
        drift = {"kind": EventKind.DRIFT, "feature": "RELP", "ks": 0.9, "p_value": 0.0}
        return [drift, FALL], FIRST

    def trainings(self, namespace: str, model: str) -> list[SeenTraining]:
        assert (namespace, model) == ("home", "employment")
        if len(self.address.asked) < self.fall_after:
            return []
        self.looks += 1
        self.asked_meanwhile.add(len(self.address.asked))
        return [SeenTraining("employment-drift-1", self.phase if self.looks > 2 else "Running", "no luck", self.trains)]

    def of(self, workflow: str) -> str | None:
        assert workflow == "employment-drift-1"
        return self.version

    def gate(self, version: str) -> dict[str, Any]:
        return {"reason": f"version {version} reaches the minimum"}


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Time passes where it is waited for, and nowhere else."""
    now = [1_000_000.0]

    def sleep(seconds: float) -> None:
        now[0] += max(seconds, 0.01)

    monkeypatch.setattr(playing.time, "time", lambda: now[0])
    monkeypatch.setattr(playing.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(playing.time, "sleep", sleep)
    return now


def player(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loop: Loop, said: list[str]) -> Player:
    rows = pd.DataFrame({data.HOUSEHOLD: "16", data.LABEL: [0, 1] * 75_000})
    monkeypatch.setattr(playing, "trainings", loop.trainings)
    return Player(
        play=Play(file=tmp_path / "play.json", tag="demo-1", served="1", offset=0),
        address=cast("ModelAddress", loop.address),
        events=cast("DriftEvents", loop),
        versions=cast("SeenVersions", loop),
        rows=rows,
        namespace="home",
        model="employment",
        seconds=12.0,
        say=said.append,
    )


def test_the_clock_stands_from_the_training_s_start_until_its_version_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, said = Loop(Address()), list[str]()
    mine = player(tmp_path, monkeypatch, loop, said)
    mine.until_proposed()
    assert (mine.play.proposed, mine.play.trained_after) == ("2", 2)
    assert loop.asked_meanwhile == {3}
    assert (mine.play.drift, mine.play.falls) == ({"RELP": 3}, [3])
    assert any("version 2 reaches the minimum" in each for each in said)
    mine.rest()
    assert mine.play.falls == [3, AGAIN]
    assert loop.address.asked == [f"demo-1-{each:03}" for each in range(STEPS)]
    assert loop.address.told == [(each, 1000) for each in loop.address.asked]
    began = [each.began for each in mine.play.steps]
    assert all(moment % 12 == 0 for moment in began)
    assert len(set(began)) == STEPS


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"phase": "Failed"}, "employment-drift-1 is Failed: no luck"),
        ({"phase": "Running"}, "has not ended in 600 s: make logs"),
        ({"fall_after": STEPS + 1}, "all rows were played and no version waits"),
        ({"version": None}, "all rows were played and no version waits"),
        ({"trains": False}, "all rows were played and no version waits"),
    ],
)
def test_a_play_that_cannot_go_on_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(StoppedError, match=sentence):
        player(tmp_path, monkeypatch, Loop(Address(), **changes), []).until_proposed()
