"""What is written can be read, and what is no message is no exception either."""

import json
import math
import random
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.fields import number
from contract.messages import ALL_FEATURES, DEEPEST, DriftEvent, EventKind, Malformed, Prediction, Window

AT: Final = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)
PREDICTION: Final = Prediction(
    model="books",
    version="7",
    features=[1.5, "crime", None, True],
    predictions=[0.25, [1, 2]],
    at=AT,
    id="order/7/0",
    tenant="acme",
    user_id="u1",
)
EVENT: Final = DriftEvent(
    id="0123456789abcdef" * 2,
    model="books",
    feature=ALL_FEATURES,
    distance=0.5,
    p_value=0.001,
    threshold=0.05,
    window=Window(start=AT, end=AT, rows=1000),
    reference_version="7",
    at=AT,
)
WRITTEN: Final = (json.loads(PREDICTION.encode()), json.loads(EVENT.encode()))
POISON: Final = (
    None,
    b"",
    b"null",
    b"7",
    b"[]",
    b'"text"',
    b"\xff\xfe",
    b"\xed\xa0\x80",
    b"{",
    b"[" * 100_000,
    b'{"model": ' + b"[" * 100_000,
    b"9" * 5000,
    b"\x00\x00\x00{",
)
VALUES: Final = (
    None,
    True,
    [],
    {},
    [["books"]],
    "",
    "\ud800",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-01:00",
    "2026-01-01T00:00:00",
    "2026-13-01T00:00:00Z",
    -1,
    10**400,
    -(10**400),
    1e308 * 10,
    math.nan,
)
LEAVES: Final = (*VALUES, 0, 0.5, "books", "2026-01-02T03:04:05Z", ALL_FEATURES, "\x00", 1 << 64, 5e-324, math.inf)


def anything(chance: random.Random, depth: int = 0) -> Any:
    """Some JSON."""
    kind = chance.random()
    if depth == 3 or kind < 0.7:
        return chance.choice(LEAVES)
    inner = [anything(chance, depth + 1) for _ in range(chance.randrange(4))]
    return inner if kind < 0.9 else {str(chance.choice(LEAVES)): each for each in inner}


def broken(chance: random.Random) -> bytes:
    """A message with some of its fields changed or gone, perhaps cut off, perhaps with a byte of its own."""
    message: dict[str, Any] = dict(chance.choice(WRITTEN))
    for key in chance.sample(sorted(message), chance.randint(1, 3)):
        if chance.random() < 0.2:
            del message[key]
        else:
            message[key] = anything(chance)
    text = bytearray(json.dumps(message, ensure_ascii=chance.random() < 0.5).encode(errors="surrogatepass"))
    if chance.random() < 0.2:
        del text[chance.randrange(len(text)) :]
    if text and chance.random() < 0.2:
        text[chance.randrange(len(text))] = chance.randrange(256)
    return bytes(text)


@given(st.integers(min_value=0))
@settings(max_examples=100, deadline=None)
def test_ten_thousand_broken_messages_raise_nothing(seed: int) -> None:
    chance = random.Random(seed)
    for value in (broken(chance) for _ in range(100)):
        found = Prediction.parse(value, "books")
        assert found is None or isinstance(found, Malformed | Prediction)
        if isinstance(found, Prediction):
            assert isinstance(Prediction.parse(found.encode(), "books"), Prediction), "what was read can be written"
        event = DriftEvent.parse(value)
        assert isinstance(event, Malformed) or DriftEvent.parse(event.encode()) == event


@pytest.mark.parametrize("value", POISON)
def test_no_bytes_at_all_are_a_message(value: bytes | None) -> None:
    assert isinstance(Prediction.parse(value, "books"), Malformed)
    assert isinstance(DriftEvent.parse(value), Malformed)


@pytest.mark.parametrize("key", sorted(WRITTEN[1]))
@pytest.mark.parametrize("value", [None, True, [], {}, -1, 10**400, math.nan, "\ud800"])
def test_no_field_of_an_event_may_be_of_another_kind(key: str, value: object) -> None:
    found = DriftEvent.parse(json.dumps(WRITTEN[1] | {key: value}).encode())
    assert isinstance(found, Malformed)
    assert found.reason.startswith("not a drift event: ")


