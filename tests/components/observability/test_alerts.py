"""The alerts and the dashboard: what they read exists, each alert has its runbook, and fires when it should.

`alerts.yaml` holds for each alert the series it fires on, and what has to change for it not to. Evaluated by promtool,
Prometheus' own tool for it.
"""

import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from components.observability import alerts, dashboard
from components.observability.alerts import Alert, Watched
from contract import metrics
from local.paths import Paths
from tests.program.program import ROOT

WATCHED: Final = Watched(loop="loop", tracking="mlflow", others=["kafka"], retrained=["recommender", "ranker"])
RULES: Final = {alert.name: alert for alert in alerts.alerts(WATCHED)}
CASES: Final[Mapping[str, Mapping[str, Any]]] = yaml.safe_load(
    Path(__file__).with_name("alerts.yaml").read_text(encoding="utf-8")
)
OTHERS: Final[Mapping[str, str]] = {
    "argo_events_action_triggered_total": "Argo Events, docs/metrics.md: labels namespace, sensor_name, trigger_name",
    "cnpg_collector_up": "CloudNativePG, docs/monitoring.md: label cluster",
    "kube_deployment_spec_replicas": "kube-state-metrics, docs/metrics/workload/deployment-metrics.md",
    "kube_deployment_status_replicas_available": "kube-state-metrics, docs/metrics/workload/deployment-metrics.md",
    "kube_job_failed": "kube-state-metrics, docs/metrics/workload/job-metrics.md: labels job_name, condition",
    "kube_statefulset_replicas": "kube-state-metrics, docs/metrics/workload/statefulset-metrics.md",
    "kube_statefulset_status_replicas_ready": "kube-state-metrics, docs/metrics/workload/statefulset-metrics.md",
    "up": "Prometheus itself: whether it could read a target",
}
"""Metrics of other programs → where they are described."""
BY_PROMETHEUS: Final = {"namespace", "job", "model", "slot"}
"""Labels that a series has from where it was read, see `components.observability.targets`."""


@dataclass(frozen=True)
class Read:
    """A metric that an expression reads."""

    name: str
    labels: frozenset[str]
    """Those it is narrowed down by."""


def expressions() -> dict[str, str]:
    """Each alert's, and each query's of the dashboard."""
    panels = dashboard.panels(WATCHED.loop, WATCHED.tracking)
    shown = {f"{panel.title}: {legend}": expr for panel in panels for legend, expr in panel.queries.items()}
    return {name: alert.expr for name, alert in RULES.items()} | shown


def reads(expr: str) -> Iterator[Read]:
    for name, matchers in re.findall(r"([a-zA-Z_]\w*)\{([^}]*)\}", expr):
        yield Read(name, frozenset(re.findall(r"(\w+)[=!]~?=?\"", matchers)))


def exported() -> dict[str, set[str]]:
    """What our programs export: series → its labels."""
    return {series: set(metric.labels) for metric in metrics.ALL for series in metric.series}


def test_every_metric_that_is_read_is_exported_by_a_program_of_ours_or_named_with_its_source() -> None:
    known = {*exported(), *OTHERS}
    unknown = {f"{where}: {read.name}" for where, expr in expressions().items() for read in reads(expr)} - {
        f"{where}: {name}" for where in expressions() for name in known
    }
    assert unknown == set()


def test_every_label_that_narrows_a_metric_of_ours_is_one_it_has() -> None:
    known = exported()
    assert [
        f"{where}: {read.name} has no label {label}"
        for where, expr in expressions().items()
        for read in reads(expr)
        if read.name in known
        for label in read.labels - known[read.name] - BY_PROMETHEUS
    ] == []


def test_no_source_is_named_for_a_metric_that_nothing_reads() -> None:
    assert {read.name for expr in expressions().values() for read in reads(expr)} >= OTHERS.keys()


def test_every_series_is_one_of_the_stack_s_namespaces() -> None:
    assert [
        f"{where}: {read.name}"
        for where, expr in expressions().items()
        for read in reads(expr)
        if "namespace" not in read.labels
    ] == []


