"""MLflow's database."""

from dataclasses import replace
from typing import Any

import pytest

from components.tracking.postgres import Postgres, PostgresArgs, PostgresRestore
from tests.components.arguments import backup, postgres_args
from tests.components.given import aws_bucket, providers
from tests.program.mocks import Recording, record


def build(args: PostgresArgs) -> Recording:
    return record(lambda: Postgres("db", args, providers()))


@pytest.fixture(scope="module")
def recording() -> Recording:
    return build(postgres_args())


@pytest.fixture(scope="module")
def archived() -> Recording:
    return build(replace(postgres_args(), backup=backup()))


def traffic(policy: dict[str, Any], direction: str) -> list[tuple[Any, list[int]]]:
    """(peers, ports) of each rule of a policy."""
    key = {"ingress": "from", "egress": "to"}[direction]
    return [(rule.get(key), [port["port"] for port in rule["ports"]]) for rule in policy["spec"][direction]]


def test_the_cluster_has_the_size_and_the_image_of_its_arguments(recording: Recording) -> None:
    spec = recording.inputs("Cluster")["spec"]
    assert spec["instances"] == 3
    assert spec["storage"] == {"size": "20Gi"}
    assert spec["imageName"] == postgres_args().image
    assert spec["bootstrap"] == {"initdb": {"database": "mlflow", "owner": "mlflow"}}


def test_the_cluster_counts_as_created_when_it_is_ready(recording: Recording) -> None:
    assert recording.inputs("Cluster")["metadata"]["annotations"] == {"pulumi.com/waitFor": "condition=Ready"}


def test_the_cluster_comes_after_the_policy_that_lets_it_reach_the_api(recording: Recording) -> None:
    assert "db-instances" in recording.only("Cluster").depends_on


def test_clients_get_names_of_host_and_secret_and_no_password(recording: Recording) -> None:
    outputs = {"host": "db-rw.mlflow.svc.cluster.local", "database": "mlflow", "secret": "db-app"}
    assert recording.only("Postgres").outputs == outputs


def test_instances_are_called_by_each_other_by_clients_and_by_the_operator_alone(recording: Recording) -> None:
    operator = {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "cnpg-system"}},
        "podSelector": {"matchLabels": {"app.kubernetes.io/name": "cloudnative-pg"}},
    }
    assert traffic(recording.inputs("NetworkPolicy"), "ingress") == [
        ([{"podSelector": {"matchLabels": {"cnpg.io/cluster": "db"}}}], [5432, 8000]),
        ([{"podSelector": {"matchLabels": {"ml-loop.dev/client-of-db": "true"}}}], [5432]),
        ([operator], [5432, 8000]),
    ]


def test_instances_call_each_other_and_the_api_server(recording: Recording) -> None:
    assert traffic(recording.inputs("NetworkPolicy"), "egress") == [
        ([{"podSelector": {"matchLabels": {"cnpg.io/cluster": "db"}}}], [5432, 8000]),
        (None, [443, 6443]),
    ]


def test_without_backups_there_is_no_archive(recording: Recording) -> None:
    assert recording.of("ObjectStore") + recording.of("ScheduledBackup") == []
    assert "plugins" not in recording.inputs("Cluster")["spec"]


def test_backups_go_to_a_folder_of_the_artifact_store_with_its_secret(archived: Recording) -> None:
    spec = archived.inputs("ObjectStore")["spec"]
    assert spec["configuration"]["destinationPath"] == "s3://artifacts/postgres"
    assert spec["configuration"]["endpointURL"] == "https://s3.example.com"
    assert spec["configuration"]["s3Credentials"] == {
        "accessKeyId": {"name": "s3", "key": "access-key-id"},
        "secretAccessKey": {"name": "s3", "key": "secret-access-key"},
    }
    assert spec["retentionPolicy"] == "30d"


def test_the_log_is_archived_by_the_plugin_to_that_store(archived: Recording) -> None:
    assert archived.inputs("Cluster")["spec"]["plugins"] == [
        {
            "name": "barman-cloud.cloudnative-pg.io",
            "isWALArchiver": True,
            "parameters": {"barmanObjectName": "db", "serverName": "db"},
        }
    ]


def test_base_backups_are_scheduled_with_a_field_for_seconds(archived: Recording) -> None:
    spec = archived.inputs("ScheduledBackup")["spec"]
    assert spec["schedule"] == "0 0 3 * * *"
    assert (spec["cluster"], spec["method"]) == ({"name": "db"}, "plugin")


def test_instances_that_archive_may_reach_the_store(archived: Recording) -> None:
    assert (None, [443]) in traffic(archived.inputs("NetworkPolicy"), "egress")
    labels = {"ml-loop.dev/client-of-s3": "true"}
    assert archived.inputs("Cluster")["spec"]["inheritedMetadata"] == {"labels": labels}


def test_on_aws_instances_archive_with_the_role_of_their_service_account() -> None:
    args = replace(postgres_args(), backup=replace(backup(), bucket=aws_bucket()))
    configuration = build(args).inputs("ObjectStore")["spec"]["configuration"]
    assert configuration["s3Credentials"] == {"inheritFromIAMRole": True}
    assert "endpointURL" not in configuration


def test_only_the_database_is_protected_so_that_all_else_can_be_replaced(recording: Recording) -> None:
    assert [resource.name for resource in recording.resources if resource.protected] == ["db-cluster"]


def test_a_replacement_waits_until_pods_and_volumes_of_its_name_are_gone(recording: Recording) -> None:
    assert recording.only("Cluster").deleted_first


def test_what_archives_states_what_it_takes_of_the_node(archived: Recording) -> None:
    sidecar = archived.inputs("ObjectStore")["spec"]["instanceSidecarConfiguration"]
    assert sidecar["resources"] == {"requests": {"cpu": "20m", "memory": "128Mi"}, "limits": {"memory": "512Mi"}}


def test_a_storage_class_is_named_where_one_is_wanted() -> None:
    spec = build(replace(postgres_args(), storage_class="fast")).inputs("Cluster")["spec"]
    assert spec["storage"] == {"size": "20Gi", "storageClass": "fast"}


def restored(until: str | None) -> dict[str, Any]:
    restore = PostgresRestore(archive="db", until=until)
    args = replace(postgres_args(), backup=replace(backup(), archive="db-2", restore=restore))
    return build(args).inputs("Cluster")["spec"]


def test_a_restored_database_reads_one_archive_and_writes_another() -> None:
    spec = restored(None)
    plugin = {"name": "barman-cloud.cloudnative-pg.io"}
    read, written = ({"barmanObjectName": "db", "serverName": archive} for archive in ("db", "db-2"))
    assert spec["externalClusters"] == [{"name": "db", "plugin": {**plugin, "parameters": read}}]
    assert spec["plugins"] == [{**plugin, "isWALArchiver": True, "parameters": written}]


@pytest.mark.parametrize(
    ("until", "target"),
    [(None, {}), ("2027-01-31T12:00:00Z", {"recoveryTarget": {"targetTime": "2027-01-31T12:00:00Z"}})],
)
def test_a_restored_database_has_the_same_name_and_owner_as_of_the_moment_asked_for(
    until: str | None, target: dict[str, Any]
) -> None:
    recovery = {"source": "db", "database": "mlflow", "owner": "mlflow"}
    assert restored(until)["bootstrap"] == {"recovery": recovery | target}
