"""Charts with known holes."""

from datetime import date
from typing import Any

import pytest

from policy.exceptions import read_exceptions
from policy.rule import Resource, Stack
from policy.rules.advisories import NO_KNOWN_ADVISORIES
from policy.rules.charts import CHART
from policy.verdict import judge
from tests.policy.manifests import thing

REMEDY = "pin a fixed chart, or except it with a reason"


def chart(name: str, version: str) -> Resource:
    return Resource({"chart": name, "version": version}, type=CHART, label="Chart it")


def violations(resource: Resource, *exceptions: dict[str, Any]) -> list[str]:
    known = read_exceptions(exceptions)
    return list(judge(NO_KNOWN_ADVISORIES, resource, Stack((resource,)), known, date(2026, 1, 1)).violations)


@pytest.mark.parametrize(
    ("name", "version", "found"),
    [
        (
            "argo-events",
            "2.4.0",
            ["must be 2.4.15 or later: CVE-2025-32445, whoever writes a Sensor can take the node"],
        ),
        (
            "argo-workflows",
            "0.42.0",
            [
                "must be 0.46.2 or later: CVE-2025-66626, an artifact's archive can run code in the executor",
                "must be 1.0.15 or later: CVE-2026-54526, no 3.x chart has the fix",
            ],
        ),
        (
            "mlflow",
            "0.10.0",
            [
                "must be 1.0.0 or later: CVE-2025-11201, a crafted model runs code in the server",
                "must be 1.7.2 or later: CVE-2025-14279, a web page can reach the server by DNS rebinding",
            ],
        ),
    ],
)
def test_a_chart_with_a_hole_is_refused_with_the_advisory_s_name(name: str, version: str, found: list[str]) -> None:
    assert violations(chart(name, version)) == [
        f'Chart it: version is "{version}"; {required}; {REMEDY}' for required in found
    ]


@pytest.mark.parametrize("reference", ["oci://mirror.example/charts/argo-events", "./charts/argo-events-2.4.14.tgz"])
def test_a_chart_is_known_wherever_it_comes_from(reference: str) -> None:
    assert len(violations(chart(reference, "2.4.14"))) == 1


def test_the_chart_of_an_application_counts() -> None:
    source = {"chart": "mlflow", "targetRevision": "1.7.1"}
    application = thing("argoproj.io/v1alpha1", "Application", "mlflow", spec={"source": source})
    assert len(violations(Resource(application))) == 1


@pytest.mark.parametrize(
    ("name", "version"), [("argo-events", "2.4.15"), ("argo-workflows", "1.0.15"), ("mlflow", "v1.7.2"), ("x", "0.1.0")]
)
def test_a_chart_without_known_holes_passes(name: str, version: str) -> None:
    assert violations(chart(name, version)) == []


def test_who_must_keep_such_a_chart_says_why_and_until_when() -> None:
    exception = {"rule": "chart-advisories", "object": "Chart/it", "reason": "moves in May", "expires": "2026-06-01"}
    assert violations(chart("argo-events", "2.4.0"), exception) == []
