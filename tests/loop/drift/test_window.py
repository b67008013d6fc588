"""What a window's bookmarks survive."""

import pytest

from loop.drift.row import Row
from loop.drift.window import Bookmark, Windows, first_span


def test_a_bookmark_survives_its_way_through_kafka() -> None:
    mark = Bookmark(12, 1767225600.25, 40)
    assert Bookmark.read(12, mark.metadata()) == mark


@pytest.mark.parametrize("metadata", [None, "", "set by hand", "[]", "7"])
def test_offsets_that_a_tool_has_reset_are_plain_starts(metadata: str | None) -> None:
    assert Bookmark.read(5, metadata) == Bookmark(5)


@pytest.mark.parametrize("horizon", ['"2026"', "NaN", "Infinity", "true", "[]", "{}"])
def test_a_horizon_that_is_no_time_is_none(horizon: str) -> None:
    assert Bookmark.read(5, f'{{"horizon": {horizon}, "end": "9"}}') == Bookmark(5)


def test_a_horizon_of_a_clock_that_was_ahead_silences_nobody_once_it_is_right() -> None:
    year = 365 * 24 * 3600.0
    windows = Windows.resume(1, {0: Bookmark(0, 1e9 + year)})
    assert windows.horizon(1e9) == 1e9
    assert windows.add(0, 0, Row(1e9 - 5, (1.0,)))
    windows.closing()
    assert windows.close(1e9)[0].horizon == 1e9


def test_rows_that_come_years_late_spend_nothing_in_the_first_window() -> None:
    hour = [1e9 + 36.0 * n for n in range(100)]
    assert first_span(hour) == pytest.approx(3600, rel=0.05)
    assert first_span([1e9 - 5e8, *hour]) == pytest.approx(3600, rel=0.05)


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
