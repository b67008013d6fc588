"""Drift starts a training by itself, once, whatever is sent and whatever is killed: the built-in cluster's own model.

Predictions are published as the servers publish them; nothing else is done by hand. The tests go on from each other:
what drifted once is cooling down for all that follow. Which events pass is Argo Events' decision, so it is asked with
Argo Events. `ml.drift` has one partition: once the last event sent has its Workflow, all before it have been decided,
and nothing here waits for something not to happen.
"""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from mlflow import MlflowClient

from contract.names import NOTHING_NEW, Alias, Tag
from tests.e2e.browser import chromium, page_of
from tests.e2e.closed_loop import (
    FEATURES,
    MODEL,
    WINDOW,
    ClosedLoop,
    Reference,
    event,
    name_of,
    outputs,
    parameters,
    steps,
    versions,
)
from tests.e2e.scratch_model import eventually
from tests.e2e.station import Station, Timed

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

METRICS: Final = 7777
REJECTED: Final = 'argo_events_action_triggered_total{.*trigger_name="rejected"'
NO_JSON: Final = "argo_events_events_processing_failed_total"


@pytest.fixture(scope="module")
def loop(station: Station) -> Iterator[ClosedLoop]:
    """The model has a version to compare with, the detector's window is empty, and nothing is cooling down."""
    it = ClosedLoop()
    known = MlflowClient().search_registered_models(f"name='{MODEL}'")
    if not any(Alias.STAGING in model.aliases for model in known):
        station.make("train")
    it.wait_ready("detector")
    start = it.end()
    if missing := -int(it.counter("detector", 9090, "ml_loop_drift_open_window_rows")) % WINDOW:
        it.predict(Reference.current().draw(missing / WINDOW, seed=0), it.until + timedelta(minutes=1))
        eventually(lambda: len(it.tested(start)) == len(FEATURES), "the window that was open is closed")
    last = event()
    it.send(last)
    it.wait_for(last)
    it.forget()
    before = it.recipes()
    it.learn_anew()
    yield it
    it.forget()
    # The stack's own value: `up` takes no field by force from whoever has written another.
    it.change_recipes(before)


@pytest.fixture(scope="module")
def reference(loop: ClosedLoop) -> Reference:
    assert loop  # once there is a version
    return Reference.current()


@pytest.fixture(scope="module")
def drift(loop: ClosedLoop, reference: Reference) -> dict[str, Any]:
    """The first event of the drift that the tests are about."""
    return loop.drift_of(reference.drifted(seed=2), loop.end())


def test_thirty_windows_without_drift_are_thirty_times_no_event(loop: ClosedLoop, reference: Reference) -> None:
    start = loop.end()
    loop.predict(reference.draw(30, seed=1), datetime.now(UTC) - timedelta(minutes=1))
    eventually(lambda: len(loop.tested(start)) >= 30 * len(FEATURES), "thirty windows' tests", 120)
    found = loop.tested(start)
    assert len({each["id"] for each in found}) == len(found) == 30 * len(FEATURES)
    assert min(each["p_value"] for each in found) >= 0.05
    assert max(each["ks"] for each in found) < 0.1, "no window is further away than chance"
    assert loop.workflows() == {}


def test_a_shifted_feature_becomes_a_staging_version_that_names_the_event(
    loop: ClosedLoop, drift: dict[str, Any], timed: Timed
) -> None:
    before = len(versions())
    assert drift["feature"] == FEATURES[0]
    loop.wait_for(drift, "Running")
    seconds = time.time() - datetime.fromisoformat(drift["at"]).timestamp()
    print(f"drift event to Workflow Running: {seconds:.1f} s")
    with timed("drift event's Workflow Running to its version in staging"):
        loop.wait_for(drift, "Succeeded", "Failed", "Error", seconds=600)
    (version,) = versions(event_id=drift["id"])
    assert version.tags[Tag.TRIGGER] == f"drift:{FEATURES[0]}"
    assert version.tags[Tag.GATE] == "passed"
    staged = MlflowClient().get_model_version_by_alias(MODEL, Alias.STAGING)
    assert (staged.version, staged.run_id) == (version.version, version.run_id)
    assert len(versions()) == before + 1
    assert loop.workflows().keys() == {name_of(drift)}
    eventually(
        lambda: loop.told(drift).startswith(f"version {version.version} passed, auc 0."), "the result is told", 60
    )


