"""The bundled broker, its topics, and the way to brokers that are there already."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from pulumi import Output

from components.kit.connections import KafkaConnection
from components.streaming.asked import AskedBrokers, AskedBrokersArgs
from components.streaming.brokers import external_brokers
from components.streaming.kafka import TOPICS, Kafka, KafkaArgs
from components.streaming.properties import properties
from contract.brokers import NEEDS, Needs
from contract.names import DRIFT_TOPIC, OUTCOMES_TOPIC, PREDICTIONS_TOPIC
from settings.kafka import ExternalKafka
from tests.components.arguments import kafka_args
from tests.components.given import KAFKA_IMAGE, LOOP_IMAGE, providers
from tests.program.mocks import Recording, record


def build(args: KafkaArgs) -> Recording:
    return record(lambda: Kafka("kafka", args, providers()))


@pytest.fixture(scope="module")
def recording() -> Recording:
    return build(kafka_args())


def pod(recording: Recording, kind: str) -> dict[str, Any]:
    return recording.inputs(kind)["spec"]["template"]["spec"]


def server_properties(recording: Recording) -> dict[str, str]:
    text = recording.inputs("ConfigMap")["data"]["server.properties"]
    return dict(line.split("=", 1) for line in text.splitlines())


def test_clients_in_the_cluster_are_told_the_service_and_those_outside_the_node(recording: Recording) -> None:
    found = server_properties(recording)
    inside = "PLAINTEXT://kafka.mlflow.svc.cluster.local:9092"
    assert found["advertised.listeners"] == f"{inside},EXTERNAL://192.0.2.1:30092"
    assert found["listeners"] == "PLAINTEXT://:9092,EXTERNAL://:9094,CONTROLLER://localhost:9093"
    assert found["listener.security.protocol.map"] == "PLAINTEXT:PLAINTEXT,EXTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT"


def test_without_a_node_port_nothing_listens_for_the_outside() -> None:
    found = build(replace(kafka_args(), node_port=None))
    assert server_properties(found)["listeners"] == "PLAINTEXT://:9092,CONTROLLER://localhost:9093"
    assert found.inputs("Service")["spec"]["type"] == "ClusterIP"
    assert [port["port"] for port in found.inputs("Service")["spec"]["ports"]] == [9092]
    assert [rule["ports"][0]["port"] for rule in ingress(found)] == [9092]
    assert found.only("Kafka").outputs == {"bootstrap_servers": "kafka.mlflow.svc.cluster.local:9092"}


def test_the_address_outside_is_an_output(recording: Recording) -> None:
    assert recording.only("Kafka").outputs == {
        "bootstrap_servers": "kafka.mlflow.svc.cluster.local:9092",
        "external_servers": "192.0.2.1:30092",
    }


def test_a_misspelt_topic_is_an_error(recording: Recording) -> None:
    assert server_properties(recording)["auto.create.topics.enable"] == "false"


def test_one_broker_is_enough_for_each_of_kafka_s_own_topics() -> None:
    told = dict(line.split("=", 1) for line in properties("kafka", None).splitlines())
    factors = {key: value for key, value in told.items() if key.endswith(("replication.factor", "min.isr"))}
    assert len(factors) == 5
    assert set(factors.values()) == {"1"}


def test_another_configuration_is_another_object_and_pod_and_the_same_is_the_same(recording: Recording) -> None:
    def mounted(found: Recording) -> str:
        (name,) = [each["configMap"]["name"] for each in pod(found, "StatefulSet")["volumes"] if "configMap" in each]
        assert name == found.inputs("ConfigMap")["metadata"]["name"]
        return name

    assert mounted(recording).startswith("kafka-")
    assert mounted(build(kafka_args())) == mounted(recording)
    assert mounted(build(replace(kafka_args(), node_port=30093))) != mounted(recording)


def test_a_volume_is_formatted_once_and_then_kept(recording: Recording) -> None:
    (formatter,) = pod(recording, "StatefulSet")["initContainers"]
    (server,) = pod(recording, "StatefulSet")["containers"]
    assert "--ignore-formatted" in formatter["command"]
    assert server["command"][-2:] == ["kafka.Kafka", "/etc/kafka/server.properties"]
    assert formatter["image"] == server["image"] == KAFKA_IMAGE
    mounts = {mount["name"]: mount["mountPath"] for mount in server["volumeMounts"]}
    assert server_properties(recording)["log.dirs"].startswith(f"{mounts['data']}/")
    (claim,) = recording.inputs("StatefulSet")["spec"]["volumeClaimTemplates"]
    assert claim["spec"]["resources"] == {"requests": {"storage": "5Gi"}}


def test_the_servers_are_known_once_the_topics_are_made(recording: Recording) -> None:
    (container,) = pod(recording, "Job")["containers"]
    env = {each["name"]: each["value"] for each in container["env"]}
    assert json.loads(env["TOPICS"]) == TOPICS
    assert env["KAFKA_BOOTSTRAP_SERVERS"] == "kafka.mlflow.svc.cluster.local:9092"
    assert container["image"] == LOOP_IMAGE
    assert "kafka-service" in recording.only("Job").depends_on
    assert "kafka-server" in recording.only("Service").depends_on


def ingress(recording: Recording) -> list[dict[str, Any]]:
    return recording.inputs("NetworkPolicy", "kafka-broker")["spec"]["ingress"]


def test_only_clients_of_the_loop_and_of_the_broker_s_namespace_are_let_in(recording: Recording) -> None:
    client = {"podSelector": {"matchLabels": {"ml-loop.dev/client-of-kafka": "true"}}}
    loop = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "loop"}}}
    inside, outside = ingress(recording)
    assert inside == {"from": [client, {**client, **loop}], "ports": [{"port": 9092, "protocol": "TCP"}]}
    assert outside == {"ports": [{"port": 9094, "protocol": "TCP"}]}


def connected(make: Callable[[], Any]) -> Any:
    """What a program finds behind an Output."""
    found: list[Any] = []
    record(lambda: Output.from_input(make()).apply(found.append))
    return found[0]


def test_external_brokers_are_reached_on_their_ports_with_a_password_that_stays_in_its_secret() -> None:
    given = {
        "bootstrapServers": "a.example.com:9094,b.example.com:9095",
        "tls": {"caSecret": "kafka-ca"},
        "sasl": {"secretName": "kafka-user"},
    }
    connection = external_brokers(ExternalKafka.model_validate(given))
    assert [traffic.ports for traffic in connection.egress] == [(9094, 9095)]
    env = {
        each["name"]: each.get("value") or each.get("value_from") for each in connected(lambda: connection.access.env)
    }
    assert env == {
        "KAFKA_BOOTSTRAP_SERVERS": "a.example.com:9094,b.example.com:9095",
        "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "KAFKA_SSL_CA_LOCATION": "/etc/kafka-ca/ca.crt",
        "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
        "KAFKA_SASL_USERNAME": {"secret_key_ref": {"name": "kafka-user", "key": "username"}},
        "KAFKA_SASL_PASSWORD": {"secret_key_ref": {"name": "kafka-user", "key": "password"}},
    }


def test_a_client_s_certificate_is_mounted_with_its_key_and_nothing_else_of_the_secret() -> None:
    given = {"bootstrapServers": "a.example.com:9094", "tls": {"clientSecret": "kafka-client"}}
    connection = external_brokers(ExternalKafka.model_validate(given))
    env = {each["name"]: each.get("value") for each in connected(lambda: connection.access.env)}
    assert env == {
        "KAFKA_BOOTSTRAP_SERVERS": "a.example.com:9094",
        "KAFKA_SECURITY_PROTOCOL": "SSL",
        "KAFKA_SSL_CERTIFICATE_LOCATION": "/etc/kafka-client/tls.crt",
        "KAFKA_SSL_KEY_LOCATION": "/etc/kafka-client/tls.key",
    }
    (volume,) = connection.access.volumes
    assert volume.get("secret") == {
        "secret_name": "kafka-client",
        "items": [{"key": "tls.crt", "path": "tls.crt"}, {"key": "tls.key", "path": "tls.key"}],
    }


def test_brokers_of_one_s_own_are_asked_for_what_the_loop_needs_before_anything_connects() -> None:
    given = {"bootstrapServers": "a.example.com:9094", "tls": {"caSecret": "kafka-ca", "clientSecret": "kafka-client"}}
    needs = Needs.of(["churn"], [])
    known: list[str] = []

    def make() -> None:
        connection = external_brokers(ExternalKafka.model_validate(given))
        args = AskedBrokersArgs(
            connection=connection, namespace="loop", client_image="loop@sha256:0", watched=["churn"], retrained=[]
        )
        AskedBrokers("kafka", args).connection.bootstrap_servers.apply(known.append)

    recording = record(make)
    job = recording.inputs("Job")
    spec = job["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    assert known == ["a.example.com:9094"]
    assert (job["metadata"]["namespace"], container["image"]) == ("loop", "loop@sha256:0")
    assert [each["mountPath"] for each in container["volumeMounts"]] == ["/tmp", "/etc/kafka-ca", "/etc/kafka-client"]  # noqa: S108
    assert [each["name"] for each in spec["volumes"]] == ["tmp", "kafka-ca", "kafka-client"]
    env = {each["name"]: each.get("value") for each in container["env"]}
    assert Needs.from_json(env[NEEDS]) == needs
    assert env["KAFKA_SECURITY_PROTOCOL"] == "SSL"
    (policy,) = recording.of("NetworkPolicy")
    assert policy.inputs["spec"]["egress"][0]["ports"] == [{"port": 9094, "protocol": "TCP"}]


def test_external_brokers_without_tls_and_password_are_plain_text() -> None:
    connection = external_brokers(ExternalKafka.model_validate({"bootstrapServers": "kafka:9092"}))
    assert {each["name"]: each["value"] for each in connected(lambda: connection.access.env)} == {
        "KAFKA_BOOTSTRAP_SERVERS": "kafka:9092",
        "KAFKA_SECURITY_PROTOCOL": "PLAINTEXT",
    }
    assert connection.access.volumes == connection.access.mounts == ()


WRITERS = {
    "secretName": "loop",
    "detectorSecretName": "detector",
    "serversSecretName": "servers",
    "outcomesSecretName": "outcomes",
}


def test_each_topic_is_written_by_an_account_of_its_own_where_there_is_one() -> None:
    given = {"bootstrapServers": "a.example.com:9094", "tls": {}, "sasl": WRITERS}
    connection = external_brokers(ExternalKafka.model_validate(given))

    def password(writing: KafkaConnection) -> str:
        (found,) = [each for each in connected(lambda: writing.access.env) if each["name"] == "KAFKA_SASL_PASSWORD"]
        return found["value_from"]["secret_key_ref"]["name"]

    accounts = {
        topic: password(connection.writing(topic)) for topic in (DRIFT_TOPIC, PREDICTIONS_TOPIC, OUTCOMES_TOPIC)
    }
    assert accounts == {DRIFT_TOPIC: "detector", PREDICTIONS_TOPIC: "servers", OUTCOMES_TOPIC: "outcomes"}
    assert password(connection) == "loop"


def test_the_loop_s_user_is_asked_for_no_right_that_another_account_has() -> None:
    needs = Needs.of(["books"], ["books"], ["books"], {DRIFT_TOPIC, PREDICTIONS_TOPIC})
    assert needs.topics == {
        PREDICTIONS_TOPIC: ("READ", "DESCRIBE"),
        OUTCOMES_TOPIC: ("READ", "WRITE", "DESCRIBE"),
        DRIFT_TOPIC: ("READ", "DESCRIBE"),
    }
    assert needs.groups == ("ml-loop-retraining-books", "ml-loop-record-books")


def test_brokers_need_no_topic_of_outcomes_where_no_model_takes_them() -> None:
    assert OUTCOMES_TOPIC not in Needs.of(["books"], ["books"]).topics
