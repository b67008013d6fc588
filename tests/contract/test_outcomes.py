"""What became of a prediction, as a client says it: good ones are read as they are, bad ones get a sentence."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.messages import Malformed
from contract.outcomes import MAX_OUTCOMES, ObservedOutcome, read_body

NOW = datetime(2026, 11, 27, 8, tzinfo=UTC)
GOOD = {"id": "4f1c/0", "outcome": 1, "at": "2026-11-27T07:00:00Z"}


def read(*entries: object) -> list[ObservedOutcome]:
    return read_body(json.dumps({"outcomes": entries}).encode(), model="churn", now=NOW)


@pytest.mark.parametrize("value", [1, 0.25, -3, True, False, "left", "ü"])
def test_an_outcome_is_read_as_it_was_sent(value: object) -> None:
    (found,) = read(GOOD | {"outcome": value})
    assert (found.outcome, type(found.outcome)) == (value, type(value))
    assert (found.model, found.id, found.at.hour) == ("churn", "4f1c/0", 7)
    assert ObservedOutcome.parse(found.encode(), now=NOW) == found


def test_without_a_time_it_is_known_now() -> None:
    (found,) = read({"id": "a/1", "outcome": 0})
    assert found.at == NOW


def test_what_is_said_twice_counts_once() -> None:
    assert len(read(GOOD, GOOD)) == 1


ID = "the X-Request-Id of the answer, a slash and the row's number from 0, such as 4f1c/0"
TIME = "a time with its zone, such as 2026-11-27T08:00:00Z, or left out for now"
VALUE = "a finite number, true, false or a text of 1 to 1000 printable characters"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"id": "4f1c"}, f'has the id "4f1c"; it must be {ID}'),
        ({"id": 7}, f"has the id 7; it must be {ID}"),
        ({"id": "a b/0"}, f'has the id "a b/0"; it must be {ID}'),
        ({"outcome": None}, f"has the outcome null; it must be {VALUE}"),
        ({"outcome": [1]}, f"has the outcome [1]; it must be {VALUE}"),
        ({"outcome": ""}, f'has the outcome ""; it must be {VALUE}'),
        ({"outcome": int("9" * 400)}, f"has the outcome {'9' * 60}…; it must be {VALUE}"),
        ({"at": "yesterday"}, f'has at "yesterday"; it must be {TIME}'),
        ({"at": "2026-11-27T07:00:00"}, f'has at "2026-11-27T07:00:00"; it must be {TIME}'),
        (
            {"at": "2026-11-27T08:06:00Z"},
            'has at "2026-11-27T08:06:00Z", which is in the future; it must be when the outcome was known',
        ),
        ({"label": 1}, "has the key 'label'; allowed are id, outcome, at"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011  the whole sentence is compared
        read({"id": "b/0", "outcome": 0}, GOOD | change)
    assert str(caught.value) == f"outcomes[1] {said}"


def test_two_outcomes_for_one_id_are_refused_together() -> None:
    with pytest.raises(ValueError, match=r"^outcomes\[1\] has an id that came before with another outcome, 1 and 0;"):
        read(GOOD, GOOD | {"outcome": 0})
    with pytest.raises(ValueError, match="1 and true; send one"):
        read(GOOD, GOOD | {"outcome": True})


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "the body is not JSON (Expecting value: line 1 column 1 (char 0)); send"),
        (b'{"outcomes": [{"id": "a/0", "outcome": NaN}]}', "the body is not JSON (NaN is no number); send"),
        (b"[" * 100_000, "the body is not JSON ("),
        (b"[]", "the body is not an object with the list outcomes alone; send"),
        (b'{"outcomes": "abc"}', "the body is not an object with the list outcomes alone; send"),
        (b'{"outcomes": []}', "outcomes has 0 entries; send 1 to 1000 at once"),
        (b'{"outcomes": [7]}', "outcomes[0] is 7; it must be an object with id and outcome"),
    ],
)
def test_a_wrong_body_is_a_sentence(body: bytes, said: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011  the whole sentence is compared
        read_body(body, model="churn", now=NOW)
    assert str(caught.value).startswith(said)


def test_more_than_a_request_may_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="outcomes has 1001 entries; send 1 to 1000 at once"):
        read(*({"id": f"a/{n}", "outcome": 0} for n in range(MAX_OUTCOMES + 1)))


@given(
    st.binary()
    | st.recursive(st.none() | st.floats() | st.text(), st.lists).map(lambda said: json.dumps(said).encode())
)
def test_whatever_is_on_the_topic_is_an_outcome_or_said_to_be_none(value: bytes) -> None:
    assert isinstance(ObservedOutcome.parse(value, now=NOW), Malformed)


def test_a_later_version_may_say_more_on_the_topic() -> None:
    message = json.dumps(GOOD | {"model": "churn", "weight": 2}).encode()
    assert isinstance(ObservedOutcome.parse(message, now=NOW), ObservedOutcome)
