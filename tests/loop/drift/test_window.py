"""Parsing of predictions, and what a window's bookmarks survive."""

import json
from datetime import UTC, datetime

import pytest

from loop.drift.window import Bookmark, MalformedError, Row, Windows, parse

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


def read(message: object) -> Row | None:
    value = message if isinstance(message, bytes) else json.dumps(message).encode()
    return parse(value, "recommender", (1, 0), 3, NOW)


def test_a_prediction_gives_the_watched_features_in_the_order_they_are_watched() -> None:
    assert read(GOOD) == Row(NOW, (2.5, 1.0))


def test_another_models_prediction_is_none_whatever_its_features() -> None:
    assert read(GOOD | {"model": "churn", "features": None}) is None


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"features": [1, 2]}, "features is not a list of 3"),
        ({"features": "123"}, "not a prediction: features is not a list"),
        ({"features": [1, None, 3]}, "a watched feature is not a finite number"),
        ({"features": [True, 2, 3]}, "a watched feature is not a finite number"),
        ({"features": [1, "2", 3]}, "a watched feature is not a finite number"),
        ({"features": [1, float("nan"), 3]}, "a watched feature is not a finite number"),
        ({"features": [1, 10**400, 3]}, "a watched feature is not a finite number"),
        ({"at": "2026-01-01T00:00:00"}, "not a prediction: at has no time zone"),
        ({"at": "2026-01-01T00:05:01Z"}, "at is in the future"),
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


def test_a_missing_value_raises_malformed() -> None:
    with pytest.raises(MalformedError):
        parse(None, "recommender", (0,), 1, NOW)


def test_a_bookmark_survives_its_way_through_kafka() -> None:
    mark = Bookmark(12, 1767225600.25, 40)
    assert Bookmark.read(12, mark.metadata()) == mark


@pytest.mark.parametrize("metadata", [None, "", "set by hand", "[]", "7"])
def test_offsets_that_a_tool_has_reset_are_plain_starts(metadata: str | None) -> None:
    assert Bookmark.read(5, metadata) == Bookmark(5)


def test_a_message_that_is_delivered_twice_counts_once() -> None:
    windows = Windows(3)
    for offset in (0, 1, 1, 0):
        assert not windows.add(0, offset, Row(1.0, (offset,)))
    assert windows.add(0, 2, Row(1.0, (2,)))
    assert [row.features for row in windows.rows] == [(0,), (1,), (2,)]


def test_an_interrupted_window_has_the_same_rows_when_partitions_come_in_another_order() -> None:
    before = Windows(3)
    for partition, offset in ((0, 0), (1, 0), (1, 1)):
        complete = before.add(partition, offset, Row(1.0, (partition, offset)))
    assert complete
    marks = {p: Bookmark.read(m.start, m.metadata()) for p, m in before.closing().items()}

    after = Windows.resume(3, marks)
    order = ((1, 0), (1, 1), (1, 2), (1, 3), (0, 0))
    assert [after.add(p, offset, Row(1.0, (p, offset))) for p, offset in order] == [False] * 4 + [True]
    assert sorted(row.features for row in after.rows) == sorted(row.features for row in before.rows)
    after.close()
    assert [(p, o) for p, o, _ in after.held_back()] == [(1, 2), (1, 3)]
