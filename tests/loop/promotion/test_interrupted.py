"""A promotion or a canary that dies at any change is finished, or undone, by the next."""

import pytest
from promotable import Died, FakeService, Loop, dying_at

from contract.names import Tag
from loop.promotion.ending import TakenBackError
from loop.promotion.promote import PromotionError
from loop.runtime.registry import Registry


def dies_promoting_3(loop: Loop, step: int, *, after: bool) -> None:
    """The pod dies at that change; the next one finds what is in the registry and on the cluster."""
    dying_at(loop, step, after=after)
    with pytest.raises(Died):
        loop.promote(3)
    loop.registry = Registry()
    loop.service = FakeService(loop.service.served)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", range(1, 9))
def test_a_promotion_that_dies_at_any_change_is_finished_by_the_next(loop: Loop, step: int, after: bool) -> None:
    loop.promote(2)
    dies_promoting_3(loop, step, after=after)
    loop.promote(3)
    assert loop.state == ("3", "2", "3")
    assert loop.left == "3"
    assert not loop.under_way


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", range(5, 11))
def test_a_way_back_that_dies_at_any_change_is_finished_by_the_next(loop: Loop, step: int, after: bool) -> None:
    loop.promote(1)
    loop.promote(2)
    loop.service.failing["3"] = "too slow"
    dying_at(loop, step, after=after)
    with pytest.raises((Died, PromotionError)):
        loop.promote(3)
    loop.registry = Registry()
    loop.service = FakeService(loop.service.served, {"3": "too slow"})
    assert "too slow" in loop.refused(3)
    assert loop.state == ("2", "1", "2")
    assert loop.tags(3)[Tag.REJECTED] == "too slow"
    assert not loop.under_way


@pytest.mark.parametrize("step", range(2, 8))
def test_a_promotion_that_died_and_is_no_longer_wanted_is_undone_by_the_next(loop: Loop, step: int) -> None:
    loop.promote(1)
    loop.promote(2)
    dies_promoting_3(loop, step, after=True)
    loop.promote(2)
    assert loop.state == ("2", "1", "2")
    assert loop.left == "2"
    assert Tag.REJECTED not in loop.tags(3)
    assert not loop.under_way


def test_a_canary_whose_pod_died_on_the_way_back_finishes_it(loop: Loop) -> None:
    loop.promote(1)
    loop.stage(3)
    loop.client.set_model_version_tag(loop.model, "3", Tag.REJECTED, "too slow")
    loop.client.set_registered_model_alias(loop.model, "staging", "1")
    with pytest.raises(TakenBackError, match=r"too slow; version 1 is staged$"):
        loop.canary(3)
    assert loop.staging.served == "1"
