"""Looking after the alias `production`: against a real registry, with promotions that begin, end and are cut off."""

from dataclasses import dataclass, field

import pytest
from prometheus_client import REGISTRY
from promotable import TRAINED_IN, Died, Loop

from contract.names import PRODUCTION_TAG, PROMOTION_TAG, Tag
from loop.promotion import aliases
from loop.promotion.aliases import AGAIN, PERIOD, STALE, STUCK, AliasWatcher
from loop.runtime.inference import RolloutError
from loop.runtime.pin import Pin, pin
from loop.runtime.registry import Registry


@dataclass
class FakePinned:
    """The production service as an object; `changed` says that somebody has changed it since it was read."""

    pin: Pin | None = None
    changed: bool = False
    told: list[Pin | None] = field(default_factory=list[Pin | None])

    def pinned(self) -> tuple[Pin | None, str]:
        return self.pin, "17"

    def tell(self, pin: Pin | None, at: str | None = None) -> None:
        assert at == "17"
        if self.changed:
            raise RolloutError("changing InferenceService: the API server answers 409 Conflict")
        self.pin = pin
        self.told.append(pin)


def gauge(loop: Loop, name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(f"ml_loop_{name}", {"model": loop.model, **labels})


def moved(loop: Loop) -> float | None:
    return gauge(loop, "production_unexplained")


def by_hand(loop: Loop, version: str | None) -> None:
    if version is None:
        loop.client.delete_registered_model_alias(loop.model, "production")
    else:
        loop.client.set_registered_model_alias(loop.model, "production", version)


def healer(loop: Loop, version: str = "2") -> tuple[AliasWatcher, FakePinned]:
    """Version 2 is in production; the healer has seen it so."""
    loop.promote(version)
    service = FakePinned(pin(Registry(), loop.model, version))
    watch = AliasWatcher(Registry(patience=0), loop.model, service)
    assert watch.step() == PERIOD
    return watch, service


def test_what_the_aliases_name_is_a_metric(loop: Loop) -> None:
    loop.promote(2)
    loop.stage(4)
    AliasWatcher(loop.registry, loop.model).step()
    shown = {alias: gauge(loop, "alias_version", alias=alias) for alias in ("production", "staging", "previous")}
    assert shown == {"production": 2, "staging": 4, "previous": 0}


def test_production_is_explained_by_the_promotion_that_put_it_there_and_by_nothing_else(loop: Loop) -> None:
    watch = AliasWatcher(loop.registry, loop.model)
    found: list[float | None] = []
    for change in (
        lambda: None,
        lambda: by_hand(loop, "4"),
        lambda: by_hand(loop, None),
        lambda: loop.promote(2),
        lambda: by_hand(loop, "4"),
        lambda: loop.promote(3),
        lambda: by_hand(loop, None),
    ):
        change()
        watch.step()
        found.append(moved(loop))
    assert found == [0, 1, 0, 0, 1, 0, 1]


def test_a_model_that_is_not_registered_yet_has_no_aliases(loop: Loop) -> None:
    loop.model += "-to-come"
    assert AliasWatcher(loop.registry, loop.model).step() == PERIOD
    assert (moved(loop), gauge(loop, "alias_version", alias="staging")) == (0, 0)


def cut_off(loop: Loop) -> None:
    """A promotion of version 3 whose pod was killed while it watched."""

    def die(*_: object) -> None:
        raise Died

    loop.service.watch = die  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(Died):
        loop.promote(3)


@pytest.mark.parametrize(("version", "unexplained"), [("3", 0), ("2", 0), ("4", 1), (None, 1)])
def test_a_promotion_under_way_explains_where_it_comes_from_and_where_it_goes_and_is_never_healed(
    loop: Loop, version: str | None, unexplained: int
) -> None:
    watch, service = healer(loop)
    cut_off(loop)
    by_hand(loop, version)
    for _ in range(3):
        assert watch.step() == PERIOD
        assert moved(loop) == unexplained
    assert (loop.aliases.get("production"), service.told) == (version, [])


@pytest.mark.parametrize("version", ["4", None])
def test_without_being_told_to_heal_it_changes_nothing(loop: Loop, version: str | None) -> None:
    loop.promote(2)
    watch = AliasWatcher(Registry(patience=0), loop.model)
    by_hand(loop, version)
    assert [watch.step() for _ in range(3)] == [PERIOD] * 3
    assert (loop.aliases.get("production"), moved(loop)) == (version, 1)
    assert gauge(loop, "production_healed_total") == 0


@pytest.mark.parametrize("version", ["4", None])
def test_what_was_moved_by_hand_is_put_back_at_the_second_look_and_counted(loop: Loop, version: str | None) -> None:
    watch, service = healer(loop)
    by_hand(loop, version)
    assert (watch.step(), loop.aliases.get("production")) == (AGAIN, version)
    assert (watch.step(), loop.aliases["production"]) == (AGAIN, "2")
    assert gauge(loop, "production_healed_total") == 1
    assert service.told == [], "it served the version all the time"
    assert (watch.step(), moved(loop)) == (PERIOD, 0)


def test_a_service_that_was_told_another_version_is_told_the_one_that_is_put_back(loop: Loop) -> None:
    watch, service = healer(loop)
    by_hand(loop, "4")
    service.pin = Pin("4")
    watch.step()
    watch.step()
    assert (service.told, loop.aliases["production"]) == ([Pin("2", TRAINED_IN)], "2")


def test_a_service_that_changes_meanwhile_is_left_alone_and_looked_at_again(loop: Loop) -> None:
    watch, service = healer(loop)
    by_hand(loop, "4")
    service.pin, service.changed = Pin("4"), True
    assert [watch.step() for _ in range(2)] == [AGAIN, PERIOD]
    assert (service.told, loop.aliases["production"]) == ([], "4")
    service.changed = False
    watch.step()
    assert (service.told, loop.aliases["production"]) == ([Pin("2", TRAINED_IN)], "2")


def test_a_promotion_that_begins_between_look_and_change_is_let_go_on(loop: Loop) -> None:
    watch, service = healer(loop)
    by_hand(loop, "4")
    watch.step()
    read = service.pinned

    def begun() -> tuple[Pin | None, str]:
        cut_off(loop)
        return read()

    service.pinned = begun
    watch.step()
    assert PROMOTION_TAG in loop.client.get_registered_model(loop.model).tags
    assert (service.told, loop.aliases["production"]) == ([], "3")
    assert gauge(loop, "production_healed_total") == 0


def test_an_alias_that_still_moves_is_not_put_back_before_it_stands_still(loop: Loop) -> None:
    watch, _ = healer(loop)
    for version in ("4", "5", "3"):
        by_hand(loop, version)
        watch.step()
        assert loop.aliases["production"] == version
    watch.step()
    assert loop.aliases["production"] == "2"


@pytest.mark.parametrize("what", ["rejected", "gone", "unknown"])
def test_nothing_is_healed_to_a_version_that_must_not_be_live(
    loop: Loop, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    watch, service = healer(loop)
    if what == "rejected":
        loop.client.set_model_version_tag(loop.model, "2", Tag.REJECTED, "it predicts nonsense")
    by_hand(loop, "4")
    if what == "gone":
        loop.client.delete_model_version(loop.model, "2")
    if what == "unknown":
        loop.client.delete_registered_model_tag(loop.model, PRODUCTION_TAG)
    for _ in range(3):
        watch.step()
    assert (loop.aliases["production"], service.told, moved(loop)) == ("4", [], 1)
    said = {"rejected": "it was rejected: it predicts nonsense", "gone": "it is gone", "unknown": "left nothing"}
    assert said[what] in caplog.text


def test_the_same_finding_is_logged_once(loop: Loop, caplog: pytest.LogCaptureFixture) -> None:
    loop.promote(2)
    watch = AliasWatcher(loop.registry, loop.model)
    with caplog.at_level("INFO"):
        for version in ("2", "2", "4", "4", "2", "2"):
            by_hand(loop, version)
            watch.step()
    names = f"{loop.model}: production names version"
    assert [record.getMessage() for record in caplog.records if record.name == aliases.__name__] == [
        f"{names} 2",
        f"{names} 4, and the last promotion left version 2",
        f"{names} 2",
    ]


def test_a_registry_that_is_away_is_told_and_waited_for(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    watch = AliasWatcher(Registry(patience=0), loop.model, clock=lambda: now[0])
    assert watch.ready() == (False, "has not asked MLflow yet")
    watch.step()
    assert watch.ready() == (True, f"{loop.model}: production names nothing")

    def away(_registry: Registry, _name: str) -> None:
        raise ConnectionError("nobody answers")

    monkeypatch.setattr(Registry, "model", away)
    now[0] = STALE
    assert watch.step() == PERIOD
    assert watch.ready() == (False, f"{loop.model} cannot be looked after: ConnectionError: nobody answers")
    assert watch.alive()[0], "a restart would bring no registry back"
    now[0] += STUCK
    assert watch.alive() == (False, "last look 300 s ago")
