"""The loop on one page of Grafana: drift, cooldown, aliases, production beside staging, registry."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from components.events.sensor import TRAIN
from contract import metrics

COLUMNS: Final = 24
"""Width of a page, as Grafana counts."""
WIDTH: Final = 8
HEIGHT: Final = 8
SOURCE: Final = {"type": "prometheus", "uid": "${source}"}


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One chart over time."""

    title: str
    queries: Mapping[str, str]
    """Legend → expression."""
    unit: str = "short"

    def model(self, number: int) -> dict[str, Any]:
        """Panel `number` of the page, as Grafana stores it."""
        row, column = divmod(number * WIDTH, COLUMNS)
        return {
            "id": number + 1,
            "type": "timeseries",
            "title": self.title,
            "datasource": SOURCE,
            "gridPos": {"x": column, "y": row * HEIGHT, "w": WIDTH, "h": HEIGHT},
            "fieldConfig": {"defaults": {"unit": self.unit}, "overrides": []},
            "targets": [
                {"refId": chr(ord("A") + index), "datasource": SOURCE, "expr": expr, "legendFormat": legend}
                for index, (legend, expr) in enumerate(self.queries.items())
            ],
        }


def dashboard(loop: str, tracking: str) -> str:
    """The JSON of the stack with these two namespaces. One model at a time, chosen at the top."""
    found = f'label_values({metrics.SERVED.name}{{namespace="{loop}"}}, model)'
    variables = [
        {"name": "source", "type": "datasource", "query": "prometheus"},
        {"name": "model", "type": "query", "datasource": SOURCE, "query": found, "refresh": 2},
    ]
    page = {
        "uid": f"ml-loop-{loop}"[:40],
        "title": f"ML loop: {loop}",
        "tags": ["ml-loop"],
        "schemaVersion": 39,
        "time": {"from": "now-24h", "to": "now"},
        "templating": {"list": variables},
        "panels": [panel.model(number) for number, panel in enumerate(panels(loop, tracking))],
    }
    return json.dumps(page, indent=1)


def panels(loop: str, tracking: str) -> list[Panel]:
    """What the page shows, in reading order."""
    model = f'namespace="{loop}",model="$model"'
    return [*_drift(loop, model), *_training(model), *_serving(model), *_registry(tracking, model)]


def _drift(loop: str, model: str) -> list[Panel]:
    sensor = f'namespace="{loop}",sensor_name="$model-drift",trigger_name="{TRAIN}"'
    drifted = f'{metrics.DRIFT_EVENTS.name}{{{model},drift="true"}}'
    return [
        Panel(
            title="Drift of each feature: distance", queries={"{{feature}}": f"{metrics.DRIFT_SCORE.name}{{{model}}}"}
        ),
        Panel(
            title="Drift of each feature: adjusted p",
            queries={"{{feature}}": f"{metrics.DRIFT_P_VALUE.name}{{{model}}}"},
        ),
        Panel(
            title="Drift, and what it started, per hour",
            queries={
                "drift of {{feature}}": f"sum by (feature) (increase({drifted}[1h]))",
                "workflows": f"sum(increase(argo_events_action_triggered_total{{{sensor}}}[1h]))",
            },
        ),
        Panel(
            title="Window and reference",
            queries={
                "rows in the open window": f"{metrics.OPEN_ROWS.name}{{{model}}}",
                "version of the reference": f"{metrics.REFERENCE_VERSION.name}{{{model}}}",
            },
        ),
    ]


def _training(model: str) -> list[Panel]:
    return [
        Panel(
            title="Cooldown: trainings that drift asked for, per hour",
            queries={
                "{{feature}}, granted: {{granted}}": (
                    f"sum by (feature, granted) (increase({metrics.COOLDOWNS.name}{{{model}}}[1h]))"
                )
            },
        ),
        Panel(
            title="Trainings and canaries, per hour",
            queries={
                "training by {{trigger}}: {{status}}": (
                    f"sum by (trigger, status) (increase({metrics.TRAININGS.name}{{{model}}}[1h]))"
                ),
                "canary: {{status}}": f"sum by (status) (increase({metrics.CANARIES.name}{{{model}}}[1h]))",
            },
        ),
    ]


def _serving(model: str) -> list[Panel]:
    requests = f"{metrics.REQUESTS.name}{{{model}}}"
    failures = f'{metrics.REQUESTS.name}{{{model},code=~"5.."}}'
    buckets = f"sum by (slot, le) (rate({metrics.ANSWERS.buckets}{{{model}}}[5m]))"
    outcomes = f"{metrics.CAPTURED.name}{{{model}}}"
    return [
        Panel(
            title="Requests: production and staging",
            queries={"{{slot}}": f"sum by (slot) (rate({requests}[5m]))"},
            unit="reqps",
        ),
        Panel(
            title="Share of failed requests",
            queries={"{{slot}}": f"sum by (slot) (rate({failures}[5m])) / sum by (slot) (rate({requests}[5m]))"},
            unit="percentunit",
        ),
        Panel(
            title="Time to answer",
            queries={
                "{{slot}}, half": f"histogram_quantile(0.5, {buckets})",
                "{{slot}}, 99 of 100": f"histogram_quantile(0.99, {buckets})",
            },
            unit="s",
        ),
        Panel(
            title="Predictions published and lost",
            queries={"{{outcome}}": f"sum by (outcome) (rate({outcomes}[5m]))"},
            unit="reqps",
        ),
    ]


def _registry(tracking: str, model: str) -> list[Panel]:
    refusals = f'{metrics.REFUSALS.name}{{namespace="{tracking}",model="$model"}}'
    return [
        Panel(
            title="Aliases, and servers by the version they serve",
            queries={
                "{{alias}} names": f"{metrics.ALIAS_VERSION.name}{{{model}}}",
                "servers of {{slot}}, version {{version}}": (
                    f"count by (slot, version) ({metrics.SERVED.name}{{{model}}})"
                ),
            },
        ),
        Panel(
            title="Refused by MLflow, per hour",
            queries={"{{account}}: {{operation}}": f"sum by (account, operation) (increase({refusals}[1h]))"},
        ),
    ]
