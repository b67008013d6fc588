"""The pinned charts with the stack's values: what Helm makes of them."""

import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

import versions
from policy.manifest import get
from policy.rule import Level, Stack
from policy.rules import RULES
from policy.verdict import judge
from tests.charts.keys import HERE, Keys, file
from tests.components.platform.chart_archive import Archive, archive
from tests.components.table import station
from tests.program.mocks import Registered, record


@dataclass(frozen=True)
class Expected:
    """A chart of a component."""

    component: str
    release: str
    definitions: int
    """CRDs it brings."""
    needed: frozenset[str] = frozenset()
    """Those whose objects the stack makes."""


EXPECTED = {
    "argo-workflows": Expected(
        "argo_workflows",
        "it-chart",
        8,
        frozenset({"workflowtemplates.argoproj.io", "cronworkflows.argoproj.io", "workflowtaskresults.argoproj.io"}),
    ),
    "argo-events": Expected(
        "argo_events",
        "it-chart",
        3,
        frozenset(f"{kind}.argoproj.io" for kind in ("eventbus", "eventsources", "sensors")),
    ),
    "cert-manager": Expected("cert_manager", "it-chart", 6),
    "knative-operator": Expected("knative", "it-chart", 2, frozenset({"knativeservings.operator.knative.dev"})),
    "kserve-crd": Expected(
        "kserve",
        "it-definitions",
        6,
        frozenset(
            f"{kind}.serving.kserve.io"
            for kind in ("inferenceservices", "inferencegraphs", "servingruntimes", "clusterstoragecontainers")
        ),
    ),
    "kserve-resources": Expected("kserve", "it-chart", 0),
    "plugin-barman-cloud": Expected("barman_cloud", "it-chart", 1, frozenset({"objectstores.barmancloud.cnpg.io"})),
    "cloudnative-pg": Expected(
        "cloudnativepg",
        "it-chart",
        11,
        frozenset({"clusters.postgresql.cnpg.io", "scheduledbackups.postgresql.cnpg.io"}),
    ),
}


def registered(name: str) -> Registered:
    expected = EXPECTED[name]
    return record(lambda: station(f"platform.{expected.component}")).only("Chart", expected.release)


def found(chart: Registered) -> Archive:
    return archive(chart.inputs["name"], chart.inputs["version"])


def values(chart: Registered) -> Mapping[str, Any]:
    return chart.inputs.get("values", {})


@pytest.mark.parametrize("name", EXPECTED)
def test_every_value_is_one_that_the_chart_knows(name: str) -> None:
    chart = registered(name)
    known = Keys.read(chart.inputs["name"], chart.inputs["version"])
    assert list(known.unknown(values(chart))) == []


@pytest.mark.parametrize("name", EXPECTED)
def test_the_keys_that_are_kept_are_the_chart_s(name: str) -> None:
    chart = registered(name)
    assert found(chart).keys() == Keys.read(chart.inputs["name"], chart.inputs["version"])


@pytest.mark.parametrize("name", EXPECTED)
def test_what_helm_makes_of_the_chart_passes_the_policy_pack_and_brings_the_crds(name: str) -> None:
    chart = registered(name)
    objects = found(chart).render(name, chart.inputs["namespace"], values(chart))
    stack = Stack(tuple(objects))
    mandatory = [rule for rule in RULES if rule.level is Level.MANDATORY]
    violations = [
        line
        for rule in mandatory
        for each in objects
        for line in judge(rule, each, stack, (), date(2026, 1, 1)).violations
    ]
    assert violations == []
    definitions = {
        str(get(each.manifest, "metadata", "name"))
        for each in objects
        if each.kind.endswith("/CustomResourceDefinition")
    }
    assert len(definitions) == EXPECTED[name].definitions
    assert definitions >= EXPECTED[name].needed


def packed(tmp_path: Path, files: Mapping[str, str]) -> Archive:
    path = tmp_path / "chart-1.0.0.tgz"
    with tarfile.open(path, "w:gz") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(f"chart/{name}")
            member.size = len(text.encode())
            archive.addfile(member, BytesIO(text.encode()))
    return Archive.read(path)


CHART = {
    "values.yaml": "replicas: 1\nserver: {resources: {}, pod: {uid: 1}, port: 80}\n",
    "templates/server.yaml": "{{ .Values.server.extra }} {{ toYaml .Values.server.pod }} {{ .Values.server.port }}",
}


@pytest.mark.parametrize(
    "known",
    [
        {"replicas": 2},
        {"server": {"resources": {"limits": {"memory": "1Gi"}}}},
        {"server": {"extra": "only a template knows it"}},
        {"server": {"pod": {"fsGroup": 1}}},
    ],
    ids=["a value", "a map without defaults", "in a template alone", "a map that goes into the manifest"],
)
def test_a_key_that_does_something_is_known(tmp_path: Path, known: Mapping[str, Any]) -> None:
    assert list(packed(tmp_path, CHART).keys().unknown(known)) == []


@pytest.mark.parametrize(
    ("misspelt", "path"),
    [
        ({"replica": 2}, "replica"),
        ({"server": {"resource": {}}}, "server.resource"),
        ({"server": {"ports": 1}}, "server.ports"),
    ],
)
def test_a_key_that_would_do_nothing_is_named(tmp_path: Path, misspelt: Mapping[str, Any], path: str) -> None:
    assert list(packed(tmp_path, CHART).keys().unknown(misspelt)) == [path]


def test_every_pinned_chart_of_an_operator_is_expected_here() -> None:
    operators = {"argo_workflows", "argo_events", "cert_manager", "knative", "kserve", "cloudnativepg", "barman_cloud"}
    recordings = [record(lambda each=each: station(f"platform.{each}")) for each in operators]
    charts = {chart.inputs["name"] for recording in recordings for chart in recording.of("Chart")}
    assert charts == set(EXPECTED)


def test_every_pin_has_its_keys_and_no_other_chart_has() -> None:
    pins = {file(pin.name, pin.version) for pin in vars(versions).values() if isinstance(pin, versions.Chart)}
    assert set(HERE.glob("*.keys")) == pins
