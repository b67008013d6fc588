"""`make check DEEP=1`: it trains, and publishes a drift, before it answers."""

import time
from itertools import islice
from typing import Any

import pytest

from local import check
from local.check import drift
from local.check.answer import Answer
from tests.local.check.asking import ask, waiting
from tests.local.check.station import Station, version, workflow


def trained(station: Station, submitted: dict[str, Any]) -> dict[str, Any]:
    assert submitted["spec"] == {"workflowTemplateRef": {"name": "m-train-0a1b2c3d"}}
    labels = {"ml-loop.dev/model": "m"}
    assert submitted["metadata"] == {"namespace": "ml", "generateName": "m-check-", "labels": labels}
    made = workflow("m-train-4", "Succeeded", "2026-01-04T00:00:00Z")
    station.workflows.append(made)
    station.versions.append(version(4))
    station.aliases = {"production": "2", "staging": "4"}
    return made


def test_deep_trains_and_judges_the_version_that_came_of_it() -> None:
    assert ask(2, Station(on_create=trained), deep=True) == Answer(
        True, "version 4 from m-train-4: auc 0.8 is passed, in 0 s"
    )


def test_deep_trains_before_it_asks_what_the_registry_lists() -> None:
    station = Station(on_create=trained, aliases=None, versions=[])
    first, second = islice(check.ask("m", station.live, deep=True), 2)
    assert (first.number, first.yes) == (2, True)
    assert (second.number, second.evidence) == (1, "1 versions; production is 2, staging is 4")


def test_a_training_that_leaves_staging_where_it_was_is_a_no() -> None:
    def forgetful(station: Station, submitted: dict[str, Any]) -> dict[str, Any]:
        made = trained(station, submitted)
        station.aliases = {"staging": "3"}
        return made

    told = "version 4 of m-train-4 passed its gate, and staging is 3"
    assert ask(2, Station(on_create=forgetful), deep=True) == Answer(False, told)


def test_a_training_without_a_version_is_a_no() -> None:
    def idle(station: Station, submitted: dict[str, Any]) -> dict[str, Any]:
        made = trained(station, submitted)
        station.versions.pop()
        return made

    told = "m-train-4 succeeded in 0 s and registered no version"
    assert ask(2, Station(on_create=idle), deep=True) == Answer(False, told)


def test_a_pod_that_is_being_started_is_not_stuck() -> None:
    assert ask(2, Station(workflows=[waiting("PodInitializing")])).yes


def no_sleep(_seconds: float) -> None:
    """Time does not matter here."""


def test_a_training_whose_pod_cannot_start_is_waited_for_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    def unpulled(station: Station, _submitted: dict[str, Any]) -> dict[str, Any]:
        made = waiting("ErrImagePull: 401 Unauthorized")
        station.workflows.append(made)
        return made

    monkeypatch.setattr(time, "sleep", no_sleep)
    told = "m-train-9 waits: train: ErrImagePull: 401 Unauthorized"
    assert ask(2, Station(on_create=unpulled), deep=True) == Answer(False, told)


def test_a_training_that_fails_is_told_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def failed(station: Station, submitted: dict[str, Any]) -> dict[str, Any]:
        made = trained(station, submitted)
        made["status"] = {"phase": "Failed", "message": "no data"}
        return made

    assert ask(2, Station(on_create=failed), deep=True) == Answer(False, "m-train-4 is Failed after 0 s: no data")


def test_deep_publishes_an_event_like_the_detector_s_and_sees_its_workflow() -> None:
    sent: list[dict[str, Any]] = []

    def sensor(station: Station, event: dict[str, Any]) -> None:
        sent.append(event)
        station.workflows.append(workflow(f"m-drift-{event['id'][:16]}", "Pending", "2026-01-05T00:00:00Z"))

    answer = ask(6, Station(on_event=sensor), deep=True)
    (event,) = sent
    name = f"m-drift-{event['id'][:16]}"
    assert answer == Answer(True, f"event {event['id']} of a started {name} within 0.0 s")
    assert event["p_value"] < event["threshold"]
    assert {**event, "id": "", "at": "", "window": {}} == {
        "id": "", "model": "m", "feature": "a", "ks": 1.0, "p_value": 0.0, "threshold": 0.05, "window": {},
        "reference_version": "2", "at": "", "kind": "drift",
    }  # fmt: skip


def ignored(station: Station, event: dict[str, Any]) -> None:
    """There is no sensor."""


def test_an_event_that_starts_nothing_is_a_no(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drift, "STARTED_SECONDS", 0.0)
    answer = ask(6, Station(on_event=ignored), deep=True)
    assert not answer.yes
    assert answer.evidence.endswith(" of a started no Workflow within 0 s")
