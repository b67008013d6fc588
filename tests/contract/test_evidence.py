"""What a drift event says of its window reaches the report as it was, is one harmless word, and never too long."""

import base64
import json
import re
import zlib
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from contract.evidence import CHARACTERS, LONGEST, MOST_COLUMNS, NO_EVIDENCE, pack, unpack
from contract.looks import Histogram, Look
from contract.messages import DriftEvent, Malformed, Window

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def look(feature: str, distance: float, bins: tuple[str, ...] = ("below 1", "1 and above", "(missing)")) -> Look:
    share = tuple(1 / len(bins) for _ in bins)
    event = DriftEvent(
        id="0" * 32,
        model="books",
        feature=feature,
        distance=distance,
        p_value=0.001,
        threshold=0.05,
        window=Window(start=AT, end=AT, rows=1000),
        reference_version="7",
        at=AT,
    )
    histogram = Histogram(bins=bins, edges=(), reference=share, window=share, reference_rows=500)
    return Look(event=event, smallest=0.1, histogram=histogram, own_p_value=1e-9)


def test_the_event_s_own_column_comes_first_and_then_those_that_moved_most() -> None:
    looks = [look(f"column {n}", n / 100) for n in range(40)]
    found = unpack(pack(looks, "column 3"))
    assert not isinstance(found, Malformed)
    assert [each.event.feature for each in found] == [
        "column 3",
        *(f"column {n}" for n in range(39, 39 - MOST_COLUMNS + 1, -1)),
    ]
    assert found[0] == looks[3]


@pytest.mark.parametrize("label", ["{{=1}}", "$(HOME)", "ünïcode 名前", "'\"\\\n"])
def test_nothing_in_it_can_be_evaluated(label: str) -> None:
    packed = pack([look(label, 0.5, (label, "(others)"))], label)
    assert re.fullmatch(f"[{CHARACTERS}]+", packed)
    assert unpack(packed) == (look(label, 0.5, (label, "(others)")),)


def test_columns_are_left_out_where_there_is_no_room_and_the_event_s_own_is_the_last_to_go() -> None:
    def noisy(seed: int) -> tuple[str, ...]:
        return tuple(
            base64.b64encode(bytes((seed * 31 + n * k * 7) % 251 for k in range(300))).decode() for n in range(20)
        )

    looks = [look(f"column {n}", n / 100, noisy(n)) for n in range(12)]
    packed = pack(looks, "column 0")
    found = unpack(packed)
    assert not isinstance(found, Malformed)
    assert len(packed) <= LONGEST
    assert 1 <= len(found) < 12
    assert found[0].event.feature == "column 0"
    endless = replace(looks[0], event=replace(looks[0].event, reason="".join(map(chr, range(0x4E00, 0x9FFF)))))
    assert pack([endless], "column 0") == ""


@pytest.mark.parametrize("text", ["", NO_EVIDENCE])
def test_there_may_be_none(text: str) -> None:
    assert unpack(text) == ()


BOMB = base64.urlsafe_b64encode(zlib.compress(b"0" * 50_000_000, 9)).decode()
WELL = pack([look("price", 0.5)], "price")


@pytest.mark.parametrize(
    "text",
    [
        "é",
        "a",
        "ab+/",
        "abcd",
        WELL[:-8],
        BOMB,
        base64.urlsafe_b64encode(zlib.compress(json.dumps([1]).encode())).decode(),
    ],
)
def test_anything_else_is_said_to_be_none(text: str) -> None:
    assert isinstance(unpack(text), Malformed)
