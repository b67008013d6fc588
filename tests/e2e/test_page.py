"""What people see, in a real browser: MLflow's own pages, and the page of the loop beside its sources."""

import json
import re
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
from playwright.sync_api import Page

from contract import metrics
from contract.names import METRICS_PORT, MODEL_LABEL
from tests.e2e.browser import PHONE, Chromium, chromium, page_of
from tests.e2e.station import NAMESPACE, Station, until

pytestmark = pytest.mark.e2e
MODEL = "recommender"
LOOP = "bookstore-platform-ml"
NEW = "brand-new"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    with chromium(tmp_path_factory.mktemp("pictures")) as found:
        yield found


@pytest.fixture(scope="module")
def page_url(station: Station) -> str:
    return page_of(station)


def registry(station: Station, path: str, **query: str) -> Mapping[str, Any]:
    address = f"{station.url}/api/2.0/mlflow/{path}?{urlencode(query)}"
    with urlopen(address, timeout=30) as reply:  # noqa: S310  the station's own
        return json.load(reply)


def of_model(station: Station) -> Mapping[str, Any]:
    return registry(station, "registered-models/get", name=MODEL)["registered_model"]


def versions(station: Station) -> list[Mapping[str, Any]]:
    return registry(station, "model-versions/search", filter=f"name='{MODEL}'").get("model_versions", [])


def test_mlflow_s_own_pages_list_runs_models_versions_and_artifacts(station: Station, browser: Chromium) -> None:
    newest = versions(station)[0]
    run = registry(station, "runs/get", run_id=newest["run_id"])["run"]["info"]
    pages = {
        "#/models": MODEL,
        f"#/models/{MODEL}": f"Version {newest['version']}",
        f"#/experiments/{run['experiment_id']}/runs": run["run_name"],
        f"#/experiments/{run['experiment_id']}/runs/{run['run_id']}/artifacts": "reference",
    }
    for address, text in pages.items():
        with browser.visit() as visit:
            visit.see(f"{station.url}/{address}", text)
            assert "Request error" not in visit.page.content()


def test_another_site_s_page_cannot_ask_mlflow(station: Station, browser: Chromium) -> None:
    with browser.visit() as visit:
        visit.page.goto("http://10.173.0.1/")  # the gateway's own answer: another origin
        asked = f"fetch('{station.url}/ajax-api/2.0/mlflow/runs/search', {{method: 'POST', body: '{{}}'}})"
        assert visit.page.evaluate(f"{asked}.then(reply => 'answered', () => 'refused')") == "refused"


def test_the_page_s_numbers_are_those_of_its_sources(station: Station, browser: Chromium, page_url: str) -> None:
    with browser.visit() as visit:
        page = visit.page
        page.goto(f"{page_url}models/{MODEL}")
        aliases = {each["alias"]: each["version"] for each in of_model(station)["aliases"]}
        for found in versions(station):
            tags = {tag["key"]: tag["value"] for tag in found["tags"]}
            row = text(page, f'tr[data-version="{found["version"]}"]')
            report = json.loads(tags["ml-loop.gate-report"])
            assert f"{report['metric']} {report['candidate']:.3f}" in row
            assert {alias for alias in aliases if alias in row} == {
                alias for alias, number in aliases.items() if number == found["version"] and alias != "previous"
            }
        for name, share in weights(station).items():
            row = text(page, f'tr[data-slot="{name}"]')
            assert f"version {aliases[name]}" in row
            assert f"{share} %" in row
        for training in station.objects("workflows", "-n", LOOP, "-l", f"{MODEL_LABEL}={MODEL}")[:8]:
            assert text(page, f'tr[data-workflow="{training["metadata"]["name"]}"]')
        exported = detector(station)
        assert page.locator("[data-windows]").get_attribute("data-windows") == f"{exported['windows']:.0f}"
        for column in page.locator("tr[data-column]").all():
            name = column.get_attribute("data-column") or ""
            shown = column.locator("[data-distance]").get_attribute("data-distance") or ""
            assert shown == (str(exported[name]) if name in exported else "")
        assert visit.complaints == []
        assert visit.hosts == {"10.173.0.1:30501"}


def test_every_screen_is_readable_wide_narrow_light_and_dark(browser: Chromium, page_url: str) -> None:
    screens = {"page-models": "", "page-trained": f"models/{MODEL}"}
    for name, address in screens.items():
        for size, dark, suffix in (((1280, 900), False, ""), ((1280, 900), True, "-dark"), (PHONE, False, "-phone")):
            with browser.visit(size, dark=dark) as visit:
                visit.see(page_url + address, MODEL)
                wide = visit.page.evaluate("document.documentElement.scrollWidth")
                assert wide <= size[0], f"{name}{suffix} is {wide} wide"
                browser.keep(visit.page, f"{name}{suffix}")