def test_the_page_shows_the_drift_and_leads_to_its_report(
    loop: ClosedLoop, drift: dict[str, Any], station: Station, tmp_path: Path
) -> None:
    loop.wait_for(drift, "Succeeded")
    with chromium(tmp_path) as browser, browser.visit() as visit:
        visit.see(f"{page_of(station)}models/{MODEL}", f"drift of {FEATURES[0]}")
        column = visit.page.locator(f'tr[data-column="{FEATURES[0]}"]')
        assert column.locator("[data-distance]").get_attribute("data-distance") == str(drift["ks"])
        assert "drift" in column.inner_text()
        browser.keep(visit.page, "page-drifting")
        visit.page.locator("#register").get_by_role("link", name=f"drift of {FEATURES[0]}").first.click()
        report = visit.page.frame_locator("iframe")
        report.get_by_text(drift["id"]).wait_for(timeout=30_000)
        assert f"{drift['ks']:.4f}" in report.locator("section").first.inner_text()
        assert report.locator("img").count() == len(FEATURES)
        browser.keep(visit.page, "drift-report")


def test_the_same_drift_trains_nothing_while_it_cools_down(
    loop: ClosedLoop, reference: Reference, drift: dict[str, Any]
) -> None:
    before, refusals = len(versions()), loop.refusals()
    again, other = loop.drift_of(reference.drifted(seed=3), loop.end()), event(feature=FEATURES[1])
    assert again["feature"] == drift["feature"]
    loop.send(other)
    for each in (again, other):
        loop.wait_for(each, "Succeeded", "Failed", "Error")
        assert loop.phase(each) == "Succeeded"
        assert steps(loop.workflows()[name_of(each)]) == {"cooldown"}
        eventually(lambda each=each: loop.told(each).startswith("skipped: "), "the refusal is told", 60)
    assert loop.refusals() == refusals + 2
    assert len(versions()) == before


def test_after_the_cooldown_drift_ends_early_where_an_earlier_version_was_made_of_the_same(
    loop: ClosedLoop, reference: Reference, drift: dict[str, Any]
) -> None:
    before = len(versions())
    loop.move_cooldown_back(by=timedelta(days=5))
    again = loop.drift_of(reference.drifted(seed=5), loop.end())
    loop.wait_for(again, "Succeeded", "Failed", "Error", seconds=600)
    found = loop.workflows()[name_of(again)]
    assert steps(found) == {"cooldown", "train", "evaluate", "register", "settle"}
    (same,) = versions(event_id=drift["id"])
    said = outputs(found)["register"]
    assert (said["version"], said["gate"]) == (same.version, NOTHING_NEW)
    eventually(lambda: loop.told(again).startswith("nothing new to learn: "), "the result is told", 60)
    assert len(versions()) == before


