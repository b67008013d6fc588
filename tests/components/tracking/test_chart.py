"""What Helm makes of the Application's values, beside the server of our own."""

from typing import Any

import pytest

import versions
from tests.components.given import NAMESPACE
from tests.components.platform.chart_archive import Archive, archive
from tests.components.tracking.delivered import BY_URI, values
from tests.program.mocks import Recording

HELD_BY_CHART = ("PGHOST", "PGPORT", "PGDATABASE")
"""Variables of the chart's ConfigMap."""


@pytest.fixture(scope="module")
def chart() -> Archive:
    return archive(versions.MLFLOW_CHART.name, versions.MLFLOW_CHART.version)


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
