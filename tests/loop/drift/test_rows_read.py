"""Which rows the detector takes into a window, of which versions and columns."""

from typing import Any

import numpy as np
import pytest
from scipy.stats import ks_2samp
from watched import COLUMNS, SIZE, Recorder, gauge, malformed, prediction, run_through, watcher

from contract.drift import DriftSettings
from loop.drift.columns import Columns, Kind
from loop.drift.decision import Outcome
from loop.drift.reference import Reference


@pytest.mark.parametrize(
    "at",
    [
        "0001-01-01T00:00:00+14:00",
        "0001-01-01T00:00:00Z",
        "1970-01-01T00:00:00Z",
        "9999-12-31T23:59:59-14:00",
        "9999-12-31T23:59:59Z",
        "2026-01-31T00:05:01Z",
    ],
)
def test_a_time_that_no_clock_has_ends_nothing_and_is_in_no_window(at: str) -> None:
    before = malformed()
    good = [prediction(n) for n in range(SIZE)]
    recorder, _, events = run_through([good[0], prediction(500, at=at), *good[1:], prediction(501, at=at)])
    assert malformed() == before + 2
    assert recorder.windows == [tuple(range(SIZE))]
    assert events[0]["window"]["from"] == "2026-01-01T00:00:00.000Z"


def test_versions_with_other_columns_are_read_by_name_and_unknown_ones_are_counted_and_left_out() -> None:
    versions = {
        "4": Columns({"other": Kind.TEXT, "x": Kind.NUMBER}),
        "5": Columns({"new": Kind.NUMBER, "other": Kind.TEXT, "x": Kind.NUMBER}),
        "6": Columns({"other": Kind.TEXT}),
    }
    rows = [
        prediction(n)
        if n % 3 == 0
        else prediction(n, version="4", features=["other", n])
        if n % 3 == 1
        else prediction(n, version="5", features=[-1, "other", n])
        for n in range(SIZE)
    ]
    strangers = [prediction(900, version=each) for each in ("6", "7", "", "٣", "1e3")]
    before, bad = unknown(), malformed()
    recorder, _, _ = run_through([*strangers, *rows], watcher=watcher(versions=versions))
    assert recorder.windows == [tuple(range(SIZE))]
    assert (unknown(), malformed()) == (before + 5, bad)


def unknown() -> float:
    return gauge("ml_loop_drift_messages_total", model="recommender", outcome="unknown_version") or 0.0


def test_a_value_that_is_missing_or_of_another_kind_leaves_its_row_in_the_window() -> None:
    odd = [None, "text", True, [1], float("nan")]
    recorder = Recorder()
    messages = [prediction(n, features=[value, "other"]) for n, value in enumerate(odd[:3] + odd[4:])]
    messages += [prediction(n) for n in range(4, SIZE)]
    recorder, _, _ = run_through(messages)
    (window,) = recorder.windows
    assert len(window) == SIZE
    assert sum(np.isinf(window)) == 4


@pytest.mark.parametrize("answers", ["3", "4"])
def test_columns_of_32_bits_compare_as_such_whichever_version_has_them(answers: str) -> None:
    """What is published of 0.3 by a model with 32 bits is 0.30000001192092896."""
    single = Columns({"x": Kind.SINGLE, "other": Kind.TEXT})
    columns = {"3": COLUMNS, "4": single} if answers == "4" else {"3": single}
    values = [0.1, 0.2, 0.3] * 10
    reference = Reference("3", columns["3"], {"window": [np.array(values)]})
    messages = [
        prediction(n, version=answers, features=[float(np.float32(value)), "other"]) for n, value in enumerate(values)
    ]

    def make(_settings: DriftSettings, columns: Any) -> Any:
        def compare(window: np.ndarray, _elapsed: float) -> list[Outcome]:
            return [Outcome("x", float(ks_2samp(columns[0].values, window[:, 0]).statistic), 1.0)]

        return compare

    _, _, events = run_through(messages, watcher=watcher(reference, versions=columns), make_test=make)
    assert [event["ks"] for event in events] == [0.0]
