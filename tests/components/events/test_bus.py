"""The event bus: the operator's servers, or one of ours."""

from dataclasses import replace
from typing import Any

import pytest
import yaml

from components.events.bus import EventBus, EventBusArgs, JetStreamArgs
from components.events.nats import NatsServerArgs
from tests.components.arguments import jetstream_args, nats_args
from tests.components.given import LOOP_IMAGE, providers
from tests.program.mocks import Recording, record

RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}


def build(servers: JetStreamArgs | NatsServerArgs) -> tuple[Recording, EventBus]:
    made: list[EventBus] = []
    recording = record(lambda: made.append(EventBus("bus", EventBusArgs(servers=servers), providers())))
    return recording, made[0]


@pytest.fixture(scope="module")
def native() -> Recording:
    return build(jetstream_args())[0]


@pytest.fixture(scope="module")
def own() -> Recording:
    return build(nats_args())[0]


def jetstream(recording: Recording) -> dict[str, Any]:
    return recording.inputs("EventBus", "bus-bus")["spec"]["jetstream"]


@pytest.mark.parametrize("template", ["containerTemplate", "reloaderContainerTemplate", "metricsContainerTemplate"])
def test_each_container_of_the_operator_s_servers_is_restricted(native: Recording, template: str) -> None:
    assert jetstream(native)[template]["securityContext"] == RESTRICTED


def test_the_operator_s_servers_run_as_a_user_that_owns_their_volume(native: Recording) -> None:
    context = jetstream(native)["securityContext"]
    assert (context["runAsNonRoot"], context["runAsUser"], context["fsGroup"]) == (True, 65532, 65532)
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}


def test_the_operator_runs_three_servers_of_one_version_and_the_stream_is_on_all(native: Recording) -> None:
    spec = jetstream(native)
    assert (spec["replicas"], spec["version"]) == (3, "2.15.2")
    assert yaml.safe_load(spec["streamConfig"])["replicas"] == 3


@pytest.mark.parametrize("servers", [jetstream_args(), nats_args()], ids=["operator's", "own"])
def test_what_the_stream_may_hold_fits_the_volume(servers: JetStreamArgs | NatsServerArgs) -> None:
    spec = build(servers)[0].inputs("EventBus", "bus-bus")["spec"]
    (bus,) = spec.values()
    assert servers.storage == "1Gi"
    assert 0 < yaml.safe_load(bus["streamConfig"])["maxBytes"] <= 2**30 // 2


@pytest.mark.parametrize("servers", [jetstream_args(), nats_args()], ids=["operator's", "own"])
def test_the_servers_let_in_clients_with_the_bus_s_label_only(servers: JetStreamArgs | NatsServerArgs) -> None:
    recording, bus = build(servers)
    rules = [rule for each in recording.of("NetworkPolicy") for rule in each.inputs["spec"].get("ingress", [])]
    (peers,) = [rule["from"] for rule in rules if rule["ports"][0]["port"] == 4222]
    assert peers == [{"podSelector": {"matchLabels": bus.access.labels}}]


def test_it_is_the_namespace_s_default_and_counts_as_made_once_it_is_deployed(own: Recording) -> None:
    metadata = own.inputs("EventBus", "bus-bus")["metadata"]
    assert metadata["name"] == "default"
    assert metadata["annotations"] == {"pulumi.com/waitFor": "condition=Deployed"}


def test_clients_of_our_server_verify_its_certificate_and_log_in(own: Recording) -> None:
    spec = own.inputs("EventBus", "bus-bus")["spec"]["jetstreamExotic"]
    assert spec["url"] == "tls://bus-nats.mlflow.svc.cluster.local:4222"
    assert spec["tls"] == {"caCertSecret": {"name": "bus-nats-credentials", "key": "tls.crt"}}
    assert spec["accessSecret"] == {"name": "bus-nats-credentials", "key": "auth.yaml"}


def test_no_key_and_no_password_is_in_the_state(own: Recording) -> None:
    secret = own.inputs("Secret")
    assert secret.keys().isdisjoint({"data", "stringData"})
    assert secret["metadata"]["name"] == "bus-nats-credentials"


def test_the_job_may_read_and_change_that_one_secret_and_nothing_else(own: Recording) -> None:
    assert own.inputs("Role")["rules"] == [
        {
            "apiGroups": [""],
            "resources": ["secrets"],
            "resourceNames": ["bus-nats-credentials"],
            "verbs": ["get", "patch"],
        }
    ]
    (subject,) = own.inputs("RoleBinding")["subjects"]
    pod = own.inputs("Job")["spec"]["template"]["spec"]
    assert pod["serviceAccountName"] == subject["name"]


def test_the_certificate_is_for_the_name_that_clients_use(own: Recording) -> None:
    (container,) = own.inputs("Job")["spec"]["template"]["spec"]["containers"]
    assert container["image"] == LOOP_IMAGE
    assert container["command"] == ["python3", "-m", "loop", "bus-credentials"]
    assert container["args"] == ["--secret=bus-nats-credentials", "--host=bus-nats.mlflow.svc.cluster.local"]


def test_the_server_starts_after_its_credentials_and_the_bus_after_the_server(own: Recording) -> None:
    assert "bus-nats-credentials-job" in own.only("StatefulSet").depends_on
    assert "bus-nats-server" in own.only("EventBus", "bus-bus").depends_on


def test_the_server_s_events_survive_a_restart_and_its_password_is_in_no_config(own: Recording) -> None:
    (claim,) = own.inputs("StatefulSet")["spec"]["volumeClaimTemplates"]
    config = own.inputs("ConfigMap")["data"]["nats.conf"]
    assert claim["metadata"]["name"] == "data"
    assert "jetstream { store_dir: /data, sync_interval: always }" in config
    assert "authorization { user: $BUS_USERNAME, password: $BUS_PASSWORD }" in config


def test_a_larger_volume_changes_the_claim_and_nothing_else(own: Recording) -> None:
    larger = build(replace(nats_args(), storage="2Gi"))[0]
    assert own.changed(larger) == ["StatefulSet spec.volumeClaimTemplates"]


def test_another_config_is_another_object_so_that_nothing_is_deleted_before_it_is_there(
    own: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("components.events.nats.CONFIG", "port: 4223\n")
    other = build(nats_args())[0]
    assert own.changed(other) == [
        "ConfigMap data.nats.conf",
        "ConfigMap metadata.name",
        "StatefulSet spec.template.spec.volumes",
    ]


def test_the_volume_outlives_its_server(own: Recording) -> None:
    assert "persistentVolumeClaimRetentionPolicy" not in own.inputs("StatefulSet")["spec"]