def test_after_the_cooldown_the_same_drift_trains_once_though_every_part_is_killed(
    loop: ClosedLoop, reference: Reference, drift: dict[str, Any]
) -> None:
    before, rows, start = len(versions()), reference.drifted(seed=4), loop.end()
    loop.forget_workflows()
    loop.move_cooldown_back(by=timedelta(days=5))  # longer than a cooldown that nothing gained has doubled
    loop.learn_anew()

    loop.predict(rows[: WINDOW // 2], datetime.now(UTC))
    loop.kill("detector")
    loop.wait_ready("detector")
    loop.kill("source", "bus", "sensor")
    again = loop.drift_of(rows[WINDOW // 2 :], start)
    assert again["window"]["n"] == WINDOW
    eventually(lambda: "train" in steps(loop.workflows().get(name_of(again), {})), "its training", 300)
    loop.kill("workflow controller", "event controller")
    # One event twice, and one that is older than those before it, whose Workflow is long gone.
    last = event()
    loop.send(again, drift, last)
    loop.wait_for(again, "Succeeded", "Failed", "Error", seconds=600)
    for each in (drift, last):
        loop.wait_for(each, "Succeeded", "Failed", "Error")
        assert steps(loop.workflows()[name_of(each)]) == {"cooldown"}
    assert [version.tags[Tag.TRIGGER] for version in versions(event_id=again["id"])] == [f"drift:{FEATURES[0]}"]
    assert len(versions()) == before + 1
    assert loop.workflows().keys() == {name_of(each) for each in (again, drift, last)}


@pytest.mark.parametrize(
    ("when", "parts"),
    [("before", ("sensor", "source", "bus")), ("after", ("sensor",)), ("after", ("source",)), ("after", ("bus",))],
    ids=lambda value: value if isinstance(value, str) else "+".join(value),
)
def test_an_event_is_one_workflow_whatever_is_killed_around_it(
    loop: ClosedLoop, when: str, parts: tuple[str, ...]
) -> None:
    before = loop.workflows().keys()
    sent, after = event(), event()
    if when == "before":
        loop.kill(*parts)
    loop.send(sent)
    if when == "after":
        loop.kill(*parts)
    loop.wait_for(sent)
    loop.send(after)
    loop.wait_for(after)
    assert loop.workflows().keys() - before == {name_of(sent), name_of(after)}


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"p_value": 0}, ("0", "none")),
        ({"p_value": 0.049999, "evidence": "eJyL-_0="}, ("0.049999", "eJyL-_0=")),
        ({"p_value": 1e-12, "evidence": "{{=1}}"}, ("1e-12", "none")),
    ],
)
def test_the_training_is_told_the_feature_the_p_value_and_the_event(
    loop: ClosedLoop, said: dict[str, Any], told: tuple[str, str], timed: Timed
) -> None:
    sent = event(feature=FEATURES[-1]) | said
    loop.send(sent)
    with timed("an event to its Workflow"):
        loop.wait_for(sent)
    found = {"trigger": "drift", "feature": FEATURES[-1], "event_id": sent["id"]}
    found |= dict(zip(("p_value", "evidence"), told, strict=True))
    assert parameters(loop.workflows()[name_of(sent)]) == found


def without(key: str) -> dict[str, Any]:
    return {name: value for name, value in event().items() if name != key}


def with_number(text: str) -> str:
    """An event whose p-value is written as it is, whether or not that is JSON."""
    return json.dumps(event()).replace('"p_value": 0.01', f'"p_value": {text}')


NO_DRIFT: Final = (event(p_value=0.5), event(p_value=0.05), event(p_value=1))
OTHERS: Final = (event(model="other"), event(model=f"{MODEL}-2"))
TOO_LARGE: Final = (with_number("1e999"), with_number("-1e999"))
"""Beyond what the sensor can read as a number: it says so in its log, and counts nothing."""
ODD_FEATURES: Final = ("other", f"{FEATURES[0]}; rm", "{{workflow.uid}}", "ünïcode \u0000", "", None, [FEATURES[0]])
MALFORMED: Final = (
    *(event(p_value=value) for value in (None, "n/a", "0.01", -0.01, 1.01, False, True, {}, [0.01])),
    *(event(feature=value) for value in ODD_FEATURES),
    *(event(id=value) for value in ("../escape", "", 32 * "G", 7)),
    *(without(key) for key in ("id", "model", "feature", "p_value")),
    *("[]", "null"),
)
UNREADABLE: Final = (*(with_number(text) for text in ("NaN", "Infinity", "-Infinity")), "", "text")


def test_what_is_no_drift_of_the_model_starts_nothing_and_what_is_malformed_is_counted(loop: ClosedLoop) -> None:
    def rejected() -> float:
        return loop.counter("sensor", METRICS, REJECTED)

    def unreadable() -> float:
        return loop.counter("source", METRICS, NO_JSON)

    for part in ("sensor", "source"):
        loop.wait_ready(part)
    before, rejected_before, unreadable_before = loop.workflows().keys(), rejected(), unreadable()
    last = event()
    loop.send(*NO_DRIFT, *OTHERS, *TOO_LARGE, *MALFORMED, *UNREADABLE, last)
    loop.wait_for(last)
    eventually(lambda: rejected() >= rejected_before + len(MALFORMED), "every malformed event is counted")
    assert rejected() == rejected_before + len(MALFORMED)
    assert unreadable() == unreadable_before + len(UNREADABLE)
    assert loop.workflows().keys() - before == {name_of(last)}
