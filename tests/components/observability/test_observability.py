"""What Prometheus and Grafana are told: which pods, by which port, under which labels."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from components.events.sensor import METRICS_PORT
from components.observability.observability import Observability, ObservabilityArgs
from tests.components.given import providers
from tests.components.table import observability_args
from tests.program import program
from tests.program.mocks import Recording, record

MODEL = {
    "training": {"image": "recommender", "gate": {"metric": "auc", "minimum": 0.7}},
    "drift": {"features": ["pages"]},
    "retraining": {"cooldown": "6h"},
}
OBSERVED = {"observability": {"namespace": "monitoring", "labels": {"release": "example"}}}


def build(args: ObservabilityArgs) -> Recording:
    return record(lambda: Observability("it", args, providers()))


@pytest.fixture(scope="module")
def recording() -> Recording:
    return build(observability_args())


def monitor(recording: Recording, name: str) -> dict[str, Any]:
    return recording.inputs("PodMonitor", f"it-{name}-monitor")


def endpoint(recording: Recording, name: str) -> dict[str, Any]:
    (found,) = monitor(recording, name)["spec"]["podMetricsEndpoints"]
    return found


def test_everything_prometheus_selects_has_its_labels_and_the_dashboard_those_of_grafana(recording: Recording) -> None:
    selected = [*recording.of("PodMonitor"), *recording.of("PrometheusRule")]
    assert {each.inputs["metadata"]["labels"]["release"] for each in selected} == {"example"}
    labels = recording.inputs("ConfigMap")["metadata"]["labels"]
    assert labels["grafana_dashboard"] == "1"
    assert "release" not in labels


def test_a_port_is_found_by_its_number_as_a_model_server_s_has_no_name(recording: Recording) -> None:
    kept, *_ = endpoint(recording, "models")["relabelings"]
    assert kept == {
        "action": "keep",
        "sourceLabels": ["__meta_kubernetes_pod_container_port_number"],
        "regex": "8080",
    }
    assert "port" not in endpoint(recording, "models")


def test_a_server_s_series_say_which_model_and_slot_it_serves(recording: Recording) -> None:
    _, *copied = endpoint(recording, "models")["relabelings"]
    assert {each["targetLabel"]: each["sourceLabels"] for each in copied} == {
        "model": ["__meta_kubernetes_pod_label_app_kubernetes_io_instance"],
        "slot": ["__meta_kubernetes_pod_label_app_kubernetes_io_component"],
    }


def test_only_the_workflow_controller_s_metrics_may_speak_for_another_namespace(recording: Recording) -> None:
    honored = {name: endpoint(recording, name)["honorLabels"] for name in ("models", "workflows")}
    assert honored == {"models": False, "workflows": True}


def test_prometheus_s_namespace_reaches_the_port_and_nothing_else(recording: Recording) -> None:
    spec = recording.inputs("NetworkPolicy", "it-models-metrics")["spec"]
    assert spec["podSelector"] == monitor(recording, "models")["spec"]["selector"]
    assert spec["ingress"] == [
        {
            "from": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}],
            "ports": [{"port": 8080, "protocol": "TCP"}],
        }
    ]


def test_without_dashboard_there_are_alerts_all_the_same() -> None:
    recording = build(replace(observability_args(), dashboard=False))
    assert recording.of("ConfigMap") == []
    assert len(recording.of("PrometheusRule")) == 1


def test_the_dashboard_s_panels_lie_beside_and_below_each_other(recording: Recording) -> None:
    (text,) = recording.inputs("ConfigMap")["data"].values()
    panels = json.loads(text)["panels"]
    places = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels}
    assert len(places) == len({panel["id"] for panel in panels}) == len(panels) > 10
    assert {x for x, _ in places} == {0, 8, 16}


Run = Callable[[str, Mapping[str, Any]], Recording]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return lambda stack, changes: program.run(stack, tmp_path / "config", changes)


def monitored(recording: Recording) -> dict[str, tuple[str, str]]:
    """Target → its namespace and port."""
    return {
        each.inputs["metadata"]["name"]: (
            each.inputs["metadata"]["namespace"],
            each.inputs["spec"]["podMetricsEndpoints"][0]["relabelings"][0]["regex"],
        )
        for each in recording.of("PodMonitor")
    }


def test_a_stack_without_the_setting_makes_nothing_of_it(run: Run) -> None:
    recording = run("dev", {"models": {"recommender": MODEL}})
    assert [*recording.of("Observability"), *recording.of("PodMonitor"), *recording.of("PrometheusRule")] == []


def test_a_stack_with_a_retrained_model_has_all_of_its_pods_observed(run: Run) -> None:
    assert monitored(run("dev", {"models": {"recommender": MODEL}, **OBSERVED})) == {
        "ml-loop-models": ("bookstore-platform-ml", "8080"),
        "ml-loop-aliases": ("bookstore-platform-ml", "9090"),
        "ml-loop-detectors": ("bookstore-platform-ml", "9090"),
        "ml-loop-events": ("bookstore-platform-ml", str(METRICS_PORT)),
        "ml-loop-mlflow": ("mlflow", "5001"),
        "ml-loop-database": ("mlflow", "9187"),
        "ml-loop-workflows": ("argo", "9090"),
    }


def test_what_a_stack_does_not_have_is_not_looked_for(run: Run) -> None:
    platform = {"argoWorkflows": {"install": False}}
    assert monitored(run("dev", {"models": {}, "platform": platform, **OBSERVED})).keys() == {
        "ml-loop-mlflow",
        "ml-loop-database",
    }


@pytest.mark.parametrize(("model", "alerted"), [(MODEL, True), (MODEL | {"retraining": None}, False)])
def test_drift_without_training_is_an_alert_only_where_drift_trains(
    run: Run, model: Mapping[str, Any], alerted: bool
) -> None:
    (outputs,) = [
        each.outputs for each in run("dev", {"models": {"recommender": model}, **OBSERVED}).of("Observability")
    ]
    assert outputs is not None
    assert ("MlLoopDriftWithoutTraining" in outputs["alerts"]) is alerted
