"""The loop's alerts, as rules for Prometheus. docs/runbooks.md has a section for each.

External: the stack's own metrics (`observability` has them scraped), those that Argo Workflows' controller
counts for the stack's workflows, and kube-state-metrics' about Deployments, StatefulSets and Jobs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from components.events.sensor import TRAIN
from components.training.metrics import SUCCEEDED
from contract import metrics

PREFIX: Final = "MlLoop"
HOUR: Final = "1h"
"""How long an alert on something that happened goes on."""


class Severity(StrEnum):
    """Label of each alert, by which Alertmanager routes it."""

    CRITICAL = "critical"
    """The loop, or a service in it, is broken: look now."""
    WARNING = "warning"
    """It keeps working, but not forever by itself: look today."""


@dataclass(frozen=True, kw_only=True)
class Watched:
    """The stack that the alerts are for: each expression names its namespaces, as two stacks may share a Prometheus."""

    loop: str
    """Namespace of the loop."""
    tracking: str
    """Namespace of MLflow and its database."""
    others: Sequence[str] = ()
    """Further namespaces with workloads of the stack."""
    retrained: Sequence[str] = ()
    """Models that are retrained on drift."""


@dataclass(frozen=True, kw_only=True)
class Alert:
    """One rule; its name has no prefix yet."""

    name: str
    expr: str
    lasting: str
    """How long it must hold; 0m where once is enough."""
    severity: Severity
    summary: str
    """One sentence; its labels tell what is affected."""

    def rule(self, runbooks: str) -> dict[str, Any]:
        """The rule as Prometheus reads it."""
        name = PREFIX + self.name
        return {
            "alert": name,
            "expr": self.expr,
            "for": self.lasting,
            "labels": {"severity": str(self.severity)},
            "annotations": {"summary": self.summary, "runbook_url": f"{runbooks}#{name.lower()}"},
        }


def alerts(watched: Watched) -> list[Alert]:
    """All alerts of a stack."""
    return [*_drift(watched), *_training(watched), *_serving(watched), *_registry(watched), *_workloads(watched)]


def counted(selector: str, by: str) -> str:
    """What a counter counted within the last hour, where it counted anything.

    `increase` alone misses the first: a counter with labels begins at 1, not at 0. `offset` finds the new series.
    """
    before = f"sum by ({by}) (increase({selector}[{HOUR}]))"
    new = f"sum by ({by}) ({selector} unless {selector} offset {HOUR})"
    return f"({before} > 0 or {new} > 0)"


def _drift(watched: Watched) -> list[Alert]:
    here = f'namespace="{watched.loop}"'
    read = f"sum by (namespace, model) (rate({metrics.DRIFT_MESSAGES.name}{{{here}}}[15m]))"
    published = f'sum by (namespace, model) (rate({metrics.CAPTURED.name}{{{here},outcome="delivered"}}[15m]))'
    unused = f'{metrics.DRIFT_MESSAGES.name}{{{here},outcome=~"malformed|unknown_version"}}'
    meant = f'{metrics.DRIFT_MESSAGES.name}{{{here},outcome!="other_model"}}'
    return [
        *([_untrained(watched)] if watched.retrained else []),
        Alert(
            name="DetectorNotReading",
            expr=f"{published} > 0 and on (namespace, model) {read} == 0",
            lasting="15m",
            severity=Severity.CRITICAL,
            summary="Predictions of {{ $labels.model }} are published, and its detector reads none.",
        ),
        Alert(
            name="FeatureBroken",
            expr=f"{metrics.BROKEN_FEATURE.name}{{{here}}} == 1",
            lasting="0m",
            severity=Severity.WARNING,
            summary="{{ $labels.feature }} of {{ $labels.model }} has only one value, or none; no training is started.",
        ),
        Alert(
            name="DriftWaitsForApproval",
            expr=f"{metrics.KNOWN_BY.name}{{{here}}} > 0",
            lasting="1h",
            severity=Severity.WARNING,
            summary="{{ $labels.feature }} of {{ $labels.model }} drifted; version {{ $value }} in staging knows it.",
        ),
        Alert(
            name="PredictionsUnused",
            expr=(
                f"sum by (namespace, model) (rate({unused}[15m])) "
                f"/ sum by (namespace, model) (rate({meant}[15m])) > 0.05"
            ),
            lasting="15m",
            severity=Severity.WARNING,
            summary="{{ $value | humanizePercentage }} of what {{ $labels.model }} answered is not compared.",
        ),
        Alert(
            name="DriftReferenceStale",
            expr=f"{metrics.REFERENCE_UP_TO_DATE.name}{{{here}}} == 0",
            lasting="30m",
            severity=Severity.WARNING,
            summary="The detector of {{ $labels.model }} cannot read its newest reference from MLflow.",
        ),
        Alert(
            name="PredictionsLost",
            expr=(
                f"sum by (namespace, model, outcome) "
                f'(rate({metrics.CAPTURED.name}{{{here},outcome!="delivered"}}[5m])) > 0'
            ),
            lasting="10m",
            severity=Severity.WARNING,
            summary="Predictions of {{ $labels.model }} are lost ({{ $labels.outcome }}), and drift does not see them.",
        ),
    ]


def _untrained(watched: Watched) -> Alert:
    """Every drift event makes a Workflow, whose first step is the cooldown: even a refused one was started."""
    here = f'namespace="{watched.loop}"'
    drifted = f'{metrics.DRIFT_EVENTS.name}{{{here},model=~"{"|".join(watched.retrained)}",drift="true"}}'
    started = counted(f'argo_events_action_triggered_total{{{here},trigger_name="{TRAIN}"}}', "namespace, sensor_name")
    named = f'label_replace({started}, "model", "$1", "sensor_name", "(.+)-drift")'
    return Alert(
        name="DriftWithoutTraining",
        expr=f"{counted(drifted, 'namespace, model')} unless on (namespace, model) {named}",
        lasting="15m",
        severity=Severity.CRITICAL,
        summary="{{ $labels.model }} drifted, and no training was started.",
    )


def _training(watched: Watched) -> list[Alert]:
    failed = f'{{namespace="{watched.loop}",status!="{SUCCEEDED}"}}'
    rejected = counted(f"{metrics.CANARIES.name}{failed}", "namespace, model")
    return [
        Alert(
            name="TrainingFailed",
            expr=(
                f"{counted(f'{metrics.TRAININGS.name}{failed}', 'namespace, model, trigger')} "
                f"unless on (namespace, model) {rejected}"
            ),
            lasting="0m",
            severity=Severity.WARNING,
            summary="A training of {{ $labels.model }} failed; it was started by: {{ $labels.trigger }}.",
        ),
        Alert(
            name="CanaryRejected",
            expr=rejected,
            lasting="0m",
            severity=Severity.WARNING,
            summary="A new version of {{ $labels.model }} was taken back out of staging.",
        ),
        Alert(
            name="PromotionFailed",
            expr=(
                f'kube_job_failed{{namespace="{watched.loop}",job_name=~".+-promote-v[0-9]+",condition="true"}} == 1'
            ),
            lasting="0m",
            severity=Severity.CRITICAL,
            summary="The promotion {{ $labels.job_name }} failed; the version before it is in production.",
        ),
    ]


def _serving(watched: Watched) -> list[Alert]:
    here, by = f'namespace="{watched.loop}"', "namespace, model, slot"
    failures = f'sum by ({by}) (rate({metrics.REQUESTS.name}{{{here},code=~"5.."}}[5m]))'
    requests = f"sum by ({by}) (rate({metrics.REQUESTS.name}{{{here}}}[5m]))"
    buckets = f"sum by ({by}, le) (rate({metrics.ANSWERS.buckets}{{{here}}}[5m]))"
    return [
        Alert(
            name="ServerErrors",
            expr=f"{failures} / {requests} > 0.05",
            lasting="5m",
            severity=Severity.CRITICAL,
            summary="{{ $labels.model }}, {{ $labels.slot }}: {{ $value | humanizePercentage }} of the requests fail.",
        ),
        Alert(
            name="SlowAnswers",
            expr=f"histogram_quantile(0.99, {buckets}) > 1",
            lasting="10m",
            severity=Severity.WARNING,
            summary="One in a hundred answers of {{ $labels.model }}, {{ $labels.slot }}, takes longer than a second.",
        ),
        Alert(
            name="AliasSkew",
            expr=_skew(here),
            lasting="30m",
            severity=Severity.WARNING,
            summary=(
                "{{ $labels.slot }} of {{ $labels.model }} serves version {{ $labels.version }}, "
                "which the alias does not name."
            ),
        ),
    ]


def _skew(here: str) -> str:
    """Versions are a label where they are served, a value where the registry is read: `count_values` converts it."""
    served = f"count by (namespace, model, slot, version) ({metrics.SERVED.name}{{{here}}})"
    known = f"group by (namespace, model) ({metrics.ALIAS_VERSION.name}{{{here}}})"
    named = (
        f'count_values by (namespace, model, alias) ("version", '
        f'{metrics.ALIAS_VERSION.name}{{{here},alias=~"production|staging"}})'
    )
    followed = f'label_replace({named}, "slot", "$1", "alias", "(.+)")'
    return f"{served} and on (namespace, model) {known} unless on (namespace, model, slot, version) {followed}"


def _registry(watched: Watched) -> list[Alert]:
    there = f'namespace="{watched.tracking}"'
    return [
        Alert(
            name="ProductionUnexplained",
            expr=f'{metrics.UNEXPLAINED.name}{{namespace="{watched.loop}"}} == 1',
            lasting="2m",
            severity=Severity.CRITICAL,
            summary="The alias production of {{ $labels.model }} names what no promotion has put there.",
        ),
        Alert(
            name="ProductionHealed",
            expr=counted(f'{metrics.HEALED.name}{{namespace="{watched.loop}"}}', "namespace, model"),
            lasting="0m",
            severity=Severity.WARNING,
            summary="The alias production of {{ $labels.model }} was moved by hand, and was put back.",
        ),
        Alert(
            name="IdentityRefused",
            expr=counted(f"{metrics.REFUSALS.name}{{{there}}}", "model, operation, account"),
            lasting="0m",
            severity=Severity.WARNING,
            summary="MLflow refused {{ $labels.account }}: {{ $labels.operation }} of {{ $labels.model }}.",
        ),
        Alert(
            name="DatabaseDown",
            # Without any instance there is no series, so nothing would be 0.
            expr=f"(sum(cnpg_collector_up{{{there}}}) or vector(0)) == 0",
            lasting="5m",
            severity=Severity.CRITICAL,
            summary="No instance of MLflow's database answers.",
        ),
    ]


def _workloads(watched: Watched) -> list[Alert]:
    all_of_them = f'namespace=~"{"|".join((watched.loop, watched.tracking, *watched.others))}"'
    deployments = (
        f"kube_deployment_status_replicas_available{{{all_of_them}}} == 0 "
        f"and kube_deployment_spec_replicas{{{all_of_them}}} > 0"
    )
    stateful = (
        f"kube_statefulset_status_replicas_ready{{{all_of_them}}} == 0 "
        f"and kube_statefulset_replicas{{{all_of_them}}} > 0"
    )
    return [
        Alert(
            name="WorkloadDown",
            expr=(
                f'label_replace({deployments}, "workload", "$1", "deployment", "(.+)") '
                f'or label_replace({stateful}, "workload", "$1", "statefulset", "(.+)")'
            ),
            lasting="10m",
            severity=Severity.CRITICAL,
            summary="No pod of {{ $labels.workload }} in {{ $labels.namespace }} is ready.",
        ),
        Alert(
            name="MetricsUnreachable",
            expr=f'up{{{all_of_them},job=~".+/ml-loop-.+"}} == 0',
            lasting="15m",
            severity=Severity.WARNING,
            summary="Prometheus cannot read the metrics of {{ $labels.pod }} in {{ $labels.namespace }}.",
        ),
    ]
