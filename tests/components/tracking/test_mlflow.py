"""MLflow's servers and the migration before them."""

from dataclasses import replace
from typing import Any

import pytest

from components.kit.network import namespaced
from components.tracking.addresses import allowed_hosts
from components.tracking.mlflow import Mlflow, MlflowArgs
from tests.components.arguments import mlflow_args
from tests.components.given import MLFLOW_IMAGE, SECRET_TEXT, database, providers
from tests.program.mocks import Recording, Secret, record


def build(args: MlflowArgs) -> Recording:
    return record(lambda: Mlflow("mlflow", args, providers()))


@pytest.fixture(scope="module")
def recording() -> Recording:
    return build(mlflow_args())


def container(recording: Recording, kind: str) -> dict[str, Any]:
    (found,) = recording.inputs(kind)["spec"]["template"]["spec"]["containers"]
    return found


def environment(recording: Recording, kind: str) -> dict[str, Any]:
    """Variable → its value, or the (Secret, key) it is read from."""
    found: dict[str, Any] = {}
    for variable in container(recording, kind)["env"]:
        reference = variable.get("valueFrom", {}).get("secretKeyRef")
        found[variable["name"]] = (reference["name"], reference["key"]) if reference else variable["value"]
    return found


def diff(args: MlflowArgs) -> list[str]:
    """What an update to `args` would change."""
    return build(mlflow_args()).changed(build(args))


def test_a_third_replica_changes_the_number_of_replicas_and_nothing_else() -> None:
    assert diff(replace(mlflow_args(), replicas=3)) == ["Deployment spec.replicas"]


def test_another_version_is_another_migration_and_servers_that_wait_for_it() -> None:
    assert diff(replace(mlflow_args(), image="registry.example.com/mlflow:4.0.0")) == [
        "Deployment spec.template.metadata.annotations.ml-loop.dev/migration",
        "Deployment spec.template.spec.containers",
        "Job metadata.name",
        "Job spec.template.spec.containers",
    ]


def test_another_database_is_another_migration() -> None:
    other = replace(mlflow_args(), database=replace(database(), name="other"))
    assert "Job metadata.name" in diff(other)


def test_more_memory_is_no_new_migration() -> None:
    args = replace(mlflow_args(), resources={"requests": {"cpu": "1", "memory": "4Gi"}, "limits": {"memory": "4Gi"}})
    assert diff(args) == ["Deployment spec.template.spec.containers"]


def test_servers_carry_the_name_of_the_migration_that_made_their_schema(recording: Recording) -> None:
    annotations = recording.inputs("Deployment")["spec"]["template"]["metadata"]["annotations"]
    assert annotations["ml-loop.dev/migration"] == recording.inputs("Job")["metadata"]["name"]
    assert "mlflow-migration" in recording.only("Deployment").depends_on


def test_the_migration_upgrades_the_database_that_servers_use(recording: Recording) -> None:
    command = container(recording, "Job")["command"]
    assert command == ["python3", "-m", "mlflow", "db", "upgrade", "$(MLFLOW_BACKEND_STORE_URI)"]
    uri = environment(recording, "Job")["MLFLOW_BACKEND_STORE_URI"]
    assert uri == "postgresql+psycopg2://db-rw.mlflow.svc.cluster.local:5432/mlflow"
    assert environment(recording, "Deployment")["MLFLOW_BACKEND_STORE_URI"] == uri


@pytest.mark.parametrize("kind", ["Job", "Deployment"])
def test_the_password_comes_from_the_database_s_own_secret(recording: Recording, kind: str) -> None:
    found = environment(recording, kind)
    assert (found["PGUSER"], found["PGPASSWORD"]) == (("db-app", "username"), ("db-app", "password"))


@pytest.mark.parametrize("kind", ["Job", "Deployment"])
def test_the_database_s_certificate_is_verified_and_its_authority_s_key_left_where_it_is(
    recording: Recording, kind: str
) -> None:
    found = environment(recording, kind)
    assert (found["PGSSLMODE"], found["PGSSLROOTCERT"]) == ("verify-full", "/etc/postgresql/ca.crt")
    volumes = recording.inputs(kind)["spec"]["template"]["spec"]["volumes"]
    certificate = {"secretName": "db-ca", "items": [{"key": "ca.crt", "path": "ca.crt"}]}
    assert {"name": "database-ca", "secret": certificate} in volumes


