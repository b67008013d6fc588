"""The stack's own model goes live by a number in its settings, under the rights that MLflow guards it by.

The same change of the settings asks for its outcomes: what clients say of its answers is in its record, and a user's
rows are not, once they were erased.
"""

import json
import secrets
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest
from mlflow import MlflowClient
from pulumi.automation import ConfigValue

from contract.names import PREDICTIONS_TOPIC, PRODUCTION_TAG, Alias, GateResult, Tag
from local import check, stack
from local.check import promotion, serving
from local.check.live import RunningStack
from local.shell import run
from tests.e2e.browser import chromium, page_of
from tests.e2e.closed_loop import PUBLISH
from tests.e2e.outcome_clients import RecordedPlaces, SentOutcomes, clients, tell
from tests.e2e.scratch_model import eventually
from tests.e2e.station import Station, Timed

pytestmark = pytest.mark.e2e
LOOP, MODEL = "bookstore-platform-ml", "recommender"
WRITERS: Final = ("app.kubernetes.io/component=recorder", "app.kubernetes.io/name=outcome-intake")
LOAD_SECONDS: Final = 8.0
"""Before the writers are killed, and again after each."""


@pytest.fixture(scope="module")
def version(station: Station) -> Iterator[str]:
    """One that may go live. Afterwards none is live, as the committed settings say."""
    assert station.url
    client = MlflowClient()
    versions = client.search_model_versions(f"name = '{MODEL}' and tag.`{Tag.GATE}` = '{GateResult.PASSED}'")
    passed = [each.version for each in versions if Tag.REJECTED not in each.tags]
    assert passed, f"train {MODEL} first: make train MODEL={MODEL}"
    yield str(max(map(int, passed)))
    if live := client.get_registered_model(MODEL).aliases.keys() & {Alias.PRODUCTION, Alias.PREVIOUS}:
        with station.acting_as(f"{MODEL}-promote", LOOP):
            for alias in live:
                client.delete_registered_model_alias(MODEL, alias)
            client.delete_registered_model_tag(MODEL, PRODUCTION_TAG)
    station.make("up")


def test_a_number_in_the_settings_puts_the_guarded_model_live(
    station: Station, version: str, timed: Timed, tmp_path: Path
) -> None:
    selected = stack.select(stack.BUILT_IN, station.paths)
    selected.set_config(f"ml-loop:models.{MODEL}.production", ConfigValue(version), path=True)
    for key, value in (("delay", "10m"), ("every", "20s")):
        selected.set_config(f"ml-loop:models.{MODEL}.outcomes.{key}", ConfigValue(value), path=True)
    with timed(f"version {version} of {MODEL} promoted, up included"):
        selected.up(color="never", suppress_progress=True, suppress_outputs=True)
    assert MlflowClient().get_registered_model(MODEL).aliases[Alias.PRODUCTION] == version
    asked = (serving.answers, serving.splits, promotion.guarded)
    # Who watches the aliases looks every 20 s, and the gateway takes seconds to split the requests.
    eventually(lambda: all(check.answered(ask, live(station)).yes for ask in asked), "answers of `make check`")

    with chromium(tmp_path) as browser, browser.visit() as visit:
        visit.see(f"{page_of(station)}models/{MODEL}", "Waits for you")
        assert f"Put version {version}" not in visit.page.locator("#tasks").inner_text()
        row = visit.page.locator(f'tr[data-version="{version}"]').inner_text()
        assert Alias.PRODUCTION in row
        assert f"version {version}" in visit.page.locator('tr[data-slot="production"]').inner_text()
        browser.keep(visit.page, "page-promoted")


def test_each_outcome_that_was_taken_is_recorded_once_though_its_writers_are_killed(
    station: Station, version: str, timed: Timed
) -> None:
    assert version  # lives, and its outcomes are asked for
    seen, tag = live(station), f"e2e-{secrets.token_hex(4)}"
    with clients(seen.predict_url or "", tag, seen.rows) as sent:
        eventually(lambda: len(sent.told) > 0, "the first outcome is taken")
        for writer in WRITERS:
            time.sleep(LOAD_SECONDS)
            kill_one(station, writer)
        time.sleep(LOAD_SECONDS)
    told, predicted = set(sent.told), set(sent.predicted)
    with timed(f"{len(told)} outcomes of {len(predicted)} predictions in the record after the last was sent"):
        eventually(lambda: has(recorded(station, tag), predicted, told), "all of it is in the record")
    found = recorded(station, tag)
    print(f"{len(told)} outcomes taken, {sent.refused.total()} requests sent again: {dict(sent.refused)}")
    assert found.outcomes.keys() == told
    assert found.doubled() == []


def test_an_erased_user_is_in_the_record_no_more_and_all_others_are(station: Station, version: str) -> None:
    assert version
    seen, tag = live(station), f"e2e-{secrets.token_hex(4)}"
    erased, kept = publish(station, f"{tag}-erased"), publish(station, f"{tag}-kept")
    tell(seen.predict_url or "", [*erased, *kept], SentOutcomes())
    both = {*erased, *kept}
    eventually(lambda: has(recorded(station, tag), both, both), "both users are in the record")
    said = station.make("erase", "--model", MODEL, "--user-id", f"{tag}-erased").stdout
    assert f"erased {len(erased)} predictions, {len(erased)} outcomes and 0 rows of trainings" in said
    assert [kind.keys() for kind in recorded(station, tag)] == [set(kept)] * 2
    again = station.make("erase", "--model", MODEL, "--user-id", f"{tag}-erased").stdout
    assert "erased 0 predictions, 0 outcomes" in again


def recorded(station: Station, prefix: str) -> RecordedPlaces:
    return RecordedPlaces.of(station.paths, MODEL, prefix)


def has(found: RecordedPlaces, predicted: set[str], told: set[str]) -> bool:
    return predicted <= found.predictions.keys() and told <= found.outcomes.keys()


def kill_one(station: Station, selector: str) -> None:
    """Without a goodbye: the processes get no signal that they could act on."""
    name, *_ = station.kubectl("get", "pods", "-n", LOOP, "-l", selector, "-o", "name").split()
    station.kubectl("delete", name, "-n", LOOP, "--grace-period=0", "--force", "--wait=false")


def publish(station: Station, user: str) -> list[str]:
    """Ids of a user's predictions. This stack's gateway logs nobody in and takes names away, so servers say none."""
    row, at = live(station).rows[0], datetime.now(UTC).isoformat()
    ids = [f"{user}/{each}" for each in range(30)]
    plain = {"tenant": "e2e", "user_id": user, "features": row, "predictions": [0.5], "model": MODEL, "version": "1"}
    lines = [json.dumps({**plain, "id": each, "at": at}) for each in ids]
    kubectl = (str(station.paths.bin / "kubectl"), f"--kubeconfig={station.paths.kubeconfig}", "-n", LOOP)
    pod = ("exec", "-i", f"deployment/{MODEL}-drift", "--", "python3", "-c", PUBLISH, PREDICTIONS_TOPIC)
    run(*kubectl, *pod, stdin="\n".join(lines) + "\n")
    return ids


def live(station: Station) -> RunningStack:
    config = stack.applied(stack.BUILT_IN, station.paths)
    return check.look_at(MODEL, config, stack.outputs(stack.BUILT_IN, station.paths), station.paths)()
