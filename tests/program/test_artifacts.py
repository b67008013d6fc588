"""Where a stack keeps its artifacts, logs and backups, in the whole program."""

import json
from collections.abc import Mapping
from typing import Any

from tests.program.mocks import Recording
from tests.program.program import GATE, Run


def test_the_bundled_store_s_volume_is_protected_in_production(run: Run) -> None:
    recording = run("prod", {"artifacts": {"kind": "s3-compatible", "bundled": {"storage": "10Gi"}}})
    assert recording.only("PersistentVolumeClaim").protected


ELSEWHERE = {
    "kind": "s3-compatible",
    "endpoint": "https://s3.fr-par.scw.cloud",
    "bucket": "models",
    "credentialsSecret": "s3",
    "region": "fr-par",
    "caSecret": "s3-ca",
    "logs": {"bucket": "training-logs", "credentialsSecret": "logs-s3"},
}


BACKED_UP = {"postgres": {"backup": {"schedule": "0 3 * * *"}}}


def _servers_env(recording: Recording) -> dict[str, object]:
    pod = recording.inputs("Deployment", "mlflow-server")["spec"]["template"]["spec"]
    return {each["name"]: each.get("value") for each in pod["containers"][0]["env"]}


def test_a_store_that_is_not_aws_is_spoken_to_in_its_own_way_by_all_of_its_clients(run: Run) -> None:
    model = {"training": {"image": "recommender", "gate": {"metric": "auc", "minimum": 0.7}}}
    recording = run("dev", {"artifacts": ELSEWHERE, "tracking": BACKED_UP, "models": {"recommender": model}})
    said = {
        "AWS_DEFAULT_REGION": "fr-par",
        "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
        "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required",
    }
    # MLflow
    env = _servers_env(recording)
    assert env | said | {"AWS_CA_BUNDLE": "/etc/s3-ca/ca.crt"} == env
    pod = recording.inputs("Deployment", "mlflow-server")["spec"]["template"]["spec"]
    (authority,) = (volume for volume in pod["volumes"] if volume["name"] == "s3-ca")
    assert authority["secret"] == {"secretName": "s3-ca", "items": [{"key": "ca.crt", "path": "ca.crt"}]}
    assert {"name": "s3-ca", "mountPath": "/etc/s3-ca", "readOnly": True} in pod["containers"][0]["volumeMounts"]
    # Backups
    archive = recording.inputs("ObjectStore")["spec"]
    assert archive["configuration"]["endpointCA"] == {"name": "s3-ca", "key": "ca.crt"}
    assert {each["name"]: each["value"] for each in archive["instanceSidecarConfiguration"]["env"]} == said
    # Logs
    templates = recording.inputs("WorkflowTemplate")["spec"]["templates"]
    (place,) = {json.dumps(each["archiveLocation"]["s3"]) for each in templates if "container" in each}
    assert json.loads(place)["region"] == "fr-par"
    assert json.loads(place)["caSecret"] == {"name": "s3-ca", "key": "ca.crt"}


def test_a_bucket_in_the_host_name_is_asked_for_there(run: Run) -> None:
    store = {key: value for key, value in ELSEWHERE.items() if key not in {"logs", "caSecret"}}
    changes = {"artifacts": store | {"pathStyle": False, "checksums": "when_supported"}, "tracking": {}}
    env = _servers_env(run("dev", changes))
    assert env["MLFLOW_BOTO_CLIENT_ADDRESSING_STYLE"] == "virtual"
    assert env["AWS_REQUEST_CHECKSUM_CALCULATION"] == "when_supported"
    assert "AWS_CA_BUNDLE" not in env


def test_on_aws_server_and_database_have_a_role_each_for_their_own_folder(run: Run) -> None:
    recording = run("prod", {"models": {}})
    accounts = {each.inputs["serviceAccount"] for each in recording.of("PodIdentityAssociation")}
    names = {
        recording.inputs("ServiceAccount", "mlflow-account")["metadata"]["name"],
        recording.inputs("Cluster")["metadata"]["name"],
    }
    assert accounts == names == {"mlflow", "mlflow-db"}


