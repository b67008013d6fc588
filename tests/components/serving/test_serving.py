"""A model's services, the initializer that fetches its versions, and what they share with the pods' own code."""

from dataclasses import replace
from typing import Any

import pytest
from pulumi import Output

from components.kit.connections import KafkaConnection
from components.kit.network import ANYWHERE, Allowance
from components.serving import model_storage
from components.serving.gateway import Gateway
from components.serving.model_storage import ModelStorage
from components.serving.serving import SLOTS, Serving, ServingArgs
from contract import names
from contract.names import SERVER_PORT, Alias
from loop.serving import uri
from settings.kafka import Sasl
from tests.components.arguments import gateway_args, model_storage_args, serving_args
from tests.components.given import LOOP_IMAGE, MODEL_IMAGE, providers
from tests.program.mocks import Recording, record


def served(**changes: Any) -> Recording:
    args: ServingArgs = replace(serving_args(), **changes)
    return record(lambda: Serving("it", args, providers()))


def predictor(recording: Recording, slot: str) -> dict[str, Any]:
    return recording.inputs("InferenceService", f"it-{slot}")["spec"]["predictor"]


def container(recording: Recording) -> dict[str, Any]:
    (only,) = recording.inputs("ServingRuntime")["spec"]["containers"]
    return only


def test_there_is_a_service_for_each_alias_that_the_loop_moves_traffic_to() -> None:
    aliases = {slot: predictor(served(), slot)["model"]["storageUri"] for slot in SLOTS}
    assert aliases == {slot: f"mlflow://recommender@{slot}" for slot in SLOTS}


@pytest.mark.parametrize("slot", SLOTS)
def test_the_initializer_reads_the_uri_of_a_service_as_the_alias_of_the_same_name(slot: Alias) -> None:
    ref = uri.parse(predictor(served(), slot)["model"]["storageUri"])
    assert (ref.name, ref.alias, ref.version) == ("recommender", str(names.Alias(slot)), None)


@pytest.mark.parametrize("slot", SLOTS)
def test_the_annotations_of_the_pods_are_left_to_the_rollout(slot: str) -> None:
    assert "annotations" not in predictor(served(), slot)


@pytest.mark.parametrize("slot", SLOTS)
def test_the_autoscaler_stays_within_the_bounds_of_the_settings(slot: str) -> None:
    spec = predictor(served(min_replicas=2, max_replicas=7), slot)
    assert (spec["minReplicas"], spec["maxReplicas"]) == (2, 7)


@pytest.mark.parametrize("slot", SLOTS)
def test_the_autoscaler_goes_by_the_share_of_the_requested_cpu_in_the_settings(slot: str) -> None:
    spec = predictor(served(cpu_percent=60), slot)
    assert (spec["scaleMetric"], spec["scaleTarget"]) == ("cpu", 60)
    assert {"scaleMetric", "scaleTarget"} & predictor(served(), slot).keys() == set()


@pytest.mark.parametrize("slot", SLOTS)
def test_no_server_ends_before_another_answers_in_its_place(slot: str) -> None:
    assert predictor(served(), slot)["deploymentStrategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1},
    }


def test_without_a_version_in_production_its_service_is_stopped_and_only_that() -> None:
    recording = served(in_production=False)
    stopped = {
        slot: recording.inputs("InferenceService", f"it-{slot}")["metadata"]["annotations"].get(
            "serving.kserve.io/stop"
        )
        for slot in SLOTS
    }
    assert stopped == {"production": "true", "staging": None}


def test_a_version_in_production_starts_its_service() -> None:
    annotations = served().inputs("InferenceService", "it-production")["metadata"]["annotations"]
    assert annotations == {"serving.kserve.io/deploymentMode": "Standard"}


def test_nothing_waits_for_servers_that_have_no_version_yet() -> None:
    services = served().of("InferenceService")
    assert [key for each in services for key in each.inputs["metadata"]["annotations"] if "pulumi.com" in key] == []


def test_a_version_is_served_by_the_image_it_was_trained_in() -> None:
    assert container(served())["image"] == MODEL_IMAGE


def test_the_server_s_probes_ask_the_port_it_listens_on() -> None:
    runtime = container(served())
    probes = {key: runtime[key]["httpGet"]["port"] for key in runtime if key.endswith("Probe")}
    assert f"--port={SERVER_PORT}" in runtime["args"]
    assert probes == dict.fromkeys(["startupProbe", "readinessProbe", "livenessProbe"], SERVER_PORT)


def test_the_resources_are_those_of_the_settings() -> None:
    wanted = {"requests": {"cpu": "2", "memory": "3Gi"}, "limits": {"memory": "4Gi"}}
    assert container(served(resources=wanted))["resources"] == wanted


@pytest.mark.parametrize("slot", SLOTS)
def test_a_disruption_takes_one_server_of_a_service_at_a_time(slot: str) -> None:
    recording = served()
    spec = recording.inputs("PodDisruptionBudget", f"it-{slot}-disruption")["spec"]
    assert spec["maxUnavailable"] == 1
    assert spec["selector"]["matchLabels"].items() <= predictor(recording, slot)["labels"].items()


def test_the_services_of_a_model_are_told_apart_by_their_labels() -> None:
    recording = served()
    budget = recording.inputs("PodDisruptionBudget", "it-staging-disruption")["spec"]["selector"]["matchLabels"]
    assert not budget.items() <= predictor(recording, "production")["labels"].items()


