"""What the servers of MLflow need to know who asks."""

import json
from configparser import ConfigParser
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from components.tracking import identity
from components.tracking.identity import guards
from components.tracking.mlflow import Mlflow, MlflowArgs
from contract.names import IDENTITY_APP
from tests.components.arguments import mlflow_args
from tests.components.given import providers
from tests.components.table import station
from tests.program.mocks import Recording, record

REPOSITORY = Path(__file__).parents[3]


def build(args: MlflowArgs) -> Recording:
    return record(lambda: Mlflow("mlflow", args, providers()))


@pytest.fixture(scope="module")
def recording() -> Recording:
    return build(mlflow_args())


def server(recording: Recording) -> dict[str, Any]:
    (found,) = recording.inputs("Deployment")["spec"]["template"]["spec"]["containers"]
    return found


def environment(recording: Recording) -> dict[str, Any]:
    return {each["name"]: each.get("value") for each in server(recording)["env"]}


def policy(recording: Recording) -> dict[str, Any]:
    return json.loads(recording.inputs("ConfigMap")["data"]["policy.json"])


def test_the_policy_names_the_accounts_that_train_judge_and_promote_each_model() -> None:
    assert guards(["b", "a"], "loop") == {
        "a": {
            "training": ["system:serviceaccount:loop:a-train"],
            "gate": ["system:serviceaccount:loop:a-gate", "system:serviceaccount:loop:a-rollout"],
            "promotion": ["system:serviceaccount:loop:a-promote"],
        },
        "b": {
            "training": ["system:serviceaccount:loop:b-train"],
            "gate": ["system:serviceaccount:loop:b-gate", "system:serviceaccount:loop:b-rollout"],
            "promotion": ["system:serviceaccount:loop:b-promote"],
        },
    }


def test_who_looks_after_the_aliases_has_a_right_only_where_they_are_healed() -> None:
    found = guards(["b", "a"], "loop", ["b"])
    assert {model: rights.get("healing") for model, rights in found.items()} == {
        "a": None,
        "b": ["system:serviceaccount:loop:b-aliases"],
    }


@pytest.mark.parametrize(
    ("component", "suffixes"),
    [
        ("monitoring.alias_watch", identity.HEALING),
        ("training.training", identity.TRAINING),
        ("training.training", identity.GATE),
        ("serving.promotion", identity.PROMOTION),
    ],
)
def test_the_accounts_are_those_that_the_components_make(component: str, suffixes: tuple[str, ...]) -> None:
    made = {each.inputs["metadata"]["name"] for each in record(lambda: station(component)).of("ServiceAccount")}
    assert {f"recommender-{suffix}" for suffix in suffixes} <= made


def test_the_servers_read_the_policy_where_they_are_told(recording: Recording) -> None:
    assert policy(recording) == {"models": guards(["recommender"], "loop")}
    path = Path(environment(recording)["ML_LOOP_IDENTITY_POLICY"])
    (mount,) = [each for each in server(recording)["volumeMounts"] if each["mountPath"] == str(path.parent)]
    (volume,) = [
        each
        for each in recording.inputs("Deployment")["spec"]["template"]["spec"]["volumes"]
        if each["name"] == mount["name"]
    ]
    assert volume["configMap"]["name"] == recording.inputs("ConfigMap")["metadata"]["name"]


def test_another_model_is_another_policy_and_other_servers() -> None:
    changed = build(mlflow_args()).changed(build(replace(mlflow_args(), guards=guards(["other"], "loop"))))
    assert "Deployment spec.template.spec.volumes" in changed
    assert "ConfigMap metadata.name" in changed


def test_the_servers_may_have_tokens_reviewed_and_look_at_the_pods_they_were_made_for(recording: Recording) -> None:
    assert recording.inputs("ClusterRole")["rules"] == [
        {"apiGroups": ["authentication.k8s.io"], "resources": ["tokenreviews"], "verbs": ["create"]}
    ]
    assert recording.inputs("Role")["rules"] == [{"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}]
    assert recording.inputs("Role")["metadata"]["namespace"] == "loop"
    for kind in ("ClusterRoleBinding", "RoleBinding"):
        (subject,) = recording.inputs(kind)["subjects"]
        assert subject == {"kind": "ServiceAccount", "name": "mlflow", "namespace": "mlflow"}
    assert recording.inputs("Deployment")["spec"]["template"]["spec"]["automountServiceAccountToken"] is True
    assert recording.inputs("Job")["spec"]["template"]["spec"]["automountServiceAccountToken"] is False


def test_the_servers_reach_the_api_server_and_are_scraped(recording: Recording) -> None:
    spec = recording.inputs("NetworkPolicy", "mlflow-identity")["spec"]
    assert [port["port"] for rule in spec["egress"] for port in rule["ports"]] == [443, 6443]
    assert [port["port"] for rule in spec["ingress"] for port in rule["ports"]] == [5001]
    annotations = recording.inputs("Deployment")["spec"]["template"]["metadata"]["annotations"]
    assert annotations["prometheus.io/port"] == environment(recording)["ML_LOOP_IDENTITY_METRICS_PORT"] == "5001"


def test_the_plugin_has_the_name_that_the_servers_are_given() -> None:
    entry_points = ConfigParser()
    entry_points.read(REPOSITORY / "images/mlflow/ml_loop_identity.dist-info/entry_points.txt")
    assert dict(entry_points["mlflow.app"]) == {IDENTITY_APP: "identity.app:create_app"}
