"""No chart whose program has a published advisory that a later chart fixes.

Sources: the Go vulnerability database for the operators (August 2026), GitHub's advisories for MLflow; which chart
brings which program is read in the charts' own history. The list is short and written by hand: it refuses what people
are known to pin, and does not replace a scanner. An exception needs a reason and an end, as for every rule.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from policy.manifest import elements, get
from policy.rule import Resource, Rule, Stack
from policy.rules.charts import CHART, EXACT_VERSION, RELEASE
from policy.violation import Violation


@dataclass(frozen=True)
class ChartAdvisory:
    """A hole in every chart of that name before version `fixed`."""

    chart: str
    fixed: str
    identifier: str
    effect: str


ADVISORIES = (
    ChartAdvisory("argo-workflows", "0.46.2", "CVE-2025-66626", "an artifact's archive can run code in the executor"),
    ChartAdvisory("argo-workflows", "1.0.15", "CVE-2026-54526", "no 3.x chart has the fix"),
    ChartAdvisory("argo-events", "2.4.15", "CVE-2025-32445", "whoever writes a Sensor can take the node"),
    ChartAdvisory("mlflow", "1.0.0", "CVE-2025-11201", "a crafted model runs code in the server"),
    ChartAdvisory("mlflow", "1.7.2", "CVE-2025-14279", "a web page can reach the server by DNS rebinding"),
)


def advisories(chart: str, version: str) -> Iterator[ChartAdvisory]:
    """What is known of that chart in that version; nothing where it is not a version."""
    if EXACT_VERSION.fullmatch(version):
        yield from (each for each in ADVISORIES if each.chart == chart and _key(version) < _key(each.fixed))


def _key(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.removeprefix("v").replace("+", "-").partition("-")[0].split("."))


def advisory_violations(resource: Resource, _stack: Stack) -> Iterator[Violation]:
    """Charts, releases, and the charts of Argo CD Applications."""
    for field, chart, version in _charts(resource):
        # An `oci://` reference ends with the chart's name, a local archive with name and version.
        name = str(chart).rpartition("/")[2].removesuffix(f"-{version}.tgz")
        for known in advisories(name, str(version)):
            required = f"{known.fixed} or later: {known.identifier}, {known.effect}"
            yield Violation(resource.name, field, version, required, "pin a fixed chart, or except it with a reason")


def _charts(resource: Resource) -> Iterator[tuple[str, Any, Any]]:
    if resource.type in (CHART, RELEASE):
        yield "version", get(resource.manifest, "chart"), get(resource.manifest, "version")
    if resource.kind == "argoproj.io/Application":
        sources = elements(get(resource.manifest, "spec", "sources"), "spec.sources")
        for path, source in [("spec.source", get(resource.manifest, "spec", "source")), *sources]:
            yield f"{path}.targetRevision", get(source, "chart"), get(source, "targetRevision")


NO_KNOWN_ADVISORIES = Rule(
    name="chart-advisories",
    description="No chart has a published advisory that a later one fixes.",
    check=advisory_violations,
)
