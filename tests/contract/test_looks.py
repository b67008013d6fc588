"""What the detector shows of its looks comes out as it went in, and anything else is said to be none."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from contract.looks import Histogram, Look, LooksAnswer
from contract.messages import DriftEvent, Malformed, Window

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
EVENT = DriftEvent(
    id="0123456789abcdef" * 2,
    model="books",
    feature="price",
    distance=0.5,
    p_value=0.001,
    threshold=0.05,
    window=Window(start=AT, end=AT, rows=1000),
    reference_version="7",
    at=AT,
    effective_rows=900,
)
NUMBERS = Histogram(
    bins=("below 1.5", "1.5 and above", "(missing)"), edges=(1.5,), reference=(0.5, 0.5, 0.0), window=(0.9, 0.0, 0.1)
)
LOOKS = LooksAnswer(
    model="books",
    looks=(
        Look(event=EVENT, smallest=0.125, histogram=NUMBERS),
        Look(event=replace(EVENT, feature="*", effective_rows=None)),
    ),
)


def test_looks_come_out_as_they_went_in() -> None:
    assert LooksAnswer.parse(LOOKS.encode()) == LOOKS


@pytest.mark.parametrize("key", ["model", "looks"])
def test_an_answer_without_a_part_is_none(key: str) -> None:
    answer = json.loads(LOOKS.encode())
    del answer[key]
    assert isinstance(LooksAnswer.parse(json.dumps(answer).encode()), Malformed)


@pytest.mark.parametrize(
    ("key", "value"), [("smallest", "small"), ("histogram", {"bins": []}), ("p_value", 2), ("window", None)]
)
def test_a_look_that_is_none_is_no_answer(key: str, value: object) -> None:
    answer = json.loads(LOOKS.encode())
    answer["looks"][0][key] = value
    assert isinstance(LooksAnswer.parse(json.dumps(answer).encode()), Malformed)


def test_a_histogram_with_more_bins_than_shares_is_none() -> None:
    answer = json.loads(LOOKS.encode())
    answer["looks"][0]["histogram"]["bins"].append("more")
    found = LooksAnswer.parse(json.dumps(answer).encode())
    assert found == Malformed("no answer of /looks: a histogram has another number of bins than of shares")


@pytest.mark.parametrize("poison", [b"", b"null", b"[]", b"\xff", b"[" * 100_000])
def test_poison_is_no_answer(poison: bytes) -> None:
    assert isinstance(LooksAnswer.parse(poison), Malformed)
