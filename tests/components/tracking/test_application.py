"""MLflow by way of Argo CD: what the Application asks for, and what Helm makes of it."""

import subprocess
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

import versions
from components.kit.access import Access
from components.kit.connections import Bucket
from components.kit.namespace import RestrictedNamespace, RestrictedNamespaceArgs
from components.kit.pod import secret_env
from components.tracking.application import ArgoCdTarget
from components.tracking.mlflow import Mlflow, MlflowArgs
from policy.rules import RULES
from policy.verdict import judge
from tests.charts.keys import Keys
from tests.components import walk
from tests.components.platform.chart_archive import Archive, archive
from tests.components.table import (
    DIGEST,
    IMAGES,
    NAMESPACE,
    SECRET_TEXT,
    aws_bucket,
    bucket,
    mlflow_args,
    providers,
)
from tests.program.mocks import Recording, record

BY_URI = ("MLFLOW_BACKEND_STORE_URI", "ARTIFACTS_DESTINATION")
"""Variables of our command, which the chart's has the values of."""
HELD_BY_CHART = ("PGHOST", "PGPORT", "PGDATABASE")
"""Variables of the chart's ConfigMap."""


def build(args: MlflowArgs) -> Recording:
    def program() -> None:
        opts = providers()
        RestrictedNamespace("home", RestrictedNamespaceArgs(namespace=NAMESPACE), opts)
        Mlflow("mlflow", args, opts)

    return record(program)


def delivered(**changes: Any) -> Recording:
    return build(replace(mlflow_args(), **{"argo_cd": ArgoCdTarget(), **changes}))


@pytest.fixture(scope="module")
def recording() -> Recording:
    return delivered()


@pytest.fixture(scope="module")
def own() -> dict[str, Any]:
    """The pod template of our own Deployment."""
    return build(mlflow_args()).inputs("Deployment")["spec"]["template"]


def source(recording: Recording) -> dict[str, Any]:
    return recording.inputs("Application")["spec"]["source"]


def values(recording: Recording) -> dict[str, Any]:
    return source(recording)["helm"]["valuesObject"]


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


@pytest.fixture(scope="module")
def chart() -> Archive:
    return archive(versions.MLFLOW_CHART.name, versions.MLFLOW_CHART.version)


def test_every_value_is_one_that_the_chart_knows(recording: Recording) -> None:
    known = Keys.read(versions.MLFLOW_CHART.name, versions.MLFLOW_CHART.version)
    assert list(known.unknown(values(recording))) == []


@pytest.fixture(scope="module")
def rendered(recording: Recording, chart: Archive) -> dict[str, dict[str, Any]]:
    """What the chart makes: kind and name → object."""
    objects = chart.render("mlflow", NAMESPACE, values(recording))
    return {f"{each.manifest['kind']} {each.manifest['metadata']['name']}": dict(each.manifest) for each in objects}


def test_the_chart_makes_no_object_that_pulumi_makes(rendered: dict[str, dict[str, Any]]) -> None:
    assert set(rendered) == {
        "ConfigMap mlflow-server-env-configmap",
        "Deployment mlflow-server",
        "Secret mlflow-server-env-secret",
        "Service mlflow-server",
    }
    assert rendered["Secret mlflow-server-env-secret"].get("data") is None


def test_the_chart_s_pod_is_the_own_server_s_but_for_what_it_has_no_value_for(
    rendered: dict[str, dict[str, Any]], own: dict[str, Any]
) -> None:
    deployment = rendered["Deployment mlflow-server"]["spec"]
    template = deployment["template"]
    assert deployment["selector"]["matchLabels"].items() <= template["metadata"]["labels"].items()
    assert own["metadata"]["labels"].items() <= template["metadata"]["labels"].items()
    assert own["metadata"]["annotations"].items() <= template["metadata"]["annotations"].items()
    pod, (container,) = template["spec"], template["spec"]["containers"]
    (ours,) = own["spec"]["containers"]
    for key in ("securityContext", "serviceAccountName", "affinity"):
        assert pod[key] == own["spec"][key]
    for key in ("image", "imagePullPolicy", "resources"):
        assert container[key] == ours[key]
    assert ours["securityContext"].items() <= container["securityContext"].items()
    for named, other in ((pod["volumes"], own["spec"]["volumes"]), (container["volumeMounts"], ours["volumeMounts"])):
        assert [each for each in named if each["name"] != "api-token"] == other
    assert "initContainers" not in pod


def test_the_chart_s_server_gets_the_own_server_s_variables_and_options(
    rendered: dict[str, dict[str, Any]], own: dict[str, Any]
) -> None:
    (container,) = rendered["Deployment mlflow-server"]["spec"]["template"]["spec"]["containers"]
    (ours,) = own["spec"]["containers"]
    given = {each["name"]: each for each in container["env"]}
    wanted = {each["name"]: each for each in ours["env"] if each["name"] not in BY_URI}
    session = wanted.pop("MLFLOW_FLASK_SERVER_SECRET_KEY")["valueFrom"]["secretKeyRef"]["name"]
    assert {name: given.get(name) for name in wanted} == wanted
    assert container["envFrom"][-1] == {"secretRef": {"name": session}}
    held = rendered["ConfigMap mlflow-server-env-configmap"]["data"]
    assert {key: held[key] for key in HELD_BY_CHART} == {
        "PGHOST": "db-rw.mlflow.svc.cluster.local",
        "PGPORT": "5432",
        "PGDATABASE": "mlflow",
    }
    assert container["command"] == ["mlflow"]
    assert {
        "server",
        "--app-name=ml-loop-identity",
        "--host=0.0.0.0",
        "--port=5000",
        "--workers=2",
        "--backend-store-uri=postgresql+psycopg2://",
        "--artifacts-destination=s3://artifacts/artifacts",
        "--serve-artifacts",
    } <= set(container["args"])


def test_the_service_of_pulumi_finds_the_chart_s_pods(
    recording: Recording, rendered: dict[str, dict[str, Any]]
) -> None:
    service = recording.inputs("Service")["spec"]
    template = rendered["Deployment mlflow-server"]["spec"]["template"]
    assert service["selector"].items() <= template["metadata"]["labels"].items()
    (container,) = template["spec"]["containers"]
    ports = {each["name"]: each["containerPort"] for each in container["ports"]}
    assert ports[service["ports"][0]["targetPort"]] == 5000


@pytest.mark.parametrize("probe", ["readinessProbe", "livenessProbe"])
def test_the_chart_s_probes_ask_as_often_as_the_own_ones(
    rendered: dict[str, dict[str, Any]], own: dict[str, Any], probe: str
) -> None:
    (container,) = rendered["Deployment mlflow-server"]["spec"]["template"]["spec"]["containers"]
    (ours,) = own["spec"]["containers"]
    start = ours["startupProbe"]["periodSeconds"] * ours["startupProbe"]["failureThreshold"]
    after = {"readinessProbe": 0, "livenessProbe": start}[probe]
    assert container[probe] == {"failureThreshold": 3, **ours[probe], "initialDelaySeconds": after}
