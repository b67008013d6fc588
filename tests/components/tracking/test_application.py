"""MLflow by way of Argo CD: what the Application asks for."""

import subprocess
from datetime import date
from pathlib import Path
from typing import Any

import pytest

import versions
from components.kit.access import Access
from components.kit.connections import Bucket
from components.kit.pod import secret_env
from components.tracking.application import ArgoCdTarget
from policy.rules import RULES
from policy.verdict import judge
from tests.charts.keys import Keys
from tests.components import walk
from tests.components.arguments import mlflow_args
from tests.components.given import DIGEST, IMAGES, SECRET_TEXT, aws_bucket, bucket
from tests.components.tracking.delivered import BY_URI, build, delivered, values
from tests.program.mocks import Recording


def test_an_application_takes_the_deployment_s_place_and_nothing_else_changes(recording: Recording) -> None:
    by_pulumi = build(mlflow_args())
    kept = {each.urn: each.inputs for each in by_pulumi.resources if each.name != "mlflow-server"}
    assert kept == {each.urn: each.inputs for each in recording.resources if each.name != "mlflow-application"}
    assert recording.only("Mlflow").outputs == by_pulumi.only("Mlflow").outputs


def test_the_service_comes_after_the_application(recording: Recording) -> None:
    assert "mlflow-application" in recording.only("Service").depends_on


def test_the_application_is_the_pinned_chart_in_mlflow_s_namespace_and_is_healed(recording: Recording) -> None:
    application = recording.inputs("Application")
    assert application["metadata"]["name"] == "mlflow-mlflow"
    assert application["metadata"]["namespace"] == "argocd"
    assert application["metadata"]["finalizers"] == ["resources-finalizer.argocd.argoproj.io"]
    spec = application["spec"]
    assert {key: spec["source"][key] for key in ("repoURL", "chart", "targetRevision")} == {
        "repoURL": "https://community-charts.github.io/helm-charts",
        "chart": "mlflow",
        "targetRevision": "1.11.5",
    }
    assert (spec["project"], spec["source"]["helm"]["releaseName"]) == ("default", "mlflow")
    assert spec["destination"] == {"server": "https://kubernetes.default.svc", "namespace": "mlflow"}
    assert spec["syncPolicy"] == {"automated": {"prune": True, "selfHeal": True}}


def test_a_project_a_namespace_and_a_mirror_of_one_s_own_are_honored() -> None:
    argo_cd = ArgoCdTarget(namespace="gitops", project="ml", chart_mirror="oci://registry.example.com/charts")
    application = delivered(argo_cd=argo_cd).inputs("Application")
    assert application["metadata"]["namespace"] == "gitops"
    assert application["spec"]["project"] == "ml"
    assert application["spec"]["source"]["repoURL"] == "registry.example.com/charts"


def test_the_identity_plugin_is_named_and_has_its_policy_and_an_account_s_token(recording: Recording) -> None:
    given = values(recording)
    assert given["extraArgs"] == {"appName": "ml-loop-identity", "workers": "2"}
    assert given["extraEnvVars"]["ML_LOOP_IDENTITY_POLICY"] == "/etc/ml-loop-identity/policy.json"
    mounted = {each["name"]: each["mountPath"] for each in given["extraVolumeMounts"]}
    assert mounted == {
        "database-ca": "/etc/postgresql",
        "identity-policy": "/etc/ml-loop-identity",
        "identity-counts": "/var/lib/ml-loop-identity",
        "api-token": "/var/run/secrets/kubernetes.io/serviceaccount",
    }
    assert {each["name"] for each in given["extraVolumes"]} == set(mounted)
    assert given["serviceAccount"] == {"create": False, "name": "mlflow"}


