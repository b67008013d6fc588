"""A watch judges by what it knows: junk is skipped, and what cannot be known is never a verdict."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from contract.watching import Limits
from loop.promotion import observation
from loop.promotion.judge import Verdict
from loop.promotion.observation import Published
from loop.promotion.predictions import Sample
from loop.promotion.traffic import Traffic
from loop.promotion.watch import Baseline, UnjudgedError, Watch

GOOD = {"model": "films", "version": "2", "features": [1.0, 2.0], "predictions": [0.5], "at": "2026-01-01T00:00:00Z"}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
DISTORTED = st.tuples(st.sampled_from(sorted(GOOD)), JSON).map(lambda field: json.dumps(GOOD | dict([field])).encode())


@settings(max_examples=200, deadline=None)
@given(junk=st.binary(max_size=40) | DISTORTED)
@example(b"[" * 100_000)
@example(json.dumps(GOOD | {"predictions": [10**400]}).encode())
@example(b'{"model": "films", "version": "2", "features": [1], "predictions": [' + b"9" * 5000 + b"]}")
@example(json.dumps(GOOD | {"version": ["2"]}).encode())
@example(b"\xff\xfe")
def test_no_message_whatever_it_is_ends_a_watch(junk: bytes) -> None:
    read = observation.published("films", ["1", "2"], [junk, json.dumps(GOOD).encode()])
    assert read.samples["2"].inputs >= 1


def test_ten_thousand_damaged_messages_are_read_without_an_error() -> None:
    chance, whole = Random(0), json.dumps(GOOD).encode()

    def damaged() -> bytes:
        at, length = chance.randrange(len(whole)), chance.randrange(5)
        return whole[:at] + chance.randbytes(chance.randrange(3)) + whole[at + length :]

    read = observation.published("films", ["2"], [*(damaged() for _ in range(10_000)), whole])
    assert read.skipped > 5000
    assert read.samples["2"].inputs >= 1


def test_what_is_no_prediction_is_counted_and_another_model_s_is_not() -> None:
    other = GOOD | {"model": "books"}
    values = [b"not json", b"[]", json.dumps(other).encode(), json.dumps(GOOD | {"predictions": 5}).encode()]
    read = observation.published("films", ["2"], [*values, json.dumps(GOOD).encode()])
    assert (read.skipped, read.samples) == (3, {"2": Sample(((0.5,),), 1)})


@dataclass
class Clock:
    """Time that passes by sleeping."""

    now: float = 0.0

    def time(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@dataclass
class Counted:
    """Servers that answer fifty requests a second, and take so many milliseconds for each from a moment on."""

    clock: Clock
    milliseconds: list[tuple[float, float]]

    def traffic(self) -> Traffic:
        answered, seconds = 0, 0.0
        for at in range(int(self.clock.now)):
            took = next(each for since, each in reversed(self.milliseconds) if since <= at)
            answered, seconds = answered + 50, seconds + 50 * took / 1000
        return Traffic(answered=answered, seconds=seconds)


@dataclass
class Service:
    """What a service shows; each part may be an error, for as many looks as it is listed."""

    errors: dict[str, int] = field(default_factory=dict[str, int])
    failed: int = 0
    crash: tuple[str, ...] = ()
    said: list[str] = field(default_factory=list[str])
    clock: Clock = field(default_factory=Clock)
    counted: Counted | None = None
    """None: 400 requests, whenever it is asked."""

    def crashes(self, version: str) -> tuple[str, ...]:
        self._maybe("crashes")
        return self.crash

    def traffic(self, version: str) -> Traffic:
        self._maybe("traffic")
        return self.counted.traffic() if self.counted else Traffic(answered=400 - self.failed, failed=self.failed)

    def published(self, versions: Iterable[str]) -> Published:
        self._maybe("published")
        return Published({}, 7)

    def _maybe(self, part: str) -> None:
        if self.errors.get(part, 0) > 0:
            self.errors[part] -= 1
            raise RecursionError(f"{part} cannot be seen")

    def watch(self) -> Verdict:
        return Watch(60, Limits(), self.clock.time, self.clock.sleep).over(self, "2", None, self.said.append)


FOREVER = 10**6


@pytest.mark.parametrize("part", ["crashes", "traffic", "published"])
def test_a_look_that_fails_is_made_again(part: str) -> None:
    service = Service({part: 3})
    assert service.watch().failures == []
    assert (
        f"nothing can be seen, so nothing is known about version 2: RecursionError: {part} cannot be seen"
        in service.said
    )
    assert service.said[-1] == "7 messages were skipped: they are not predictions"


@pytest.mark.parametrize("part", ["crashes", "traffic", "published"])
def test_what_cannot_be_seen_until_the_end_is_not_judged(part: str) -> None:
    service = Service({part: FOREVER})
    reason = f"it could not be judged within 60 s: RecursionError: {part} cannot be seen"
    with pytest.raises(UnjudgedError, match=f"^{reason}$"):
        service.watch()
    assert 120 <= service.clock.now < 130


@pytest.mark.parametrize("part", ["traffic", "published"])
def test_what_is_known_already_speaks_against_a_version_whatever_cannot_be_seen(part: str) -> None:
    crashing = Service({part: FOREVER}, crash=("pod a: OOMKilled",))
    assert crashing.watch().failures == ["a server ended: pod a: OOMKilled"]
    failing = Service({"published": FOREVER}, failed=40)
    assert failing.watch().failures == ["40 of 400 requests failed (10.0%, allowed 1.0%)"]
    assert failing.clock.now == 5.0


def test_a_version_before_that_still_serves_is_compared_by_the_same_minutes() -> None:
    counted = Traffic(answered=900, seconds=90.0)
    before = Baseline("1", Traffic(answered=100, seconds=50.0), lambda: counted)
    assert before.counted == Traffic(answered=800, seconds=40.0)
    assert Baseline("1", counted, lambda: Traffic(answered=7, seconds=1.0)).counted is None  # a server was replaced
    assert Baseline("1", counted).counted == counted


def test_a_version_that_is_replaced_is_timed_by_the_minutes_just_before_and_not_by_its_whole_life() -> None:
    clock = Clock(now=3600)
    old = Counted(clock, [(0, 200), (3500, 20)])  # an hour of slow nights, and quick since a while
    watch = Watch(60, Limits(), clock.time, clock.sleep)
    counted, lately = watch.before(old.traffic)
    assert clock.now == 3620, "as soon as there are enough"
    assert counted == old.traffic()
    assert lately is not None
    assert lately.latency == pytest.approx(0.020)


def test_a_version_that_is_asked_nothing_is_waited_for_as_long_as_the_next_one_is_watched() -> None:
    clock = Clock()
    watch = Watch(60, Limits(), clock.time, clock.sleep)
    assert watch.before(lambda: Traffic(answered=7)) == (Traffic(answered=7), Traffic())
    assert clock.now == 60
    assert watch.before(lambda: None) == (None, None)
    assert clock.now == 60, "servers that do not say are not waited for"


def test_a_slower_version_is_found_whose_predecessor_was_slow_earlier() -> None:
    """By all that the old one ever counted, 40 ms were quicker than usual."""
    clock = Clock(now=3600)
    watch = Watch(60, Limits(), clock.time, clock.sleep)
    counted, lately = watch.before(Counted(clock, [(0, 200), (3500, 20)]).traffic)
    clock.now = 0
    service = Service(clock=clock, counted=Counted(clock, [(0, 40)]))
    verdict = watch.over(service, "2", Baseline("1", counted, lately=lately), service.said.append)
    assert verdict.failures == [
        "an answer takes 40 ms on average, version 1 takes 20 ms (2.0 times as long, allowed 1.5)"
    ]


def test_a_version_is_not_judged_by_its_servers_first_answers() -> None:
    clock = Clock(now=30)
    service = Service(clock=clock, counted=Counted(clock, [(0, 500), (30, 20)]))
    usual = Traffic(answered=400, seconds=8.0)
    watch = Watch(60, Limits(), clock.time, clock.sleep)
    assert watch.over(service, "2", Baseline("1", usual), service.said.append).failures == []
