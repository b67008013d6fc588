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
    windows = Windows.resume(1, 1, {0: Bookmark(0, 1e9 + year)})
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
    assert [row.features for row in windows.open] == [(0,), (1,), (2,)]


def test_an_interrupted_window_has_the_same_rows_when_partitions_come_in_another_order() -> None:
    before = Windows(3)
    for partition, offset in ((0, 0), (1, 0), (1, 1)):
        complete = before.add(partition, offset, Row(1.0, (partition, offset)))
    assert complete
    marks = {p: Bookmark.read(m.start, m.metadata()) for p, m in before.closing().items()}

    after = Windows.resume(3, 1, marks)
    order = ((1, 0), (1, 1), (1, 2), (1, 3), (0, 0))
    assert [after.add(p, offset, Row(1.0, (p, offset))) for p, offset in order] == [False] * 4 + [True]
    assert sorted(row.features for row in after.open) == sorted(row.features for row in before.open)
    after.close()
    assert [(p, o) for p, o, _ in after.held_back()] == [(1, 2), (1, 3)]


def test_a_window_that_slides_finds_its_steps_again_whatever_order_the_partitions_come_in() -> None:
    """Two rows a step, three steps a window: the committed start is one window back, and each step has its own end."""
    before, offsets = Windows(2, 3), {0: 0, 1: 0}
    for partition in (0, 0, 0, 1, 1, 1, 0, 1):
        offset = offsets[partition]
        offsets[partition] += 1
        if before.add(partition, offset, Row(1.0, (partition, offset))):
            before.closing()
            before.close(looked=before.full)
    assert before.bookmarks == {0: Bookmark(3, 1.0, None, (3, 4)), 1: Bookmark(1, 1.0, None, (3, 4))}
    marks = {p: Bookmark.read(m.start, m.metadata()) for p, m in before.bookmarks.items()}
    assert marks == before.bookmarks
    after = Windows.resume(2, 3, marks)

    def take(partition: int, offset: int) -> None:
        if after.add(partition, offset, Row(1.0, (partition, offset))):
            assert after.keep(), "a step that was looked at before is no look"
            for later in after.held_back():
                take(later[0], later[1])

    for partition in (1, 0):
        for offset in range(marks[partition].start, offsets[partition]):
            take(partition, offset)
    assert [sorted(row.features for row in step) for step in after.kept] == [
        sorted(row.features for row in step) for step in before.kept
    ]
    assert (after.open, after.bookmarks) == ([], marks)
    assert not after.add(0, 3, Row(1.0, (9.0,))), "a row of the steps came again"


def test_rows_that_kafka_has_deleted_are_missing_and_stop_nothing() -> None:
    mark = Bookmark(10, 5.0, None, (20, 30)).after(25)
    assert mark == Bookmark(25, 5.0, None, (25, 30))
    windows = Windows.resume(10, 3, {0: mark})
    for offset in range(25, 29):
        while windows.add(0, offset, Row(1.0, (offset,))):
            assert windows.keep()
            assert list(windows.held_back()) == [(0, 25, Row(1.0, (25,)))]
