"""From drift to a training: what counts, what it starts, and with which rights."""

import dataclasses
import json
import re
from dataclasses import replace
from typing import Any

import pytest

from components.events.retraining import Retraining, RetrainingArgs
from components.events.sensor import FROM_EVENT, filters, kafka_source, malformed, trigger
from components.kit.connections import KafkaConnection
from contract import names
from contract.messages import DriftEvent
from settings.kafka import Sasl
from tests.components.given import drift, kafka, providers
from tests.components.table import retraining_args
from tests.program.mocks import Recording, record

EVENT_ID = "0123456789abcdef0123456789abcdef"


def build(change: dict[str, Any] | None = None) -> Recording:
    def program() -> None:
        opts = providers()
        args: RetrainingArgs = replace(retraining_args(opts), **(change or {}))
        Retraining("it", args, opts)

    return record(program)


@pytest.fixture(scope="module")
def recording() -> Recording:
    return build()


def workflow(model: str = "recommender") -> dict[str, Any]:
    return trigger(model, f"{model}-train")["template"]["k8s"]["source"]["resource"]


def parameters(model: str = "recommender") -> list[dict[str, Any]]:
    return trigger(model, f"{model}-train")["template"]["k8s"]["parameters"]


# Which events pass. What Argo Events makes of these filters is tested with Argo Events, in tests/e2e.


@pytest.mark.parametrize(
    ("p_value", "expression"),
    [(0.05, "p >= 0 && p < 0.05"), (0.00001, "p >= 0 && p < 0.00001"), (0.2, "p >= 0 && p < 0.2")],
)
def test_drift_is_an_adjusted_p_value_below_the_model_s_threshold(p_value: float, expression: str) -> None:
    assert filters("recommender", drift(pValue=p_value))["exprs"] == [
        {"expr": expression, "fields": [{"name": "p", "path": "body.p_value"}]}
    ]


def test_an_event_of_another_kind_than_drift_starts_no_training() -> None:
    assert filters("recommender", drift())["script"] == (
        'local kind = event.body.kind return kind == nil or kind == "drift"'
    )


def test_no_number_is_filtered_as_data_as_null_and_text_would_count_as_zero() -> None:
    assert {each["type"] for each in filters("recommender", drift())["data"]} == {"string"}


def passes(path: str, text: str, **changes: object) -> bool:
    (values,) = [each["value"] for each in filters("recommender", drift(**changes))["data"] if each["path"] == path]
    return any(re.search(value, text) for value in values)


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ("body.model", "recommender", True),
        ("body.model", "recommender-2", False),
        ("body.model", "a-recommender", False),
        ("body.feature", "pages", True),
        ("body.feature", "price", True),
        ("body.feature", "pages|price", False),
        ("body.feature", "other", False),
        ("body.feature", "{{workflow.uid}}", False),
        ("body.feature", "", False),
        ("body.id", EVENT_ID, True),
        ("body.id", EVENT_ID.upper(), False),
        ("body.id", EVENT_ID[:-1], False),
        ("body.id", f"{EVENT_ID}0", False),
        ("body.id", "../" + EVENT_ID[3:], False),
    ],
)
def test_only_this_model_s_drift_in_a_watched_feature_passes(path: str, text: str, expected: bool) -> None:
    assert passes(path, text) is expected


def test_a_feature_s_name_is_text_not_a_pattern() -> None:
    assert passes("body.feature", "price (USD)", features=["price (USD)", "p.*"])
    assert not passes("body.feature", "pages", features=["price (USD)", "p.*"])


def test_a_test_of_all_features_together_reports_none_by_name() -> None:
    assert passes("body.feature", "*", test="mmd")
    assert not passes("body.feature", "pages", test="mmd")


def test_what_is_malformed_is_shown_and_counted_and_trains_nothing(recording: Recording) -> None:
    train, show = recording.inputs("Sensor")["spec"]["triggers"]
    assert (train["template"]["name"], train["template"]["conditions"]) == ("train", "drift")
    assert show == {"template": {"name": "rejected", "conditions": "rejected", "log": {"intervalSeconds": 1}}}


def test_a_feature_s_name_is_text_in_the_script_too() -> None:
    script = malformed("recommender", drift(features=['the "new" price', "Größe\n"]))["script"]
    assert r'watched = event.body, { ["the \"new\" price"] = true, ["Größe\n"] = true }' in script
    assert 'model ~= "recommender"' in script


# What an event starts.