def test_the_server_proxies_artifacts_to_the_bucket(recording: Recording) -> None:
    assert container(recording, "Deployment")["command"] == [
        *("python3", "-m", "mlflow", "server", "--app-name", "ml-loop-identity"),
        *("--host", "0.0.0.0", "--port", "5000", "--workers", "2"),  # noqa: S104
        *("--serve-artifacts", "--artifacts-destination", "$(ARTIFACTS_DESTINATION)"),
    ]
    found = environment(recording, "Deployment")
    assert found["ARTIFACTS_DESTINATION"] == "s3://artifacts/artifacts"
    assert found["AWS_ENDPOINT_URL_S3"] == "https://s3.example.com"
    assert found["AWS_SECRET_ACCESS_KEY"] == ("s3", "secret-access-key")


def test_all_servers_sign_sessions_with_one_key_which_is_secret(recording: Recording) -> None:
    assert recording.inputs("Secret")["stringData"] == Secret({"MLFLOW_FLASK_SERVER_SECRET_KEY": SECRET_TEXT})
    key = environment(recording, "Deployment")["MLFLOW_FLASK_SERVER_SECRET_KEY"]
    assert key == ("mlflow-session", "MLFLOW_FLASK_SERVER_SECRET_KEY")


def test_the_server_runs_no_users_jobs_and_reports_to_nobody(recording: Recording) -> None:
    found = environment(recording, "Deployment")
    assert found["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] == "false"
    assert found["MLFLOW_ENABLE_AI_GATEWAY"] == "false"
    assert found["MLFLOW_DISABLE_TELEMETRY"] == "true"


def test_the_server_is_told_its_hosts(recording: Recording) -> None:
    found = environment(recording, "Deployment")["MLFLOW_SERVER_ALLOWED_HOSTS"]
    assert found.split(",") == allowed_hosts("mlflow", "mlflow")


@pytest.mark.parametrize(
    ("changes", "origins"),
    [
        ({}, [""]),
        ({"node_port": 30500, "node_address": "192.0.2.7"}, ["http://192.0.2.7:30500"]),
        ({"host": "ml.example.com", "scheme": "https"}, ["https://ml.example.com", "https://ml.example.com:*"]),
    ],
)
def test_the_server_is_told_where_its_own_pages_are(changes: dict[str, Any], origins: list[str]) -> None:
    found = environment(build(replace(mlflow_args(), **changes)), "Deployment")
    assert found["MLFLOW_SERVER_CORS_ALLOWED_ORIGINS"].split(",") == origins


def test_a_rolling_update_takes_no_server_away_before_another_answers(recording: Recording) -> None:
    spec = recording.inputs("Deployment")["spec"]
    assert spec["strategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}


def test_a_server_that_ends_answers_until_nobody_calls_it(recording: Recording) -> None:
    pause = container(recording, "Deployment")["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert 0 < pause < recording.inputs("Deployment")["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]


@pytest.mark.parametrize("probe", ["startupProbe", "readinessProbe", "livenessProbe"])
def test_each_probe_asks_for_health(recording: Recording, probe: str) -> None:
    assert container(recording, "Deployment")[probe]["httpGet"] == {"path": "/health", "port": "http"}


def test_the_disruption_budget_and_the_service_select_the_servers_and_not_the_migration(recording: Recording) -> None:
    server = recording.inputs("Deployment")["spec"]["selector"]["matchLabels"]
    migration = recording.inputs("Job")["spec"]["template"]["metadata"]["labels"]
    assert recording.inputs("PodDisruptionBudget")["spec"] == {"maxUnavailable": 1, "selector": {"matchLabels": server}}
    assert recording.inputs("Service")["spec"]["selector"] == server
    assert not server.items() <= migration.items()


def test_servers_prefer_different_nodes(recording: Recording) -> None:
    affinity = recording.inputs("Deployment")["spec"]["template"]["spec"]["affinity"]["podAntiAffinity"]
    (term,) = affinity["preferredDuringSchedulingIgnoredDuringExecution"]
    assert term["podAffinityTerm"]["topologyKey"] == "kubernetes.io/hostname"


def test_without_a_node_port_only_the_loop_reaches_the_servers(recording: Recording) -> None:
    assert recording.inputs("Service")["spec"]["type"] == "ClusterIP"
    loop = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "loop"}}}
    rules = recording.inputs("NetworkPolicy", "mlflow-ingress")["spec"]["ingress"]
    assert rules == [{"from": [loop], "ports": [{"port": 5000, "protocol": "TCP"}]}]