def test_on_aws_each_account_of_a_training_has_a_role_that_adds_logs(run: Run) -> None:
    model = GATE | {"drift": {"features": ["pages"]}, "retraining": {"cooldown": "6h"}}
    recording = run("prod", {"models": {"recommender": model}})
    linked = recording.of("PodIdentityAssociation")
    found = {each.inputs["serviceAccount"] for each in linked if each.inputs["namespace"] != "mlflow"}
    pods_as = {each.inputs["metadata"]["name"] for each in recording.of("ServiceAccount") if "-training-" in each.name}
    assert found == pods_as == {f"recommender-{step}" for step in ("train", "gate", "cooldown", "rollout")}


def test_a_service_of_one_s_own_keeps_logs_where_the_settings_name_a_bucket(run: Run) -> None:
    place = {"kind": "s3-compatible", "endpoint": "https://s3.example.com", "bucket": "b-1", "credentialsSecret": "s3"}
    own = {"logs": {"bucket": "training-logs", "credentialsSecret": "training-logs"}}

    def logs(artifacts: dict[str, Any]) -> Any:
        recording = run("dev", {"models": {"recommender": GATE}, "artifacts": artifacts})
        return recording.exports["models"]["recommender"]["logs"]

    assert logs(place | own) == "s3://training-logs/logs/recommender"
    assert logs(place) is None


def test_on_aws_roles_are_those_of_the_named_cluster_or_of_the_context_s(run: Run) -> None:
    def clusters(**changes: Any) -> set[str]:
        artifacts = {"artifacts": {"kind": "aws-s3", "region": "eu-west-1", **changes}}
        return {each.inputs["clusterName"] for each in run("prod", artifacts).of("PodIdentityAssociation")}

    assert clusters() == {"example-prod"}
    assert clusters(eksCluster="blue") == {"blue"}


ISSUER = "oidc.eks.eu-west-1.amazonaws.com/id/0123456789ABCDEF"


PROVIDER = f"arn:aws:iam::111122223333:oidc-provider/{ISSUER}"


def test_with_irsa_the_accounts_of_server_and_database_name_their_roles(run: Run) -> None:
    recording = run("prod", {"artifacts": {"kind": "aws-s3", "region": "eu-west-1", "oidcProvider": PROVIDER}})
    accounts = {
        "mlflow": recording.inputs("ServiceAccount", "mlflow-account")["metadata"]["annotations"],
        "mlflow-db": recording.inputs("Cluster")["spec"]["serviceAccountTemplate"]["metadata"]["annotations"],
    }
    roles = {"mlflow": "artifacts-s3-mlflow-role", "mlflow-db": "artifacts-s3-mlflow-db-role"}
    assert accounts == {account: {"eks.amazonaws.com/role-arn": f"arn:aws:::{role}"} for account, role in roles.items()}
    trust = {role: json.loads(recording.inputs("Role", role)["assumeRolePolicy"]) for role in roles.values()}
    assert {role: it["Statement"][0]["Condition"]["StringEquals"][f"{ISSUER}:sub"] for role, it in trust.items()} == {
        role: f"system:serviceaccount:mlflow:{account}" for account, role in roles.items()
    }


def test_with_pod_identity_no_account_names_a_role(run: Run) -> None:
    recording = run("prod")
    assert recording.inputs("ServiceAccount", "mlflow-account")["metadata"]["annotations"] == {}
    assert recording.inputs("Cluster")["spec"]["serviceAccountTemplate"] == {"metadata": {"annotations": {}}}


def test_the_settings_restore_the_database_from_an_archive(run: Run) -> None:
    backup = {"archive": "mlflow-db-2", "restore": {"archive": "mlflow-db", "until": "2027-01-31T12:00:00Z"}}
    spec = run("prod", {"tracking": {"postgres": {"backup": backup}}}).inputs("Cluster")["spec"]
    assert spec["bootstrap"]["recovery"]["recoveryTarget"] == {"targetTime": "2027-01-31T12:00:00Z"}
    assert spec["plugins"][0]["parameters"]["serverName"] == "mlflow-db-2"


def test_the_job_that_reads_an_archive_reaches_the_bundled_store(run: Run) -> None:
    def clients(backup: Mapping[str, Any]) -> list[Any]:
        recording = run("local", {"tracking": {"postgres": {"instances": 1, **backup}}})
        return recording.inputs("NetworkPolicy", "artifacts-s3-server")["spec"]["ingress"][0]["from"]

    job = {"podSelector": {"matchLabels": {"cnpg.io/cluster": "mlflow-db"}}}
    assert job in clients({"backup": {"schedule": "0 3 * * *"}})
    assert job not in clients({})
