"""Charts at an exact version, rendered where the rules can see what they make."""

import re
from collections.abc import Iterator
from typing import Any

from policy.manifest import elements, get
from policy.rule import Resource, Rule, Stack
from policy.violation import Violation

EXACT_VERSION = re.compile(r"v?\d+\.\d+\.\d+([-+][0-9A-Za-z.+-]+)?")
RELEASE = "kubernetes:helm.sh/v3:Release"
CHART = "kubernetes:helm.sh/v4:Chart"


def chart_violations(resource: Resource, _stack: Stack) -> Iterator[Violation]:
    """Releases, whose objects no rule sees; charts and Argo CD Applications whose version may move."""
    if resource.type == RELEASE:
        remedy = "install the chart with kubernetes.helm.v4.Chart, which renders it"
        yield Violation(resource.name, "type", RELEASE, f"{CHART}: a Release hides its objects from every rule", remedy)
    for field, version in _versions(resource):
        if not EXACT_VERSION.fullmatch(str(version)):
            yield Violation(resource.name, field, version, "an exact version such as 1.2.3", "write the tested version")


def _versions(resource: Resource) -> Iterator[tuple[str, Any]]:
    # The provider renders a Chart by itself and may register it without inputs: then `versions` is what pins it.
    if resource.type == RELEASE or (resource.type == CHART and get(resource.manifest, "chart") is not None):
        yield "version", get(resource.manifest, "version")
    if resource.kind == "argoproj.io/Application":
        sources = elements(get(resource.manifest, "spec", "sources"), "spec.sources")
        for path, source in [("spec.source", get(resource.manifest, "spec", "source")), *sources]:
            if get(source, "chart") is not None:
                yield f"{path}.targetRevision", get(source, "targetRevision")


VISIBLE_CHARTS = Rule(
    name="exact-charts",
    description="Charts have an exact version and are rendered where the rules see their objects.",
    check=chart_violations,
)