@pytest.mark.parametrize("key", ["id", "version", "features", "predictions", "at", "tenant", "user_id"])
@pytest.mark.parametrize("value", [None, True, {}, -1, 10**400, "\ud800"])
def test_no_field_of_a_prediction_may_be_of_another_kind(key: str, value: object) -> None:
    found = Prediction.parse(json.dumps(WRITTEN[0] | {key: value}).encode(), "books")
    assert isinstance(found, Malformed)


@pytest.mark.parametrize("key", ["id", "version", "features", "at", "tenant", "user_id"])
def test_a_list_is_a_model_s_output_and_nothing_else_of_a_prediction(key: str) -> None:
    assert isinstance(
        Prediction.parse(json.dumps(WRITTEN[0] | {"predictions": [["books"]]}).encode(), "books"), Prediction
    )
    assert isinstance(Prediction.parse(json.dumps(WRITTEN[0] | {key: [["books"]]}).encode(), "books"), Malformed)


def test_a_column_that_has_broken_is_no_drift_however_far_it_is() -> None:
    broken = replace(EVENT, kind=EventKind.QUALITY, p_value=0.0, reason="no row has a value", effective_rows=12)
    assert DriftEvent.parse(broken.encode()) == broken
    assert EVENT.drift
    assert not broken.drift


def test_an_event_that_says_no_kind_is_drift() -> None:
    old = {key: value for key, value in WRITTEN[1].items() if key != "kind"}
    assert DriftEvent.parse(json.dumps(old).encode()) == EVENT


def test_messages_come_back_as_they_were_written() -> None:
    assert Prediction.parse(PREDICTION.encode(), "books") == PREDICTION
    assert DriftEvent.parse(EVENT.encode()) == EVENT


def test_rows_are_of_one_request_by_their_ids_and_without_one_by_caller_and_moment() -> None:
    assert PREDICTION.request == replace(PREDICTION, id="order/7/12", user_id="u2").request
    assert PREDICTION.request != replace(PREDICTION, id="order/8/0").request
    old = replace(PREDICTION, id="")
    assert old.request != replace(old, user_id="u2").request


@pytest.mark.parametrize(("depth", "kind"), [(DEEPEST, Prediction), (DEEPEST + 1, Malformed), (985, Malformed)])
@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_an_answer_is_no_deeper_than_every_reader_can_read(depth: int, kind: type, opening: str) -> None:
    closing = {"[": "]"}.get(opening, "}")
    answer = opening * (depth - 1) + "0" + closing * (depth - 1)
    message = json.dumps(WRITTEN[0] | {"predictions": ["HERE"]}).replace('"HERE"', answer)
    assert isinstance(Prediction.parse(message.encode(), "books"), kind)


def test_another_model_s_prediction_is_none_whatever_else_it_holds() -> None:
    assert Prediction.parse(b'{"model": "films", "features": 7}', "books") is None


def test_a_prediction_on_the_wire_is_what_the_docs_say() -> None:
    assert json.loads(PREDICTION.encode()) == {
        "id": "order/7/0",
        "tenant": "acme",
        "user_id": "u1",
        "features": [1.5, "crime", None, True],
        "predictions": [0.25, [1, 2]],
        "at": "2026-01-02T03:04:05.678Z",
        "model": "books",
        "version": "7",
    }


def test_an_event_on_the_wire_is_what_the_docs_say() -> None:
    assert json.loads(EVENT.encode()) == {
        "id": "0123456789abcdef0123456789abcdef",
        "model": "books",
        "feature": "*",
        "ks": 0.5,
        "p_value": 0.001,
        "threshold": 0.05,
        "window": {"from": "2026-01-02T03:04:05.678Z", "to": "2026-01-02T03:04:05.678Z", "n": 1000},
        "reference_version": "7",
        "at": "2026-01-02T03:04:05.678Z",
        "kind": "drift",
    }


@pytest.mark.parametrize("value", [True, None, "1", [1], 10**400, math.nan, math.inf])
def test_what_is_no_finite_number_is_none(value: object) -> None:
    assert number(value) is None


def test_numbers_that_are_not_finite_are_null_in_a_prediction_and_no_event() -> None:
    row = Prediction(model="books", version="7", features=[math.nan, 2], predictions=[{"a": math.inf}], at=AT)
    written = json.loads(row.encode())
    assert (written["features"], written["predictions"]) == ([None, 2], [{"a": None}])
    wild = replace(EVENT, distance=math.nan)
    with pytest.raises(ValueError, match="JSON"):
        wild.encode()
