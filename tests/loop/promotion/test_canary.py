"""A version in staging is watched: it stays, or staging goes back."""

from contextlib import nullcontext

import pytest
from promotable import Loop

from contract.names import CANARY, Tag
from loop.promotion.ending import TakenBackError
from loop.promotion.traffic import Traffic
from loop.promotion.watch import Baseline


def test_a_staging_version_that_is_good_stays(loop: Loop) -> None:
    loop.promote(1)
    loop.stage(3)
    loop.canary(3)
    assert (loop.aliases["staging"], loop.staging.served) == ("3", "3")
    assert loop.staging.baselines == [Baseline("1", Traffic(answered=100, seconds=1.0))]


@pytest.mark.parametrize("failing", [{}, {"3": "too slow"}], ids=["stays", "taken back"])
def test_what_the_canary_saw_is_kept_at_the_version_whatever_becomes_of_it(loop: Loop, failing: dict[str, str]) -> None:
    loop.promote(1)
    loop.stage(3)
    loop.staging.failing = failing
    with pytest.raises(TakenBackError) if failing else nullcontext():
        loop.canary(3)
    kept = {key: value for key, value in loop.tags(3).items() if key.startswith(CANARY)}
    assert kept == {"ml-loop.canary.requests": "412", "ml-loop.canary.prediction-shift": "missing: too few"}
    assert not any(key.startswith(CANARY) for key in loop.tags(1))


def test_a_staging_version_that_fails_loses_staging_to_the_version_in_production(loop: Loop) -> None:
    loop.promote(1)
    loop.stage(3)
    loop.staging.failing["3"] = "too slow"
    with pytest.raises(
        TakenBackError, match=f"^version 3 of {loop.model} lost staging: too slow; version 1 is staged$"
    ):
        loop.canary(3)
    assert (loop.aliases["staging"], loop.staging.served) == ("1", "1")
    assert "it was rejected: too slow" in loop.refused(3)


def test_a_staging_version_that_could_not_be_seen_loses_staging_and_may_be_staged_again(loop: Loop) -> None:
    loop.promote(1)
    loop.stage(3)
    loop.staging.unseen["3"] = "nothing could be seen"
    with pytest.raises(TakenBackError, match=r"lost staging: nothing could be seen; version 1 is staged$"):
        loop.canary(3)
    assert (loop.aliases["staging"], loop.staging.served) == ("1", "1")
    assert Tag.REJECTED not in loop.tags(3)
    loop.staging.served = "3"  # a pod died before the service was told
    with pytest.raises(TakenBackError, match=r"version 1 is staged$"):
        loop.canary(3)
    assert loop.staging.served == "1"
    loop.staging.unseen.clear()
    loop.stage(3)
    loop.canary(3)
    assert loop.aliases["staging"] == "3"


def test_without_production_staging_goes_back_to_the_newest_good_version(loop: Loop) -> None:
    loop.client.set_model_version_tag(loop.model, "3", Tag.REJECTED, "constant")
    loop.stage(4)
    loop.staging.failing["4"] = "too slow"
    with pytest.raises(TakenBackError, match=r"version 2 is staged$"):
        loop.canary(4)
    assert (loop.aliases["staging"], loop.staging.served) == ("2", "2")


def test_with_nothing_to_go_back_to_nothing_is_staged(loop: Loop) -> None:
    loop.stage(1)
    loop.staging.failing["1"] = "too slow"
    with pytest.raises(TakenBackError, match=r"too slow; nothing is staged$"):
        loop.canary(1)
    assert (loop.aliases, loop.staging.served) == ({}, None)


def test_a_canary_leaves_a_newer_staging_version_alone(loop: Loop) -> None:
    loop.stage(4)
    loop.staging.failing["3"] = "too slow"
    loop.canary(3)
    assert loop.aliases == {"staging": "4"}
