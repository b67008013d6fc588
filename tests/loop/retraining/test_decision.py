"""The rule of the two holds, and a million events against it."""

import random
import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.cooldown import World, run
from loop.retraining.decision import CLOCK_SKEW, TOGETHER, Ending, Event, Hold, decide, lease_name, settle
from loop.retraining.leases import ContendedError, take

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
COOLDOWN = timedelta(hours=6)
FIRST = Event("e1", "age", "run-1")
SECOND = Event("e2", "age", "run-2")


@pytest.fixture
def no_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    def at_once(_seconds: float) -> None: ...

    monkeypatch.setattr("loop.retraining.leases.time.sleep", at_once)


def held(event: Event = FIRST, at: datetime = NOON) -> Hold:
    return decide(None, event, at, COOLDOWN).hold


def test_the_first_event_is_granted() -> None:
    decision = decide(None, FIRST, NOON, COOLDOWN)
    assert decision.granted
    assert decision.hold == Hold("e1", "age", "run-1", NOON, granted=("e1",))
    assert decision.until == NOON + COOLDOWN + CLOCK_SKEW


def test_a_repeated_step_of_the_same_run_is_granted_again_and_starts_the_cooldown_again() -> None:
    later = NOON + timedelta(hours=1)
    decision = decide(held(), FIRST, later, COOLDOWN)
    assert decision.granted
    assert decision.hold.taken == later
    assert decision.hold.granted == ("e1",)


def test_another_run_for_the_same_event_is_refused_even_after_the_cooldown() -> None:
    again = Event("e1", "age", "run-9")
    assert not decide(held(), again, NOON, COOLDOWN).granted
    assert not decide(held(), again, NOON + timedelta(days=9), COOLDOWN).granted


def test_an_event_inside_the_cooldown_is_refused_and_counted_once_however_often_it_asks() -> None:
    refused = decide(held(), SECOND, NOON + COOLDOWN, COOLDOWN)
    assert not refused.granted
    assert (refused.hold.refusals, refused.hold.refused) == (1, ("e2",))
    repeated = decide(refused.hold, SECOND, NOON + COOLDOWN, COOLDOWN)
    assert not repeated.granted
    assert repeated.hold is refused.hold


def test_an_event_after_the_cooldown_is_granted() -> None:
    decision = decide(held(), SECOND, NOON + COOLDOWN + CLOCK_SKEW, COOLDOWN)
    assert decision.granted
    assert decision.hold.granted == ("e1", "e2")


def test_a_refused_event_stays_refused_when_it_comes_again_after_the_cooldown() -> None:
    hold = decide(held(), SECOND, NOON, COOLDOWN).hold
    assert not decide(hold, SECOND, NOON + timedelta(days=1), COOLDOWN).granted


def test_an_old_event_does_not_come_back_after_another_was_granted() -> None:
    hold = decide(held(), SECOND, NOON + timedelta(days=1), COOLDOWN).hold
    assert not decide(hold, FIRST, NOON + timedelta(days=2), COOLDOWN).granted


def test_a_clock_that_is_behind_ends_nothing_early() -> None:
    assert not decide(held(), SECOND, NOON - timedelta(days=1), COOLDOWN).granted


def trained(hold: Hold, ending: Ending, at: datetime) -> Hold:
    return settle(hold, hold.run, ending, at, COOLDOWN)


def test_a_training_that_failed_gives_the_hold_back_later_each_time_but_not_later_than_the_cooldown() -> None:
    hold, now, waits = held(), NOON, []
    for attempt in range(2, 10):
        now += timedelta(minutes=2)
        hold = trained(hold, Ending.FAILED, now)
        waits.append(hold.until(COOLDOWN) - now)
        assert not decide(
            hold, Event(f"early {attempt}", "age", "r"), hold.until(COOLDOWN) - CLOCK_SKEW, COOLDOWN
        ).granted
        now = hold.until(COOLDOWN)
        decision = decide(hold, Event(f"e{attempt}", "age", f"run-{attempt}"), now, COOLDOWN)
        assert decision.granted
        hold = decision.hold
        assert hold.until(COOLDOWN) == now + COOLDOWN + CLOCK_SKEW, "a new training holds it as the first one did"
    minutes = [wait / timedelta(minutes=1) for wait in waits]
    assert minutes[:6] == [5, 10, 20, 40, 80, 160]
    assert minutes[7] < 6 * 60 + 1
    assert trained(hold, Ending.GAINED, now).failures == 0


def test_trainings_that_gain_nothing_double_the_cooldown_up_to_sixteen_times_and_a_gain_ends_that() -> None:
    hold, now, lengths = held(), NOON, []
    for number in range(2, 8):
        hold = trained(hold, Ending.FRUITLESS, now)
        lengths.append((hold.until(COOLDOWN) - hold.taken - CLOCK_SKEW) / COOLDOWN)
        now = hold.until(COOLDOWN)
        assert not decide(hold, Event("early", "age", "r"), now - timedelta(seconds=1), COOLDOWN).granted
        hold = decide(hold, Event(f"e{number}", "age", f"run-{number}"), now, COOLDOWN).hold
    assert lengths == [2, 4, 8, 16, 16, 16]
    assert trained(hold, Ending.GAINED, now).until(COOLDOWN) == now + COOLDOWN + CLOCK_SKEW


@pytest.mark.parametrize("ending", list(Ending))
def test_an_ending_counts_once_and_only_for_the_run_that_holds(ending: Ending) -> None:
    hold = held()
    once = trained(hold, ending, NOON)
    assert trained(once, ending, NOON + timedelta(hours=1)) is once
    assert settle(hold, "run-9", ending, NOON, COOLDOWN) is hold


@pytest.mark.parametrize(
    ("model", "feature", "name"),
    [
        ("recommender", None, "retrain-recommender"),
        ("recommender", "age", "retrain-recommender-age"),
        ("a-b", None, "retrain-a-b-d44362d6"),
        ("recommender", "user_age", "retrain-recommender-user-age-e3b18c47"),
        ("recommender", "*", "retrain-recommender-684888c0"),
    ],
)
def test_a_leases_name_shows_model_and_feature(model: str, feature: str | None, name: str) -> None:
    assert lease_name(model, feature) == name


@given(st.text(min_size=1), st.none() | st.text(min_size=1), st.text(min_size=1), st.none() | st.text(min_size=1))
def test_no_two_pairs_share_a_lease_and_every_name_is_legal(m1: str, f1: str | None, m2: str, f2: str | None) -> None:
    if (m1, f1) != (m2, f2):
        assert lease_name(m1, f1) != lease_name(m2, f2)
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", lease_name(m1, f1))
    assert len(lease_name(m1, f1)) < 253


def test_events_from_restarting_sensors_with_skewed_clocks_never_break_the_cooldown(no_sleep: None) -> None:
    world = run(World(random.Random(20260101)), 60_000)
    assert world.violations() == 0
    assert world.trainings_closer_than(TOGETHER) == 0
    assert world.events_with_two_trainings() == 0
    assert world.trainings_per_year() > 4 * 365, "the rule refuses nearly everything"


def test_a_lease_that_others_always_change_first_is_an_error_and_no_answer(no_sleep: None) -> None:
    class Busy(World):
        def write(self, name: str, hold: Hold, version: str | None, length: timedelta) -> bool:
            return False

    with pytest.raises(ContendedError, match=r"^Lease retrain-m-age was changed by others at each of 50 attempts$"):
        take(Busy(random.Random(1), competition=0.0), "retrain-m-age", FIRST, COOLDOWN)
