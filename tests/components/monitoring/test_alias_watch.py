"""Who looks after the aliases: without rights as long as nothing is to be put back."""

from dataclasses import replace
from typing import Any

import pytest

from components.monitoring.alias_watch import AliasWatch, AliasWatchArgs
from tests.components.arguments import alias_watch_args
from tests.components.given import providers
from tests.program.mocks import Recording, record


def build(args: AliasWatchArgs) -> Recording:
    return record(lambda: AliasWatch("it", args, providers()))


@pytest.fixture(scope="module")
def healing() -> Recording:
    return build(alias_watch_args())


@pytest.fixture(scope="module")
def watching() -> Recording:
    return build(replace(alias_watch_args(), healing=False))


def spec(recording: Recording) -> dict[str, Any]:
    return recording.inputs("Deployment")["spec"]["template"]["spec"]


def container(recording: Recording) -> dict[str, Any]:
    (found,) = spec(recording)["containers"]
    return found


def test_it_is_told_the_model_and_only_where_it_heals_the_service(healing: Recording, watching: Recording) -> None:
    assert container(watching)["command"] == ["python3", "-m", "loop", "watch-aliases"]
    assert container(watching)["args"] == ["--model=recommender", "--port=9090"]
    assert container(healing)["args"] == [
        "--model=recommender",
        "--heal",
        "--namespace=mlflow",
        "--service=recommender-production",
        "--port=9090",
    ]


def test_without_healing_it_has_no_right_and_no_token(watching: Recording) -> None:
    assert [*watching.of("Role"), *watching.of("RoleBinding")] == []
    assert spec(watching)["automountServiceAccountToken"] is False
    assert [each["name"] for each in spec(watching)["volumes"]] == ["tmp"]
    assert "ML_LOOP_TRACKING_TOKEN_FILE" not in {each["name"] for each in container(watching)["env"]}
    egress = watching.inputs("NetworkPolicy")["spec"]["egress"]
    assert [port["port"] for rule in egress for port in rule["ports"]] == [5000]


def test_to_heal_it_may_change_the_one_service_and_says_to_mlflow_who_it_is(healing: Recording) -> None:
    (rule,) = healing.inputs("Role")["rules"]
    assert (rule["resources"], rule["resourceNames"]) == (["inferenceservices"], ["recommender-production"])
    assert rule["verbs"] == ["get", "patch"]
    account = {"kind": "ServiceAccount", "name": "recommender-aliases", "namespace": "mlflow"}
    assert healing.inputs("RoleBinding")["subjects"] == [account]
    assert spec(healing)["serviceAccountName"] == "recommender-aliases"
    (token,) = [volume for volume in spec(healing)["volumes"] if volume["name"] == "tracking-token"]
    (source,) = token["projected"]["sources"]
    assert source["serviceAccountToken"]["audience"] == "mlflow"
    environment = {each["name"]: each["value"] for each in container(healing)["env"]}
    (mount,) = [each for each in container(healing)["volumeMounts"] if each["name"] == "tracking-token"]
    assert environment["ML_LOOP_TRACKING_TOKEN_FILE"] == f"{mount['mountPath']}/token"


def test_there_is_never_a_second_one_beside_the_first(healing: Recording) -> None:
    deployment = healing.inputs("Deployment")["spec"]
    assert (deployment["replicas"], deployment["strategy"]) == (1, {"type": "Recreate"})


def test_it_is_ready_once_it_has_looked_and_restarted_only_where_it_hangs(healing: Recording) -> None:
    assert container(healing)["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert container(healing)["livenessProbe"]["httpGet"]["path"] == "/healthz"
    probe = container(healing)["startupProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] >= 120


def test_only_metrics_and_health_are_offered_to_the_cluster(healing: Recording) -> None:
    (rule,) = healing.inputs("NetworkPolicy")["spec"]["ingress"]
    assert rule == {"from": [{"namespaceSelector": {}}], "ports": [{"port": 9090, "protocol": "TCP"}]}
    annotations = healing.inputs("Deployment")["spec"]["template"]["metadata"]["annotations"]
    assert annotations["prometheus.io/port"] == "9090"


def test_it_comes_after_the_policy_that_lets_it_reach_anything(healing: Recording) -> None:
    assert "it-pods" in healing.only("Deployment").depends_on