def test_a_node_port_lets_everyone_in_who_reaches_the_node() -> None:
    recording = build(replace(mlflow_args(), node_port=30500))
    spec = recording.inputs("Service")["spec"]
    assert spec["type"] == "NodePort"
    assert spec["ports"] == [{"name": "http", "port": 5000, "targetPort": "http", "nodePort": 30500}]
    rules = recording.inputs("NetworkPolicy", "mlflow-ingress")["spec"]["ingress"]
    assert rules == [{"ports": [{"port": 5000, "protocol": "TCP"}]}]


def test_servers_and_migration_may_reach_database_and_bucket(recording: Recording) -> None:
    spec = recording.inputs("NetworkPolicy", "mlflow-egress")["spec"]
    assert [[port["port"] for port in rule["ports"]] for rule in spec["egress"]] == [[5432], [443]]
    for kind in ("Job", "Deployment"):
        labels = recording.inputs(kind)["spec"]["template"]["metadata"]["labels"]
        assert spec["podSelector"]["matchLabels"].items() <= labels.items()
        assert labels["ml-loop.dev/client-of-db"] == "true"
    servers = recording.inputs("Deployment")["spec"]["template"]["metadata"]["labels"]
    assert servers["ml-loop.dev/client-of-s3"] == "true"


@pytest.mark.parametrize(
    ("node_port", "node_address", "url"),
    [(30500, "192.0.2.7", "http://192.0.2.7:30500"), (30500, None, None), (None, "192.0.2.7", None)],
)
def test_the_address_outside_is_the_node_s_where_port_and_address_are_known(
    node_port: int | None, node_address: str | None, url: str | None
) -> None:
    recording = build(replace(mlflow_args(), node_port=node_port, node_address=node_address))
    assert (recording.only("Mlflow").outputs or {}).get("external_url") == url


def test_outputs_are_the_address_inside_and_the_service(recording: Recording) -> None:
    assert recording.only("Mlflow").outputs == {
        "url": "http://mlflow.mlflow.svc.cluster.local:5000",
        "service": "mlflow",
    }


@pytest.mark.parametrize(("kind", "account"), [("Job", "mlflow-migration"), ("Deployment", "mlflow")])
def test_each_pod_runs_the_given_image_as_an_account_of_its_own(recording: Recording, kind: str, account: str) -> None:
    assert container(recording, kind)["image"] == MLFLOW_IMAGE
    assert recording.inputs(kind)["spec"]["template"]["spec"]["serviceAccountName"] == account


@pytest.mark.parametrize(
    ("gateway", "callers"),
    [(None, None), ("gateway", ["loop", "gateway"])],
)
def test_a_host_lets_the_gateway_s_proxies_in_or_everybody_where_they_are_unknown(
    gateway: str | None, callers: list[str] | None
) -> None:
    peers = (namespaced(gateway),) if gateway else None
    args = replace(mlflow_args(), client_namespaces=["loop"], host="ml.example.com", proxies=peers)
    (rule,) = build(args).inputs("NetworkPolicy", "mlflow-ingress")["spec"]["ingress"]
    peers = rule.get("from")
    found = peers and [
        peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
        for peer in peers
        if "namespaceSelector" in peer
    ]
    assert found == callers
