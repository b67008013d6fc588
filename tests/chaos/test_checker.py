"""The checker finds each kind of broken promise in a history that is otherwise good."""

import json
import subprocess
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Final

import pytest

from contract.names import Env
from tests.chaos import in_loop
from tests.chaos.checker import EndState, RecordedRow, TrainingRun, findings
from tests.chaos.history import OK, Happening, History, HistoryLine, read
from tests.chaos.plan import DAEMONS, PODS, FaultKind, plan

ROW: Final = RecordedRow(id="c-1/0", partition=0, offset=7)
RUN: Final = TrainingRun(name="m-drift-e1", phase="Succeeded", event="e1", feature="price")
REFUSED: Final = TrainingRun(name="m-drift-e2", phase="Succeeded", event="e2", feature="price", granted=False)
BY_HAND: Final = TrainingRun(name="m-chaos-1", phase="Failed")
HISTORY: Final = (
    HistoryLine(at=0, what=Happening.FAULT, target="Kafka", detail="kill"),
    HistoryLine(at=1, what=Happening.PREDICT, target="c-1"),
    HistoryLine(at=2, what=Happening.OUTCOME, target="c-1/0"),
    HistoryLine(at=3, what=Happening.EVENT, target="e1"),
    HistoryLine(at=4, what=Happening.EVENT, target="e2"),
    HistoryLine(at=5, what=Happening.EVENT, target="e3", answer="no delivery"),
    HistoryLine(at=6, what=Happening.TRAIN, target="m-chaos-1"),
    HistoryLine(at=7, what=Happening.PROMOTE, target="4"),
)
END: Final = EndState(
    runs=(RUN, REFUSED, BY_HAND),
    versions={"5": "m-drift-e1"},
    aliases={"staging": "5", "production": "4"},
    served={"staging": ["5", "5"], "production": ["4"]},
    predictions=(ROW,),
    outcomes=(ROW,),
)


def test_a_history_that_kept_every_promise_has_no_findings() -> None:
    assert findings(HISTORY, END) == []


@pytest.mark.parametrize(
    ("end", "found"),
    [
        (replace(END, runs=(RUN, BY_HAND)), "drift event e2 was acknowledged and has no Workflow"),
        (
            replace(
                END, runs=(RUN, replace(REFUSED, granted=True), BY_HAND), versions={"5": RUN.name, "6": REFUSED.name}
            ),
            "2 trainings for price were granted and succeeded within one cooldown",
        ),
        (replace(END, versions={"5": RUN.name, "6": RUN.name}), "m-drift-e1 has registered 2 versions"),
        (
            replace(END, runs=(RUN, REFUSED, BY_HAND, replace(REFUSED, name="m-2"))),
            "drift event e2 has started 2 Workflows",
        ),
        (replace(END, runs=(RUN, REFUSED)), "training m-chaos-1 was acknowledged and is not there"),
        (replace(END, versions={}), "training m-drift-e1 succeeded and has registered no version"),
        (
            replace(END, runs=(RUN, REFUSED, replace(BY_HAND, phase="Running"))),
            "training m-chaos-1 has not ended: Running",
        ),
        (
            replace(END, served={"staging": ["5", "4"], "production": ["4"]}),
            "staging names version 5 and its servers answer with 4",
        ),
        (
            replace(END, served={"staging": [], "production": ["4"]}),
            "staging names version 5 and no server of it answers",
        ),
        (
            replace(END, aliases={"staging": "5", "production": "5"}, served={"staging": ["5"], "production": ["5"]}),
            "the promotion of version 4 was acknowledged and production names 5",
        ),
        (
            replace(END, aliases={"production": "4"}),
            "staging names nothing and version 5 answers for it",
        ),
        (replace(END, predictions=(ROW, ROW)), "row c-1/0 of predictions (0/7) is 2 times in the record"),
        (replace(END, outcomes=(ROW, ROW)), "row c-1/0 of outcomes (0/7) is 2 times in the record"),
        (replace(END, outcomes=()), "outcome c-1/0 was acknowledged and is not in the record"),
        (replace(END, mended={"Kafka": "0 of 1 pods"}), "Kafka is not healthy again: 0 of 1 pods"),
    ],
)
def test_each_promise_that_is_broken_at_the_end_is_one_sentence(end: EndState, found: str) -> None:
    assert findings(HISTORY, end) == [found]


@pytest.mark.parametrize(
    ("what", "target", "found"),
    [
        (
            Happening.PREDICT,
            "c-2",
            "predict c-2 stayed unanswered for 60 s and 30 tries, after kill of Kafka: 503",
        ),
        (
            Happening.OUTCOME,
            "c-1/0",
            "outcome c-1/0 stayed unanswered for 60 s and 30 tries, after kill of Kafka: 503",
        ),
    ],
)
def test_what_stayed_unanswered_is_told_with_the_fault_before_it(what: Happening, target: str, found: str) -> None:
    line = HistoryLine(at=9, what=what, target=target, answer="503", seconds=60, tries=30)
    assert findings([*HISTORY, line], END) == [found]


def test_an_event_that_nobody_acknowledged_may_be_there_or_not() -> None:
    came = TrainingRun(name="m-drift-e3", phase="Succeeded", event="e3", feature="shelf", granted=False)
    assert findings(HISTORY, replace(END, runs=(*END.runs, came))) == []


def test_a_message_that_was_sent_twice_is_two_rows_and_no_double() -> None:
    assert findings(HISTORY, replace(END, outcomes=(ROW, replace(ROW, offset=8)))) == []


def test_the_same_seed_is_the_same_plan_and_every_part_is_hit_before_any_is_hit_again() -> None:
    hour = plan(7, 60)
    assert hour == plan(7, 60) != plan(8, 60)
    parts = len(PODS) + len(DAEMONS)
    assert {fault.part for fault in hour[:parts]} == {*PODS, *DAEMONS}
    assert {fault.kind for fault in hour} == set(FaultKind)
    assert all(one.at + one.lasting < other.at for one, other in pairwise(hour))
    assert hour[-1].at + hour[-1].lasting <= 3600


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    history = History(tmp_path / "run.jsonl")
    history.add(Happening.FAULT, "Kafka", 1.0, detail="pause")
    history.add(Happening.PREDICT, "c-1", 2.0, answer="503", tries=3)
    history.close()
    lines = list(read(tmp_path / "run.jsonl"))
    assert lines == history.lines
    assert [line.acknowledged for line in lines] == [True, False]
    assert lines[0].answer == OK


def test_what_reads_the_record_runs_in_the_loop_s_environment(tmp_path: Path) -> None:
    done = subprocess.run(
        in_loop.command("recorded", "chaos-1-"),
        env=in_loop.environment({Env.RECORD: tmp_path.as_uri()}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, json.loads(done.stdout or "null")) == (0, {"predictions": [], "outcomes": []}), done.stderr