def section(alert: Alert) -> str:
    """The alert's section of the runbooks, without its heading."""
    text = (ROOT / "docs" / "runbooks.md").read_text(encoding="utf-8")
    found = re.search(rf"^## {alerts.PREFIX}{alert.name}\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE)
    assert found, f"docs/runbooks.md has no section {alerts.PREFIX}{alert.name}"
    return found[1]


@pytest.mark.parametrize("alert", RULES.values(), ids=RULES)
def test_each_alert_s_runbook_says_meaning_impact_diagnosis_and_remedy(alert: Alert) -> None:
    parts = re.findall(r"^\*\*(\w+)\.\*\* \S", section(alert), re.MULTILINE)
    assert parts == ["Meaning", "Impact", "Diagnosis", "Remedy"]


@pytest.mark.parametrize("alert", RULES.values(), ids=RULES)
def test_each_alert_links_to_its_section(alert: Alert) -> None:
    # A heading's anchor is its text in lower case.
    link = alert.rule("https://wiki.example.com/runbooks")["annotations"]["runbook_url"]
    assert link == f"https://wiki.example.com/runbooks#{(alerts.PREFIX + alert.name).lower()}"


def test_every_section_of_the_runbooks_is_an_alert_s() -> None:
    text = (ROOT / "docs" / "runbooks.md").read_text(encoding="utf-8")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == [alerts.PREFIX + name for name in RULES]


def test_every_alert_is_evaluated_against_series_that_let_it_fire_and_that_do_not() -> None:
    assert list(CASES) == list(RULES)
    assert [name for name, case in CASES.items() if not case["quiet"]] == []


@pytest.fixture(scope="module")
def promtool() -> str:
    cached = Paths.default().bin / "promtool"
    if found := shutil.which("promtool") or (str(cached) if cached.exists() else None):
        return found
    pytest.skip(f"promtool is neither on PATH nor {cached}: alert rules are not evaluated; run make promtool")


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("rules") / "rules.yaml"
    group = {"name": "ml-loop", "rules": [alert.rule("docs/runbooks.md") for alert in RULES.values()]}
    file.write_text(yaml.safe_dump({"groups": [group]}), encoding="utf-8")
    return file


def run(*command: str | Path) -> str:
    """What promtool has to complain about; nothing where it is content."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def story(name: str, alert: str, at: str, series: Mapping[str, str], firing: list[Any]) -> dict[str, Any]:
    """A test as promtool reads it: the labels of the alerts that fire at a time, severity and names aside."""
    labels = sorted({key for each in firing for key in each})
    fired = f'count by ({", ".join(labels)}) (ALERTS{{alertname="{alerts.PREFIX}{alert}",alertstate="firing"}})'
    samples = [{"labels": _spelled(each), "value": 1} for each in firing]
    return {
        "name": name,
        "interval": "1m",
        "input_series": [{"series": key, "values": values} for key, values in series.items()],
        "promql_expr_test": [{"expr": fired, "eval_time": at, "exp_samples": samples}],
    }


def _spelled(labels: Mapping[str, str]) -> str:
    return "{" + ", ".join(f'{key}="{value}"' for key, value in sorted(labels.items())) + "}"


def test_promtool_accepts_the_rules(promtool: str, rules: Path) -> None:
    assert run(promtool, "check", "rules", "--lint=all", "--lint-fatal", rules) == ""


def test_promtool_accepts_every_query_of_the_dashboard(promtool: str, tmp_path: Path) -> None:
    queries = [expr.replace("$model", "recommender") for expr in expressions().values()]
    records = [{"record": f"query:number{index}", "expr": expr} for index, expr in enumerate(queries)]
    file = tmp_path / "queries.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": records}]}), encoding="utf-8")
    assert run(promtool, "check", "rules", file) == ""


@pytest.mark.parametrize("name", RULES)
def test_an_alert_fires_on_its_series_and_not_once_one_of_them_is_different(
    promtool: str, rules: Path, tmp_path: Path, name: str
) -> None:
    case = CASES[name]
    series, at = case["series"], case["at"]
    tests = [story("fires", name, at, series, case["fires"])]
    for reason, changes in case["quiet"].items():
        changed = {"at": at, **series, **changes}
        then = changed.pop("at")
        left = {key: values for key, values in changed.items() if values is not None}
        tests.append(story(reason, name, then, left, []))
    file = tmp_path / "test.yaml"
    content = {"rule_files": [str(rules)], "evaluation_interval": "1m", "tests": tests}
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    assert run(promtool, "test", "rules", file) == ""