def test_a_model_that_has_never_been_trained_has_a_screen_that_says_how_to_begin(
    station: Station, browser: Chromium, page_url: str
) -> None:
    with another_model(station, NEW), browser.visit() as visit:
        until(lambda: lists(page_url, NEW), "the page lists the new model")
        visit.see(f"{page_url}models/{NEW}", "No training yet.")
        assert f"The registry has no version of {NEW} yet" in text(visit.page, "#register")
        browser.keep(visit.page, "page-empty")


def test_the_page_is_walked_through_by_keyboard(browser: Chromium, page_url: str) -> None:
    with browser.visit() as visit:
        visit.see(f"{page_url}models/{MODEL}", "Waits for you")
        visit.page.keyboard.press("Tab")
        assert visit.page.evaluate("document.activeElement.textContent") == "Skip to the loop"
        reached = set[str]()
        for _ in range(12):
            visit.page.keyboard.press("Tab")
            reached.add(visit.page.evaluate("document.activeElement.getAttribute('href') || ''"))
        assert {"#train", "#register", "#serve", "#monitor", "#retrain"} <= reached


def test_a_page_that_is_open_says_that_mlflow_is_away_and_that_it_is_back(
    station: Station, browser: Chromium, page_url: str
) -> None:
    with browser.visit() as visit:
        visit.see(f"{page_url}models/{MODEL}", "Waits for you")
        station.kubectl("-n", NAMESPACE, "scale", "deployment/mlflow", "--replicas=0")
        try:
            visit.page.get_by_text("MLflow is away:").wait_for(timeout=60_000)
            visit.page.locator("#register").get_by_text("Unknown, as MLflow is away.").wait_for()
            browser.keep(visit.page, "page-mlflow-away")
        finally:
            station.kubectl("-n", NAMESPACE, "scale", "deployment/mlflow", "--replicas=2")
        visit.page.get_by_text("MLflow is away:").wait_for(state="detached", timeout=180_000)
        until(lambda: "Version" in text(visit.page, "#register"), "the versions are back")


@contextmanager
def another_model(station: Station, name: str) -> Generator[None]:
    """As if the settings had one more: the page's own list of models names it, and nothing else exists of it."""
    (deployment,) = [
        each for each in station.objects("deployments", "-n", LOOP) if each["metadata"]["name"] == "loop-page"
    ]
    (content,) = [
        each["configMap"]["name"] for each in deployment["spec"]["template"]["spec"]["volumes"] if "configMap" in each
    ]
    before = station.kubectl("get", "configmap", content, "-n", LOOP, "-o", "jsonpath={.data}")
    (file, known), *_ = json.loads(before).items()
    models = json.loads(known)
    first = models["models"][0]
    submit = first["submit"].replace(first["name"], name)
    models["models"].append(first | {"name": name, "production": None, "submit": submit})
    try:
        _show(station, content, file, json.dumps(models))
        yield
    finally:
        _show(station, content, file, known)


def _show(station: Station, content: str, file: str, models: str) -> None:
    """A new pod reads it at once, where a running one would in two minutes."""
    patch = json.dumps({"data": {file: models}})
    station.kubectl("patch", "configmap", content, "-n", LOOP, "--type=merge", "-p", patch)
    station.kubectl("delete", "pod", "-n", LOOP, "-l", "app.kubernetes.io/name=loop-page", "--wait")
    station.kubectl("rollout", "status", "deployment/loop-page", "-n", LOOP, "--timeout=120s")


def lists(page_url: str, model: str) -> bool:
    """Whether the page answers, and names the model."""
    try:
        with urlopen(page_url, timeout=10) as reply:  # noqa: S310  the station's own
            return model in reply.read().decode()
    except OSError:
        return False


def text(page: Page, selector: str) -> str:
    return re.sub(r"\s+", " ", page.locator(selector).first.inner_text())


def weights(station: Station) -> Mapping[str, int]:
    """Slot → its share of the requests, as the route has it."""
    route = next(each for each in station.objects("httproutes", "-n", LOOP) if each["metadata"]["name"] == MODEL)
    backends = route["spec"]["rules"][0]["backendRefs"]
    return {re.sub(f"^{MODEL}-|-predictor$", "", each["name"]): each["weight"] for each in backends}


def detector(station: Station) -> Mapping[str, float]:
    """`windows`, and the distance of each column that was compared."""
    selector = "app.kubernetes.io/name=drift-detector"
    pod = station.objects("pods", "-n", LOOP, "-l", selector)[0]["metadata"]["name"]
    said = station.kubectl("get", "--raw", f"/api/v1/namespaces/{LOOP}/pods/{pod}:{METRICS_PORT}/proxy/metrics")
    scores = re.findall(rf'^{metrics.DRIFT_SCORE.name}{{feature="(\w+)",.*}} (\S+)$', said, re.MULTILINE)
    windows = re.search(rf"^{metrics.DRIFT_WINDOWS.name}{{.*}} (\S+)$", said, re.MULTILINE)
    return {name: float(value) for name, value in scores} | {"windows": float(windows[1]) if windows else 0.0}
