"""The judge by table, and what must hold for whatever traffic there is."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import judge as judged
from contract.watching import Limits
from loop.promotion.judge import Observation, judge
from loop.promotion.predictions import Sample
from loop.promotion.traffic import Traffic

LIMITS = Limits()


def sample(seed: int, rows: int = 400, shift: float = 0.0) -> Sample:
    return Sample((tuple(np.random.default_rng(seed).normal(shift, 1, rows)),), rows)


OLD = Observation("1", Traffic(answered=2000, seconds=2000 * 0.020), sample(0))
NEW = Observation("2", Traffic(answered=400, seconds=400 * 0.020), sample(1))


def failures(new: Observation, old: Observation | None = OLD, limits: Limits = LIMITS) -> list[str]:
    return judge(limits, new, old).failures


def test_a_version_like_the_one_before_stays_and_the_numbers_are_told() -> None:
    verdict = judge(LIMITS, NEW, OLD)
    assert verdict.failures == []
    assert verdict.notes == [
        "0 of 400 requests failed, 0 were refused",
        "20 ms on average, version 1 takes 20 ms",
        "the prediction is 0.08 away from that of version 1",
    ]
    assert verdict.numbers == {
        "compared-with": "1",
        "requests": "400",
        "error-rate": "0.0000",
        "refusal-rate": "0.0000",
        "latency-ms": "20.0",
        "latency-ms-before": "20.0",
        "prediction-shift": "0.08",
    }


@pytest.mark.parametrize(
    ("new", "old", "changed"),
    [
        (
            replace(NEW, traffic=Traffic(answered=380, failed=12, refused=8, seconds=7.6)),
            OLD,
            {"error-rate": "0.0300", "refusal-rate": "0.0200"},
        ),
        (replace(NEW, sample=Sample(((0.5,) * 400,), 400)), OLD, {"prediction-shift": "0.70"}),
        (
            replace(NEW, traffic=Traffic()),
            OLD,
            {
                "requests": "0",
                "error-rate": "missing: no requests came",
                "refusal-rate": "missing: no requests came",
                "latency-ms": "missing: version 2 has answered 0, 50 are needed",
            },
        ),
        (
            NEW,
            replace(OLD, traffic=Traffic(answered=7, seconds=1), sample=sample(0, rows=7)),
            {
                "latency-ms-before": "missing: version 1 has answered 7, 50 are needed",
                "prediction-shift": "missing: 400 rows of version 2, 400 of them different; 7 rows of version 1, "
                "7 of them different; 50 rows of each, 10 of them different, are needed",
            },
        ),
        (replace(NEW, sample=None), OLD, {"prediction-shift": "missing: predictions were not looked at"}),
        (
            NEW,
            None,
            dict.fromkeys(
                ("compared-with", "latency-ms-before", "prediction-shift"),
                "missing: there is no version to compare with",
            ),
        ),
    ],
    ids=["failing", "constant", "not asked", "little to compare with", "taken back at once", "the first"],
)
def test_every_number_has_its_name_or_the_reason_why_it_is_missing(
    new: Observation, old: Observation | None, changed: dict[str, str]
) -> None:
    assert judge(LIMITS, new, old).numbers == judge(LIMITS, NEW, OLD).numbers | changed


@pytest.mark.parametrize(
    ("new", "reason"),
    [
        (
            replace(NEW, traffic=Traffic(answered=380, failed=20, seconds=7.6)),
            "20 of 400 requests failed (5.0%, allowed 1.0%)",
        ),
        (
            replace(NEW, traffic=Traffic(answered=380, refused=20, seconds=7.6)),
            "20 of 400 requests were refused (5.0%, version 1 refused 0.0%)",
        ),
        (
            replace(NEW, traffic=Traffic(answered=400, seconds=400 * 0.040)),
            "an answer takes 40 ms on average, version 1 takes 20 ms (2.0 times as long, allowed 1.5)",
        ),
        (
            replace(NEW, sample=Sample(((0.5,) * 400,), 400)),
            "the prediction is 0.5 for all of 400 different rows, version 1 tells them apart",
        ),
        (
            replace(NEW, sample=sample(1, shift=3)),
            "the prediction is distributed differently from version 1 (KS distance 0.89, allowed 0.5)",
        ),
        (replace(NEW, crashes=("pod a: OOMKilled, exit code 137",)), "a server ended: pod a: OOMKilled, exit code 137"),
    ],
    ids=["5 % errors", "refusals", "twice as slow", "constant", "shifted", "crashing"],
)
def test_a_version_that_is_worse_in_one_way_is_caught_for_that_alone(new: Observation, reason: str) -> None:
    assert failures(new) == [reason]


@pytest.mark.parametrize(
    "new",
    [
        replace(NEW, traffic=Traffic(answered=19, failed=1, seconds=0.4)),
        replace(NEW, traffic=Traffic(answered=400, seconds=400 * 0.028)),
        replace(NEW, traffic=Traffic(answered=49, seconds=49 * 1.0)),
        replace(NEW, sample=Sample(((0.5,) * 400,), 3)),
        replace(NEW, sample=Sample(((0.5,) * 49,), 49)),
        replace(NEW, traffic=None, sample=None),
    ],
    ids=["1 of 20 failed", "1.4 times as slow", "few answers", "few inputs", "few predictions", "no traffic"],
)
def test_what_may_be_chance_or_is_allowed_is_no_verdict(new: Observation) -> None:
    assert failures(new) == []


def test_what_is_not_judged_is_said_with_numbers() -> None:
    quiet = replace(NEW, traffic=Traffic(answered=7, seconds=1), sample=sample(1, rows=7))
    seen = "7 rows of version 2, 7 of them different; 400 rows of version 1, 400 of them different"
    assert judge(LIMITS, quiet, OLD).notes == [
        "0 of 7 requests failed, 0 were refused",
        "latency is not judged: version 2 has answered 7, 50 are needed",
        f"predictions are not judged: {seen}; 50 rows of each, 10 of them different, are needed",
    ]


def test_without_a_version_before_errors_alone_are_judged() -> None:
    slow_and_constant = Observation("2", Traffic(answered=400, seconds=400), Sample(((0.5,) * 400,), 400))
    assert failures(slow_and_constant, None) == []
    assert failures(replace(NEW, traffic=Traffic(answered=380, failed=20)), None) != []


def test_a_model_that_was_constant_before_may_stay_so() -> None:
    constant = Sample(((0.5,) * 400,), 400)
    assert failures(replace(NEW, sample=constant), replace(OLD, sample=constant)) == []


def test_a_few_milliseconds_are_the_machine_s_mood_however_large_the_ratio() -> None:
    quick = replace(OLD, traffic=Traffic(answered=2000, seconds=2000 * 0.001))
    assert failures(replace(NEW, traffic=Traffic(answered=400, seconds=400 * 0.005)), quick) == []


def test_clients_that_make_mistakes_with_both_versions_condemn_none() -> None:
    old = replace(OLD, traffic=Traffic(answered=1800, refused=200, seconds=36))
    assert failures(replace(NEW, traffic=Traffic(answered=360, refused=40, seconds=7.2)), old) == []


def test_each_output_of_a_model_is_compared() -> None:
    (one,), (other,) = sample(1).outputs, sample(2).outputs
    old = replace(OLD, sample=Sample((one, other), 400))
    assert failures(replace(NEW, sample=Sample((other, (1.0,) * 400), 400)), old) == [
        "output 2 is 1 for all of 400 different rows, version 1 tells them apart"
    ]


@settings(max_examples=50, deadline=None)
@given(rows=st.integers(0, 2000), milliseconds=st.floats(0.1, 5000), seed=st.integers(0, 1000))
def test_a_version_that_is_the_same_is_never_caught(rows: int, milliseconds: float, seed: int) -> None:
    traffic = Traffic(answered=rows, seconds=rows * milliseconds / 1000)
    same = sample(seed, rows) if rows else Sample()
    assert failures(Observation("2", traffic, same), Observation("1", traffic, same)) == []


@settings(max_examples=50, deadline=None)
@given(requests=st.integers(300, 100_000), share=st.floats(0.05, 1))
def test_failures_of_a_twentieth_or_more_are_caught_whatever_the_traffic(requests: int, share: float) -> None:
    failed = round(requests * share)
    assert failures(Observation("2", Traffic(answered=requests - failed, failed=failed)), None) != []


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_a_version_that_fails_as_often_as_is_allowed_is_hardly_ever_caught(seed: int) -> None:
    failed = int(np.random.default_rng(seed).binomial(400, 0.005))
    assert failures(Observation("2", Traffic(answered=400 - failed, failed=failed)), None) == []


def labels(seed: int, shares: dict[str, float], rows: int = 400) -> Sample:
    values = np.random.default_rng(seed).choice(list(shares), rows, p=list(shares.values()))
    return Sample((tuple(map(str, values)),), rows)


def test_labels_are_compared_by_their_shares() -> None:
    old = replace(OLD, sample=labels(0, {"cat": 0.7, "dog": 0.3}))
    assert failures(replace(NEW, sample=labels(1, {"cat": 0.7, "dog": 0.3})), old) == []
    (reason,) = failures(replace(NEW, sample=labels(1, {"cat": 0.1, "dog": 0.9})), old)
    assert reason.startswith("the prediction is distributed differently from version 1 (distance of the labels' shares")
    assert failures(replace(NEW, sample=Sample((("cat",) * 400,), 400)), old) == [
        "the prediction is cat for all of 400 different rows, version 1 tells them apart"
    ]


def test_labels_without_number_say_nothing_by_being_different() -> None:
    texts = [Sample((tuple(f"{which} text {row}" for row in range(400)),), 400) for which in ("old", "new")]
    assert failures(replace(NEW, sample=texts[1]), replace(OLD, sample=texts[0])) == []


def test_a_rare_class_that_is_missing_is_no_constant_until_there_are_enough_rows() -> None:
    usual = replace(OLD, sample=Sample(((0.0,) * 9900 + (1.0,) * 100,), 10_000))
    assert failures(replace(NEW, sample=Sample(((0.0,) * 60,), 60)), usual) == []
    assert failures(replace(NEW, sample=Sample(((0.0,) * 9000,), 9000)), usual) != []


def test_what_the_version_before_refuses_is_known_by_as_many_requests_as_it_had() -> None:
    few = replace(OLD, traffic=Traffic(answered=60, seconds=1.2))
    assert failures(replace(NEW, traffic=Traffic(answered=380, refused=20, seconds=7.6)), few) == []


@pytest.mark.parametrize("which", judged.PROMISES)
def test_chance_alone_condemns_hardly_any_version(which: str) -> None:
    assert judged.condemned(which, looks=40, seed=1) == 0


def timed(milliseconds: list[float], rows: int = 1) -> Traffic:
    """So many answers as there are times."""
    seconds = [each / 1000 for each in milliseconds]
    squares = sum(each**2 for each in seconds)
    return Traffic(answered=len(seconds), seconds=sum(seconds), squares=squares, rows=rows * len(seconds))


def slow(times: list[float], usual: list[float], rows: int = 1) -> bool:
    found = failures(replace(NEW, traffic=timed(times, rows)), replace(OLD, traffic=timed(usual)))
    return any("an answer takes" in each for each in found)


def test_a_few_very_slow_answers_among_sixty_are_chance_and_as_many_among_thousands_are_not() -> None:
    usual = [20.0] * 580 + [400.0] * 20
    assert not slow([20.0] * 55 + [400.0] * 5, usual), "twice the mean, by three slow answers more than usual"
    assert slow([20.0] * 5000 + [400.0] * 1000, usual * 10)


def test_a_version_twice_as_slow_with_steady_answers_is_told_from_sixty_of_them() -> None:
    steady = [19.0, 20.0, 21.0] * 20
    assert slow([2 * each for each in steady], steady)
    assert not slow(steady, steady)


def test_requests_of_more_rows_may_take_longer() -> None:
    steady = [19.0, 20.0, 21.0] * 20
    assert not slow([4 * each for each in steady], steady, rows=10)
    assert slow([4 * each for each in steady], steady, rows=2)
