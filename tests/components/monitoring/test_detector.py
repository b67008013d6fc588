"""The drift detector's Deployment."""

from dataclasses import replace
from typing import Any

import pytest

from components.kit.connections import KafkaConnection
from components.monitoring.detector import DriftMonitor, DriftMonitorArgs
from settings.kafka import Sasl
from tests.components.arguments import drift_monitor_args
from tests.components.given import drift, kafka, providers
from tests.program.mocks import Recording, record


def build(args: DriftMonitorArgs) -> Recording:
    return record(lambda: DriftMonitor("it", args, providers()))


@pytest.fixture(scope="module")
def recording() -> Recording:
    return build(drift_monitor_args())


def container(recording: Recording) -> dict[str, Any]:
    (found,) = recording.inputs("Deployment")["spec"]["template"]["spec"]["containers"]
    return found


def env(recording: Recording) -> dict[str, Any]:
    return {each["name"]: each.get("value", each.get("valueFrom")) for each in container(recording)["env"]}


def test_the_settings_of_drift_are_the_command_s_options(recording: Recording) -> None:
    assert container(recording)["command"] == ["python3", "-m", "loop", "detect"]
    assert container(recording)["args"] == [
        "--model=recommender",
        "--feature=pages",
        "--feature=price",
        "--window=1000",
        "--test=ks",
        "--p-value=0.05",
        "--min-effect=0.1",
        "--false-retrains-per-year=1",
        "--reference=training",
        "--port=9090",
    ]


def test_a_feature_with_a_variable_s_name_stays_as_it_is() -> None:
    """Kubernetes would put the variable in its place, and one dollar in place of two."""
    recording = build(replace(drift_monitor_args(), drift=drift(features=["$(HOME)", "US$$"])))
    assert container(recording)["args"][1:3] == ["--feature=$$(HOME)", "--feature=US$$$$"]


def test_a_feature_that_looks_like_an_option_stays_a_feature() -> None:
    recording = build(replace(drift_monitor_args(), drift=drift(features=["--window", "a b"])))
    assert container(recording)["args"][1:3] == ["--feature=--window", "--feature=a b"]


def test_another_setting_changes_the_pod_and_nothing_else(recording: Recording) -> None:
    other = build(replace(drift_monitor_args(), drift=drift(window=500)))
    assert recording.changed(other) == ["Deployment spec.template.spec.containers"]


def test_there_is_never_a_second_detector_beside_the_first(recording: Recording) -> None:
    spec = recording.inputs("Deployment")["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})


def test_its_import_has_minutes_before_it_counts_as_hung(recording: Recording) -> None:
    probe = container(recording)["startupProbe"]
    assert probe["httpGet"] == {"path": "/healthz", "port": "metrics"}
    assert probe["periodSeconds"] * probe["failureThreshold"] >= 120


def test_ready_means_that_it_compares_not_that_it_runs(recording: Recording) -> None:
    assert container(recording)["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert container(recording)["livenessProbe"]["httpGet"]["path"] == "/healthz"


def test_it_reaches_the_registry_and_the_brokers_and_nothing_else(recording: Recording) -> None:
    spec = recording.inputs("NetworkPolicy")["spec"]
    assert {rule["ports"][0]["port"] for rule in spec["egress"]} == {5000, 9092}
    labels = recording.inputs("Deployment")["spec"]["template"]["metadata"]["labels"]
    assert labels["ml-loop.dev/client-of-kafka"] == "true"


def test_only_metrics_and_health_are_offered_to_the_cluster(recording: Recording) -> None:
    (rule,) = recording.inputs("NetworkPolicy")["spec"]["ingress"]
    assert rule == {"from": [{"namespaceSelector": {}}], "ports": [{"port": 9090, "protocol": "TCP"}]}


def test_brokers_without_tls_need_no_certificate_and_no_password(recording: Recording) -> None:
    assert {name: value for name, value in env(recording).items() if name.startswith("KAFKA")} == {
        "KAFKA_BOOTSTRAP_SERVERS": "kafka-1.example.com:9092,kafka-2.example.com:9092",
        "KAFKA_SECURITY_PROTOCOL": "PLAINTEXT",
    }
    assert [each["name"] for each in container(recording)["volumeMounts"]] == ["tmp"]


def secured(kafka: KafkaConnection) -> KafkaConnection:
    sasl = Sasl.model_validate({"secretName": "kafka-user"})
    return replace(kafka, tls=True, ca_secret="kafka-ca", sasl=sasl)


def test_with_tls_and_sasl_the_password_comes_from_its_secret_and_the_authority_from_a_file() -> None:
    recording = build(replace(drift_monitor_args(), kafka=secured(kafka()).access))
    found = env(recording)
    assert found["KAFKA_SECURITY_PROTOCOL"] == "SASL_SSL"
    assert found["KAFKA_SASL_MECHANISM"] == "SCRAM-SHA-512"
    assert found["KAFKA_SASL_PASSWORD"] == {"secretKeyRef": {"name": "kafka-user", "key": "password"}}
    (mount,) = [each for each in container(recording)["volumeMounts"] if each["name"] == "kafka-ca"]
    assert found["KAFKA_SSL_CA_LOCATION"] == f"{mount['mountPath']}/ca.crt"