def test_every_parameter_goes_to_the_training_s_parameter_of_the_same_name(recording: Recording) -> None:
    template = recording.inputs("WorkflowTemplate")["spec"]
    assert [each["name"] for each in template["arguments"]["parameters"]] == ["trigger", *FROM_EVENT]
    declared = {each["name"]: each["value"] for each in workflow()["spec"]["arguments"]["parameters"]}
    assert declared == {"trigger": "drift", "feature": "", "p_value": "", "event_id": "", "evidence": ""}
    filled = {
        each["dest"]: value
        for each in parameters()
        for key, value in each["src"].items()
        if key != "dependencyName" and each["dest"] != "metadata.name"
    }
    assert filled.keys() == {f'spec.arguments.parameters.#(name=="{name}").value' for name in FROM_EVENT}
    fields = [set(re.findall(r"\bbody\.(\w+)", value)) for value in filled.values()]
    assert fields == [{"feature"}, {"p_value"}, {"id"}, {"evidence"}]
    assert set[str]().union(*fields) <= {each.name for each in dataclasses.fields(DriftEvent)}


def test_of_the_evidence_only_what_nothing_can_evaluate_reaches_the_training() -> None:
    found = re.search(
        r'\(le \(len \$found\) (\d+)\) \(regexMatch "([^"]+)" \$found\)', FROM_EVENT["evidence"]["dataTemplate"]
    )
    assert found
    assert 0 < int(found[1]) < 128 * 1024  # what one variable of a Linux process may hold
    assert re.search(found[2], "eJyrVkosLVayUqg-_=")
    for text in ("", "{{=1}}", "$(HOME)", "a\nb", "a b"):
        assert not re.search(found[2], text)


def test_the_workflow_is_named_after_the_event_in_at_most_63_characters() -> None:
    model = 30 * "m"
    (name,) = [each["src"]["dataTemplate"] for each in parameters(model) if each["dest"] == "metadata.name"]
    assert name == f"{model}-drift-{{{{ trunc 16 .Input.body.id }}}}"
    assert len(f"{model}-drift-{EVENT_ID[:16]}") <= 63


def test_the_workflow_says_whose_it_is_and_why() -> None:
    assert workflow()["metadata"]["labels"] == {"ml-loop.dev/model": "recommender", "ml-loop.dev/trigger": "drift"}


def test_it_runs_the_model_s_own_template_and_nothing_inline(recording: Recording) -> None:
    found, _ = recording.inputs("Sensor")["spec"]["triggers"]
    spec = found["template"]["k8s"]["source"]["resource"]["spec"]
    assert spec["workflowTemplateRef"] == {"name": recording.inputs("WorkflowTemplate")["metadata"]["name"]}
    assert spec.keys() == {"workflowTemplateRef", "arguments"}


def test_it_is_created_by_the_sensor_itself_and_not_by_a_command_line() -> None:
    found = trigger("recommender", "recommender-train")
    assert found["template"].keys() == {"name", "conditions", "k8s"}
    assert found["template"]["k8s"]["operation"] == "create"
    assert "rateLimit" not in found


def test_an_event_stays_on_the_bus_until_the_workflow_is_there_and_a_taken_name_is_given_up_after_a_minute() -> None:
    found = trigger("recommender", "recommender-train")
    assert found["atLeastOnce"] is True
    backoff = found["retryStrategy"]
    seconds = sum(backoff["factor"] ** step * (1 + backoff["jitter"]) for step in range(backoff["steps"] - 1))
    assert backoff["duration"] == "1s"
    assert 60 <= seconds <= 70


# Where events come from.


def test_events_come_from_the_loop_s_topic_and_the_oldest_count() -> None:
    source = kafka_source("recommender", kafka())
    assert source["topic"] == names.DRIFT_TOPIC
    assert source["jsonBody"] is True
    assert source["consumerGroup"] == {
        "groupName": "ml-loop-retraining-recommender",
        "oldest": True,
        "rebalanceStrategy": "range",
    }
    assert source.keys().isdisjoint({"tls", "sasl"})


def with_tls(ca_secret: str | None, client_secret: str | None = None) -> KafkaConnection:
    tls = replace(kafka(), tls=True, ca_secret=ca_secret, client_secret=client_secret)
    return replace(tls, sasl=Sasl.model_validate({"secretName": "kafka-user"}))


@pytest.mark.parametrize(
    ("ca_secret", "tls"),
    [(None, {"enabled": True}), ("kafka-ca", {"caCertSecret": {"name": "kafka-ca", "key": "ca.crt"}})],
    ids=["public", "own"],
)
def test_brokers_with_tls_are_verified_by_the_authority_that_is_named(
    ca_secret: str | None, tls: dict[str, Any]
) -> None:
    assert kafka_source("recommender", with_tls(ca_secret))["tls"] == tls