def test_servers_without_a_gateway_hear_their_own_namespace_only() -> None:
    ingress = served().inputs("NetworkPolicy")["spec"]["ingress"]
    assert ingress == [
        {"ports": [{"port": SERVER_PORT, "protocol": "TCP"}], "from": [{"podSelector": {"matchLabels": {}}}]},
    ]


def test_the_gateway_s_proxies_reach_the_servers() -> None:
    def build() -> None:
        gateway = Gateway("gateway", gateway_args(), providers())
        Serving("it", replace(serving_args(), gateway=gateway), providers())

    assert record(build).inputs("NetworkPolicy")["spec"]["ingress"][1]["from"] == [
        {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "gateway"}}}
    ]


def test_a_gateway_whose_proxies_are_unknown_opens_the_servers_port_to_all() -> None:
    def build() -> None:
        gateway = Gateway("gateway", replace(gateway_args(), proxies=None), providers())
        Serving("it", replace(serving_args(), gateway=gateway), providers())

    assert record(build).inputs("NetworkPolicy")["spec"]["ingress"][1] == {
        "ports": [{"port": SERVER_PORT, "protocol": "TCP"}]
    }


def test_no_pod_starts_before_it_may_reach_the_registry() -> None:
    assert "it-servers" in served().only("InferenceService", "it-staging").depends_on


def brokers() -> KafkaConnection:
    """Brokers that ask for everything: an authority of their own, a user and a password."""
    return KafkaConnection(
        bootstrap_servers=Output.from_input("kafka.example.com:9094"),
        tls=True,
        ca_secret="kafka-ca",
        sasl=Sasl.model_validate({"secretName": "kafka-user"}),
        client_labels={"ml-loop.dev/client-of-kafka": "true"},
        egress=(Allowance(ports=(9094,), peers=ANYWHERE),),
    )


def test_the_server_publishes_to_the_brokers_with_a_password_that_stays_in_its_secret() -> None:
    runtime = container(served(kafka=brokers().access))
    environment = {each["name"]: each.get("value", each.get("valueFrom")) for each in runtime["env"]}
    assert environment["KAFKA_BOOTSTRAP_SERVERS"] == "kafka.example.com:9094"
    assert environment["KAFKA_SASL_PASSWORD"] == {"secretKeyRef": {"name": "kafka-user", "key": "password"}}


def test_the_brokers_authority_is_mounted_where_the_server_is_told_to_look() -> None:
    recording = served(kafka=brokers().access)
    volumes = recording.inputs("ServingRuntime")["spec"]["volumes"]
    assert [each["secret"]["secretName"] for each in volumes if "secret" in each] == ["kafka-ca"]
    mount = {"name": "kafka-ca", "mountPath": "/etc/kafka-ca", "readOnly": True}
    assert mount in container(recording)["volumeMounts"]


@pytest.mark.parametrize("slot", SLOTS)
def test_the_brokers_let_the_servers_in_and_the_servers_may_go_there(slot: str) -> None:
    recording = served(kafka=brokers().access)
    assert predictor(recording, slot)["labels"]["ml-loop.dev/client-of-kafka"] == "true"
    assert {"ports": [{"port": 9094, "protocol": "TCP"}]} in recording.inputs("NetworkPolicy")["spec"]["egress"]


def test_without_brokers_the_server_is_told_of_none() -> None:
    assert [each["name"] for each in container(served())["env"]] == ["HOME"]


@pytest.mark.parametrize("slot", SLOTS)
def test_a_service_names_the_initializer_of_its_own_stack(slot: str) -> None:
    def build() -> None:
        opts = providers()
        storage = ModelStorage("storage", model_storage_args(), opts)
        Serving("it", replace(serving_args(), storage=storage.name), opts)

    recording = record(build)
    assert predictor(recording, slot)["storageContainerName"] == "mlflow-loop"
    assert recording.inputs("ClusterStorageContainer")["metadata"]["name"] == "mlflow-loop"
    assert "storage-container" in recording.only("InferenceService", f"it-{slot}").depends_on


@pytest.fixture(scope="module")
def storage() -> dict[str, Any]:
    recording = record(lambda: ModelStorage("it", model_storage_args(), providers()))
    return recording.inputs("ClusterStorageContainer")["spec"]


def test_the_initializer_takes_both_schemes_of_registered_models(storage: dict[str, Any]) -> None:
    assert storage["supportedUriFormats"] == [{"prefix": "mlflow://"}, {"prefix": "models://"}]
    for supported in storage["supportedUriFormats"]:
        assert supported["prefix"] in uri.ALLOWED


def test_the_initializer_is_the_loop_s_image_and_asks_the_stack_s_registry(storage: dict[str, Any]) -> None:
    environment = {each["name"]: each.get("value") for each in storage["container"]["env"]}
    assert storage["container"]["image"] == LOOP_IMAGE
    assert environment["MLFLOW_TRACKING_URI"] == "http://mlflow.mlflow.svc:5000"


def test_the_initializer_learns_the_version_of_its_rollout(storage: dict[str, Any]) -> None:
    (version,) = [each for each in storage["container"]["env"] if each["name"] == names.Env.MODEL_VERSION]
    path = version["valueFrom"]["fieldRef"]["fieldPath"]
    assert path == f"metadata.annotations['{names.VERSION_ANNOTATION}']"


def test_the_initializer_writes_to_the_model_s_volume_alone(storage: dict[str, Any]) -> None:
    environment = {each["name"]: each.get("value") for each in storage["container"]["env"]}
    assert (environment["HOME"], environment["TMPDIR"]) == (model_storage.MODEL_FOLDER, model_storage.MODEL_FOLDER)
    assert storage["container"]["securityContext"]["readOnlyRootFilesystem"] is True
