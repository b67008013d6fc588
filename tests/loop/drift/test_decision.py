"""The ids and numbers of the messages of ml.drift."""

import pytest

from contract.drift import DriftSettings
from contract.messages import DriftEvent, EventKind
from loop.drift.decision import Outcome, Span, event_id, events, known, sight

SPAN = Span(0.0, 3600.0, 1000, ((0, 10), (1, 20)), 3600.0)
SETTINGS = DriftSettings(features=("age", "price"))


def test_the_same_window_feature_and_reference_give_the_same_id_and_any_other_gives_another() -> None:
    same = event_id("m", "age", "3", SPAN.offsets)
    assert event_id("m", "age", "3", SPAN.offsets) == same
    others = {
        event_id("n", "age", "3", SPAN.offsets),
        event_id("m", "price", "3", SPAN.offsets),
        event_id("m", "age", "4", SPAN.offsets),
        event_id("m", "age", "3", ((0, 10), (1, 21))),
    }
    assert len(others | {same}) == 5


@pytest.mark.parametrize("p_value", [0.0, 1e-300, 0.5, 1.0])
def test_what_is_published_can_be_read_and_is_never_below_the_raw_p_value(p_value: float) -> None:
    (event,) = events("m", "3", SPAN, [Outcome("age", 0.2, p_value)], settings=SETTINGS, now=3601.0)
    assert DriftEvent.parse(event.encode()) == event
    assert event.p_value >= p_value


def test_each_feature_pays_for_all_of_them() -> None:
    outcomes = [Outcome("age", 0.3, 1e-6), Outcome("price", 0.3, 0.5)]
    alone = events("m", "3", SPAN, outcomes[:1], settings=SETTINGS, now=0.0)[0].p_value
    assert events("m", "3", SPAN, outcomes, settings=SETTINGS, now=0.0)[0].p_value == pytest.approx(2 * alone)


def test_what_can_be_seen_is_told_in_words_the_window_for_half_a_standard_deviation_among_them() -> None:
    wide = Outcome("age", 0.1, 1.0, smallest=0.25, needed=1620.0)
    short = Outcome("price", 0.1, 1.0, smallest=1.5, needed=float("inf"))
    assert sight([wide, short]) == (
        "the smallest shift it sees is 0.64 sigma, and 0.64 in age; a window of 1620 rows would see 0.5 sigma; "
        "no window sees 0.5 sigma in price beside so few reference rows; "
        "it sees nothing in price (too few rows)"
    )


def test_where_half_a_standard_deviation_is_seen_no_other_window_is_told() -> None:
    assert "window" not in sight([Outcome("age", 0.1, 1.0, smallest=0.15, needed=205.0)])


FAR = Outcome("age", 0.4, 0.0, smallest=0.15)


@pytest.mark.parametrize(
    ("to_production", "to_staging", "kind"),
    [
        (FAR, Outcome("age", 0.05, 0.9, smallest=0.15), EventKind.KNOWN),
        (FAR, FAR._replace(effect=0.3), EventKind.DRIFT),
        (FAR, Outcome("age", 0.05, 0.9, smallest=0.5), EventKind.DRIFT),
        (FAR, Outcome("age", 0.05, 0.0, reason="too dependent", smallest=0.15), EventKind.DRIFT),
        (FAR, Outcome("age", 0.4, 0.9, smallest=0.15), EventKind.DRIFT),
        (FAR, Outcome("age", 0.05, 0.9), EventKind.KNOWN),
        (Outcome("age", 0.05, 0.9, smallest=0.15), Outcome("age", 0.01, 0.9, smallest=0.15), EventKind.DRIFT),
        (FAR._replace(kind=EventKind.QUALITY, reason="constant"), Outcome("age", 0.0, 1.0), EventKind.QUALITY),
    ],
    ids=["explained", "drifts there too", "blind", "says nothing", "no nearer", "no bound", "no drift", "broken"],
)
def test_a_version_knows_a_drift_that_its_own_test_would_have_seen_and_does_not(
    to_production: Outcome, to_staging: Outcome, kind: EventKind
) -> None:
    (outcome,) = known([to_production], [to_staging], "5", 3600.0, SETTINGS)
    assert outcome.kind is kind
    (event,) = events("m", "3", SPAN, [outcome], settings=SETTINGS, now=0.0)
    assert (kind is EventKind.KNOWN) == event.reason.startswith("version 5 in staging")
    assert event.drift == (kind is EventKind.DRIFT and to_production is FAR)
