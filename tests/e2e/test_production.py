"""The stack's own model goes live by a number in its settings, under the rights that MLflow guards it by."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow import MlflowClient
from pulumi.automation import ConfigValue

from contract.names import PRODUCTION_TAG, Alias, GateResult, Tag
from local import check, stack
from local.check import promotion, serving
from local.check.live import RunningStack
from tests.e2e.browser import chromium, page_of
from tests.e2e.scratch_model import eventually
from tests.e2e.station import Station, Timed

pytestmark = pytest.mark.e2e
LOOP, MODEL = "bookstore-platform-ml", "recommender"


@pytest.fixture
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


def live(station: Station) -> RunningStack:
    config = stack.applied(stack.BUILT_IN, station.paths)
    return check.look_at(MODEL, config, stack.outputs(stack.BUILT_IN, station.paths), station.paths)()