def test_the_image_has_the_command_that_the_chart_calls_first_in_its_path(recording: Recording, tmp_path: Path) -> None:
    folder, *others = values(recording)["extraEnvVars"]["PATH"].split(":")
    command = Path(versions.__file__).parent.parent / Path(folder).relative_to("/opt/app") / "mlflow"
    python = tmp_path / "python3"
    python.write_text('#!/bin/sh\nprintf "%s|" "$@"\n', encoding="utf-8")
    python.chmod(0o755)
    path = ":".join([str(command.parent), str(tmp_path), *others])
    told = subprocess.check_output(["mlflow", "server", "--a=b c"], env={"PATH": path}, text=True)
    assert told == "-m|mlflow|server|--a=b c|"


def test_another_guard_is_another_pod(recording: Recording) -> None:
    changed = recording.changed(delivered(guards={}))
    assert "Application spec.source.helm.valuesObject.extraVolumes" in changed


def test_every_variable_of_the_own_server_is_the_chart_s_too(recording: Recording, own: dict[str, Any]) -> None:
    given = values(recording)
    (container,) = own["spec"]["containers"]
    plain = {each["name"]: each["value"] for each in container["env"] if "value" in each and each["name"] not in BY_URI}
    assert {key: given["extraEnvVars"].get(key) for key in plain} == plain
    assert given["backendStore"]["existingDatabaseSecret"] == {
        "name": "db-app",
        "usernameKey": "username",
        "passwordKey": "password",
    }
    assert given["artifactRoot"]["s3"]["existingSecret"] == {
        "name": "s3",
        "keyOfAccessKeyId": "access-key-id",
        "keyOfSecretAccessKey": "secret-access-key",
    }
    assert given["extraSecretNamesForEnvFrom"] == ["mlflow-session"]


def test_a_role_instead_of_keys_names_no_secret_of_a_bucket() -> None:
    s3 = values(delivered(bucket=aws_bucket()))["artifactRoot"]["s3"]
    assert s3 == {"enabled": True, "bucket": "artifacts", "path": "artifacts"}


class Locked(Bucket):
    """A bucket that needs one more key."""

    @property
    def access(self) -> Access:
        return super().access + Access(env=[secret_env("BUCKET_TOKEN", "s3", "token")])


def test_a_variable_from_a_secret_that_the_chart_has_no_value_for_is_refused() -> None:
    message = "^the chart has no value for BUCKET_TOKEN: name the Secret's key like the variable$"
    with pytest.raises(ValueError, match=message):
        delivered(bucket=Locked(**vars(bucket())))


def test_the_session_s_key_is_in_its_secret_alone(recording: Recording) -> None:
    assert list(walk.revealed(recording, SECRET_TEXT)) == []


@pytest.mark.parametrize(
    "image",
    [
        f"registry.example.com:5000/mlflow@{DIGEST}",
        f"registry.example.com/mlflow:3.17.2@{DIGEST}",
        "example/mlflow:3.17.2",
    ],
)
def test_the_chart_s_parts_of_the_image_are_its_reference(image: str) -> None:
    parts = values(delivered(image=image))["image"]
    assert f"{parts['repository']}:{parts['tag']}" == image


def test_the_application_passes_the_policy_pack(recording: Recording) -> None:
    judged = walk.as_stack(recording)
    verdicts = [judge(rule, each, judged, (), date(2026, 1, 1)) for rule in RULES for each in judged.resources]
    assert [line for verdict in verdicts for line in verdict.violations + verdict.unknown] == []
    assert list(walk.unpinned(recording, IMAGES)) == []
    assert list(walk.idle_policies(recording)) == []


@pytest.mark.parametrize("context", ["podSecurityContext", "securityContext"])
def test_values_without_a_security_context_do_not_pass_it(context: str) -> None:
    recording = delivered()
    del values(recording)[context]
    judged = walk.as_stack(recording)
    application = next(each for each in judged.resources if each.kind == "argoproj.io/Application")
    messages = [line for rule in RULES for line in judge(rule, application, judged, (), date(2026, 1, 1)).violations]
    assert any(f"spec.source.helm.valuesObject.{context}" in message for message in messages)


def test_every_value_is_one_that_the_chart_knows(recording: Recording) -> None:
    known = Keys.read(versions.MLFLOW_CHART.name, versions.MLFLOW_CHART.version)
    assert list(known.unknown(values(recording))) == []