def test_the_loop_shows_the_brokers_a_certificate_where_one_is_named() -> None:
    assert kafka_source("recommender", with_tls(None, "kafka-client"))["tls"] == {
        "clientCertSecret": {"name": "kafka-client", "key": "tls.crt"},
        "clientKeySecret": {"name": "kafka-client", "key": "tls.key"},
    }


def test_user_and_password_for_the_brokers_stay_in_their_secret() -> None:
    assert kafka_source("recommender", with_tls(None))["sasl"] == {
        "mechanism": "SCRAM-SHA-512",
        "userSecret": {"name": "kafka-user", "key": "username"},
        "passwordSecret": {"name": "kafka-user", "key": "password"},
    }


def test_the_sensor_listens_to_the_source_s_event(recording: Recording) -> None:
    drift_event, rejected = recording.inputs("Sensor")["spec"]["dependencies"]
    source = recording.inputs("EventSource")
    for dependency in (drift_event, rejected):
        assert dependency["eventSourceName"] == source["metadata"]["name"]
        assert dependency["eventName"] in source["spec"]["kafka"]
    assert {parameter["src"]["dependencyName"] for parameter in parameters()} == {drift_event["name"]}


# Who may do what.


@pytest.mark.parametrize("kind", ["EventSource", "Sensor"])
def test_pod_and_container_are_restricted(recording: Recording, kind: str) -> None:
    template = recording.inputs(kind)["spec"]["template"]
    assert template["securityContext"]["runAsNonRoot"] is True
    assert template["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert template["container"]["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_the_sensor_may_create_workflows_and_nothing_else(recording: Recording) -> None:
    rules = recording.inputs("Role", "it-sensor-role")["rules"]
    assert rules == [{"apiGroups": ["argoproj.io"], "resources": ["workflows"], "verbs": ["create"]}]
    (subject,) = recording.inputs("RoleBinding", "it-sensor-binding")["subjects"]
    account = recording.inputs("ServiceAccount", "it-sensor-account")["metadata"]["name"]
    assert subject["name"] == account == recording.inputs("Sensor")["spec"]["template"]["serviceAccountName"]


def test_the_event_source_has_no_token(recording: Recording) -> None:
    account = recording.inputs("ServiceAccount", "it-source-account")
    assert account["automountServiceAccountToken"] is False
    assert recording.inputs("EventSource")["spec"]["template"]["serviceAccountName"] == account["metadata"]["name"]


@pytest.mark.parametrize(("role", "ports"), [("sensor", [[4222], [443, 6443]]), ("source", [[4222], [9092]])])
def test_each_pod_reaches_the_bus_and_what_it_is_for(recording: Recording, role: str, ports: list[list[int]]) -> None:
    spec = recording.inputs("NetworkPolicy", f"it-{role}")["spec"]
    assert [[each["port"] for each in rule["ports"]] for rule in spec["egress"]] == ports
    assert spec["policyTypes"] == ["Ingress", "Egress"]


@pytest.mark.parametrize(("kind", "role"), [("Sensor", "sensor"), ("EventSource", "source")])
def test_each_pod_s_metrics_can_be_found_and_reached(recording: Recording, kind: str, role: str) -> None:
    annotations = recording.inputs(kind)["spec"]["template"]["metadata"]["annotations"]
    assert annotations == {"prometheus.io/scrape": "true", "prometheus.io/port": "7777"}
    (ingress,) = recording.inputs("NetworkPolicy", f"it-{role}")["spec"]["ingress"]
    assert ingress == {"from": [{"namespaceSelector": {}}], "ports": [{"port": 7777, "protocol": "TCP"}]}


@pytest.mark.parametrize(("kind", "clients"), [("Sensor", ["bus-nats"]), ("EventSource", ["bus-nats", "kafka"])])
def test_each_pod_carries_the_labels_that_let_it_in(recording: Recording, kind: str, clients: list[str]) -> None:
    labels = recording.inputs(kind)["spec"]["template"]["metadata"]["labels"]
    assert {label for label in labels if "client-of" in label} == {f"ml-loop.dev/client-of-{each}" for each in clients}


def test_the_source_starts_after_the_sensor_and_both_after_the_bus(recording: Recording) -> None:
    assert "it-sensor" in recording.only("EventSource").depends_on
    for kind in ("EventSource", "Sensor"):
        assert "bus-bus" in recording.only(kind).depends_on


def test_another_threshold_changes_the_sensor_and_nothing_else(recording: Recording) -> None:
    assert recording.changed(build({"drift": drift(pValue=0.01)})) == ["Sensor spec.dependencies"]


def test_no_setting_of_the_brokers_is_in_the_sensor(recording: Recording) -> None:
    assert "kafka-1" not in json.dumps(recording.inputs("Sensor"))
