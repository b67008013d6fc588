"""Parsing of predictions by the columns of the version that answered."""

import json
from datetime import UTC, datetime

import numpy as np
import pytest

from loop.drift.columns import ASK_AGAIN_SECONDS, MOST_UNKNOWN, Columns, Kind, Versions
from loop.drift.row import Layouts, MalformedError, Row, UnknownVersionError, parse
from loop.drift.values import read_number

NOW = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
GOOD = {
    "tenant": "t",
    "user_id": "u",
    "features": [1, 2.5, "red"],
    "predictions": [0.5],
    "at": "2026-01-01T00:00:00Z",
    "model": "recommender",
    "version": "3",
}
KNOWN = {"3": Columns({"age": Kind.NUMBER, "price": Kind.NUMBER, "color": Kind.TEXT})}


def read(message: object) -> Row | None:
    value = message if isinstance(message, bytes) else json.dumps(message).encode()
    return parse(value, "recommender", Layouts(dict.fromkeys(("price", "age"), Kind.NUMBER), KNOWN.get), NOW)


def test_a_prediction_gives_the_watched_features_in_the_order_they_are_watched() -> None:
    assert read(GOOD) == Row(NOW, (2.5, 1.0))


def test_another_models_prediction_is_none_whatever_its_features() -> None:
    assert read(GOOD | {"model": "churn", "features": None}) is None


@pytest.mark.parametrize("value", [None, True, "2", float("nan"), float("inf"), 10**400])
def test_what_is_no_number_in_a_column_of_numbers_is_missing(value: object) -> None:
    row = read(GOOD | {"features": [1, value, "red"]})
    assert row is not None
    assert np.isnan(row.features[0])
    assert row.features[1] == 1.0


@pytest.mark.parametrize(
    "spelled", ["18446744073709551617", "1e999", "-1e-999", "0.1", "-0", '"\\ud800"', "NaN", "1" * 400]
)
def test_a_value_is_what_json_reads_whichever_decoder_reads_it(spelled: str) -> None:
    row = read(json.dumps(GOOD).replace("2.5", spelled).encode())
    assert row is not None
    np.testing.assert_equal(row.features[0], read_number(json.loads(spelled)))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"features": [1, 2]}, "features is not a list of 3"),
        ({"features": "123"}, "not a prediction: features is not a list"),
        ({"at": "2026-01-01T00:00:00"}, "not a prediction: at has no time zone"),
        ({"at": "2026-01-01T00:05:01Z"}, "at is in the future"),
        ({"at": "1999-12-31T23:59:59Z"}, "at is before the year 2000"),
        ({"at": 7}, "not a prediction: at is not a text"),
    ],
)
def test_a_malformed_message_says_why(change: dict[str, object], why: str) -> None:
    with pytest.raises(MalformedError) as error:
        read(GOOD | change)
    assert str(error.value) == why


@pytest.mark.parametrize("poison", [b"", b"\xff\xfe", b"null", b"7", b"[" * 100_000, b'{"model": 1'])
def test_no_bytes_at_all_raise_anything_but_malformed(poison: bytes) -> None:
    with pytest.raises(MalformedError):
        read(poison)


def test_a_message_without_a_value_is_malformed() -> None:
    with pytest.raises(MalformedError):
        parse(None, "recommender", Layouts({"age": Kind.NUMBER}, KNOWN.get), NOW)


def test_a_version_that_nobody_knows_is_no_guess() -> None:
    with pytest.raises(UnknownVersionError):
        read(GOOD | {"version": "4"})


class Registry:
    """Counts how often it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.away = True

    def ask(self, version: str) -> Columns | None:
        self.asked.append(version)
        if self.away:
            raise ConnectionError("refused")
        return KNOWN.get(version)


def test_a_version_is_asked_for_once_and_again_only_after_a_while_where_there_was_no_answer() -> None:
    registry, now = Registry(), 0.0
    versions = Versions(registry.ask, lambda: now)
    assert [versions.columns("3") for _ in range(5)] == [None] * 5
    assert registry.asked == ["3"]
    registry.away, now = False, ASK_AGAIN_SECONDS + 1
    assert [versions.columns("3") for _ in range(5)] == [KNOWN["3"]] * 5
    assert registry.asked == ["3", "3"]


def test_a_flood_of_versions_that_are_none_asks_little() -> None:
    registry = Registry()
    versions = Versions(registry.ask, lambda: 0.0)
    for number in range(1000):
        assert versions.columns(str(number)) is None
    assert len(registry.asked) == MOST_UNKNOWN
    assert versions.columns("3; drop") is None
