"""The operators that charts install: pins, order, and what each chart would do wrong by itself."""

from collections.abc import Callable, Mapping
from typing import Any

import pulumi
import pytest
from pulumi import ResourceOptions, ResourceTransformArgs

from components.platform.argo_events import ArgoEvents, ArgoEventsArgs
from components.platform.argo_workflows import ArgoWorkflows, ArgoWorkflowsArgs
from components.platform.cert_manager import CertManager
from components.platform.knative import Knative
from components.platform.kserve import KServe, KServeArgs
from components.platform.operator import BROUGHT, OperatorArgs, await_authority, keep_definitions
from components.platform.operators import Operators, operators
from settings import KServeMode, Platform, Settings
from tests.components.given import NATS_IMAGE, providers, secret
from tests.components.table import station
from tests.program.mocks import Recording, record

ARGO = "https://argoproj.github.io/argo-helm"
KNATIVE = "https://knative.github.io/operator"
AUTHORITY = {"pulumi.com/waitFor": "jsonpath={.webhooks[0].clientConfig.caBundle}"}


def built(component: str) -> Recording:
    return record(lambda: station(f"platform.{component}"))


def chosen(settings: Mapping[str, Any], *, backups: bool = False) -> Operators:
    values = {
        "cluster": {"context": "my-cluster"},
        "namespace": "loop",
        "artifacts": {"kind": "aws-s3", "region": "eu-west-1"},
        "platform": settings,
        "tracking": {"postgres": {"backup": {}} if backups else {}},
        "trackingSecretKey": secret(),
    }
    return operators(Settings.model_validate(values), "loop", providers())


def platform(settings: Mapping[str, Any], *, backups: bool = False) -> Recording:
    return record(lambda: chosen(settings, backups=backups))


def test_databases_that_are_archived_bring_the_plugin_with_an_operator_of_ours_only() -> None:
    def charts(settings: Mapping[str, Any], *, backups: bool) -> set[str]:
        return {each.name for each in platform(settings, backups=backups).of("Chart")} & {"barman-cloud-chart"}

    assert charts({}, backups=True) == {"barman-cloud-chart"}
    assert charts({}, backups=False) == set()
    assert charts({"cloudNativePg": {"install": False}}, backups=True) == set()


def test_the_plugin_runs_beside_the_operator_after_it_and_after_cert_manager() -> None:
    recording = platform({}, backups=True)
    inputs = recording.inputs("Chart", "barman-cloud-chart")
    assert (inputs["chart"], inputs["version"], inputs["namespace"]) == ("plugin-barman-cloud", "0.7.0", "cnpg-system")
    assert {"cert-manager-chart", "cloudnative-pg-chart"} <= set(recording.only("BarmanCloud").depends_on)


def test_operator_and_plugin_reach_each_other_at_one_port() -> None:
    recording = platform({}, backups=True)
    plugin = {"podSelector": {"matchLabels": {"app.kubernetes.io/name": "plugin-barman-cloud"}}}
    operator = {"podSelector": {"matchLabels": {"app.kubernetes.io/name": "cloudnative-pg"}}}
    port = [{"port": 9090, "protocol": "TCP"}]
    inside = recording.inputs("NetworkPolicy", "barman-cloud-plugin")["spec"]
    assert inside["ingress"] == [{"from": [operator], "ports": port}]
    assert recording.inputs("NetworkPolicy", "barman-cloud-operator")["spec"]["egress"] == [
        {"to": [plugin], "ports": port}
    ]


@pytest.mark.parametrize(
    ("component", "name", "chart", "namespace"),
    [
        ("argo_workflows", "it-chart", ("argo-workflows", "1.0.18", ARGO), "argo"),
        ("argo_events", "it-chart", ("argo-events", "2.4.22", ARGO), "argo-events"),
        ("cert_manager", "it-chart", ("cert-manager", "v1.21.1", "https://charts.jetstack.io"), "cert-manager"),
        ("knative", "it-chart", ("knative-operator", "v1.23.0", KNATIVE), "knative-operator"),
        ("kserve", "it-definitions", ("oci://ghcr.io/kserve/charts/kserve-crd", "v0.20.0", None), "kserve"),
        ("kserve", "it-chart", ("oci://ghcr.io/kserve/charts/kserve-resources", "v0.20.0", None), "kserve"),
    ],
)
def test_the_chart_is_the_pinned_one_in_a_restricted_namespace(
    component: str, name: str, chart: tuple[str, str, str | None], namespace: str
) -> None:
    recording = built(component)
    inputs = recording.inputs("Chart", name)
    assert (inputs["chart"], inputs["version"], inputs.get("repositoryOpts", {}).get("repo")) == chart
    assert inputs["namespace"] == namespace
    home = recording.inputs("Namespace", "it-namespace-namespace")["metadata"]
    assert (home["name"], home["labels"]["pod-security.kubernetes.io/enforce"]) == (namespace, "restricted")
    assert "it-namespace-namespace" in recording.only("Chart", name).depends_on


@pytest.mark.parametrize(
    ("component", "port"),
    [("argo_workflows", None), ("argo_events", 8443), ("cert_manager", 10250), ("knative", 8443), ("kserve", 9443)],
)
def test_an_operator_reaches_the_api_server_which_reaches_its_webhook_and_nothing_else(
    component: str, port: int | None
) -> None:
    spec = built(component).inputs("NetworkPolicy", "it-operator")["spec"]
    assert spec["egress"] == [{"ports": [{"port": 443, "protocol": "TCP"}, {"port": 6443, "protocol": "TCP"}]}]
    assert spec.get("ingress") == (None if port is None else [{"ports": [{"port": port, "protocol": "TCP"}]}])


ABSENT: Mapping[str, Callable[[ResourceOptions], object]] = {
    "argo_workflows": lambda opts: ArgoWorkflows(
        "it", ArgoWorkflowsArgs(install=False, workflow_namespace="loop"), opts
    ),
    "argo_events": lambda opts: ArgoEvents("it", ArgoEventsArgs(install=False, nats_image=NATS_IMAGE), opts),
    "cert_manager": lambda opts: CertManager("it", OperatorArgs(install=False), opts),
    "knative": lambda opts: Knative("it", OperatorArgs(install=False), opts),
    "kserve": lambda opts: KServe("it", KServeArgs(install=False, mode=KServeMode.STANDARD), opts),
}


@pytest.mark.parametrize("component", ABSENT)
def test_an_operator_that_is_there_already_is_left_alone(component: str) -> None:
    recording = record(lambda: ABSENT[component](providers()))
    (found,) = [each for each in recording.resources if not each.type.startswith("pulumi:providers:")]
    assert found.outputs == {"version": BROUGHT}


@pytest.mark.parametrize("component", ["argo_workflows", "argo_events", "cert_manager"])
def test_charts_that_keep_their_crds_are_told_to(component: str) -> None:
    chart = built(component).only("Chart")
    assert chart.inputs["values"]["crds"]["keep"] is True
    assert chart.transforms == ()


@pytest.mark.parametrize(("component", "chart"), [("knative", "it-chart"), ("kserve", "it-definitions")])
def test_charts_that_would_take_their_crds_along_are_kept_from_it(component: str, chart: str) -> None:
    assert built(component).only("Chart", chart).transforms == (keep_definitions,)


def transformed(transform: pulumi.ResourceTransform, type_: str, metadata: Mapping[str, Any]) -> Any:
    args = ResourceTransformArgs(True, type_, "it", {"metadata": metadata}, ResourceOptions())
    return transform(args)


def test_a_kept_crd_stays_in_the_cluster_with_what_it_says_already() -> None:
    crd = "kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition"
    result = transformed(keep_definitions, crd, {"name": "x", "annotations": {"a": "b"}})
    annotations = {"a": "b", "helm.sh/resource-policy": "keep"}
    assert result.props == {"metadata": {"name": "x", "annotations": annotations}}
    assert result.opts.retain_on_delete is True


def test_other_objects_of_the_chart_go_with_it() -> None:
    assert transformed(keep_definitions, "kubernetes:apps/v1:Deployment", {"name": "x"}) is None


def test_kserve_s_mutating_webhooks_count_as_created_once_they_have_their_authority() -> None:
    kind = "kubernetes:admissionregistration.k8s.io/v1:MutatingWebhookConfiguration"
    result = transformed(await_authority, kind, {"name": "x"})
    assert result.props == {"metadata": {"name": "x", "annotations": AUTHORITY}}
    assert built("kserve").only("Chart", "it-chart").transforms == (await_authority,)


@pytest.mark.parametrize("kind", ["admissionregistration.k8s.io/v1:ValidatingWebhookConfiguration", "core/v1:Service"])
def test_no_other_object_of_kserve_s_holds_a_place_that_its_certificate_needs(kind: str) -> None:
    assert transformed(await_authority, f"kubernetes:{kind}", {"name": "x"}) is None


def test_kserve_s_controller_starts_after_its_crds() -> None:
    assert "it-definitions" in built("kserve").only("Chart", "it-chart").depends_on


def test_outside_its_namespace_knative_is_reached_at_webhook_and_gateway_only() -> None:
    policies = built("knative").of("NetworkPolicy")
    open_to_all = {
        policy.name: [port["port"] for rule in policy.inputs["spec"].get("ingress", []) for port in rule["ports"]]
        for policy in policies
        if any("from" not in rule for rule in policy.inputs["spec"].get("ingress", []))
    }
    assert open_to_all == {"it-operator": [8443], "it-webhook": [8443], "it-gateway": [8080, 8081, 8443]}


def test_kserve_comes_after_cert_manager_and_knative() -> None:
    recording = platform({"knative": {}, "kserve": {"mode": "knative"}})
    assert {"cert-manager-chart", "knative-serving"} <= set(recording.only("KServe").depends_on)
    assert {"cert-manager-chart"} <= set(platform({}).only("KServe").depends_on)


CHARTS = {
    "argoWorkflows": {"argo-workflows-chart"},
    "argoEvents": {"argo-events-chart"},
    "certManager": {"cert-manager-chart"},
    "knative": {"knative-chart"},
    "kserve": {"kserve-definitions", "kserve-chart"},
    "cloudNativePg": {"cloudnative-pg-chart"},
}


@pytest.mark.parametrize("operator", CHARTS)
def test_install_true_is_honored_for_each_operator_alone(operator: str) -> None:
    settings = {key: {"install": key == operator} for key in CHARTS}
    assert {each.name for each in platform(settings).of("Chart")} == CHARTS[operator]


def test_every_operator_of_the_settings_is_one_of_these() -> None:
    aliases = {field.alias for field in Platform.model_fields.values()}
    assert aliases == {*CHARTS, "check", "chartMirror", "imageRegistry"}


def test_a_mirror_replaces_every_chart_s_repository() -> None:
    recording = platform({"knative": {}, "chartMirror": "oci://mirror.example/charts"})
    locations = [each.inputs["chart"] for each in recording.of("Chart")]
    assert len(locations) == 7
    assert all(location.startswith("oci://mirror.example/charts/") for location in locations)


def versions_of(settings: Mapping[str, object], *, backups: bool = False) -> dict[str, str]:
    versions: dict[str, str] = {}
    record(lambda: versions.update(chosen(settings, backups=backups).versions))
    return versions


@pytest.mark.parametrize(
    ("installed", "backups", "told"),
    [
        ((), False, "not used"),
        ((), True, "not used"),
        (("kserve",), False, BROUGHT),
        (("cloudNativePg",), False, "not used"),
        (("cloudNativePg",), True, BROUGHT),
        (("certManager",), False, "cert-manager v1.21.1"),
    ],
)
def test_a_cert_manager_that_nothing_of_ours_asks_is_not_used(
    installed: tuple[str, ...], backups: bool, told: str
) -> None:
    settings = {key: {"install": key in installed} for key in ("certManager", "kserve", "cloudNativePg")}
    assert versions_of(settings, backups=backups)["certManager"] == told


def test_the_versions_name_what_is_installed_brought_and_not_used() -> None:
    assert versions_of({"argoEvents": {"install": False}}) == {
        "argoWorkflows": "argo-workflows 1.0.18",
        "argoEvents": BROUGHT,
        "certManager": "cert-manager v1.21.1",
        "knative": "not used",
        "kserve": "kserve-resources v0.20.0",
        "cloudNativePg": "cloudnative-pg 0.29.0",
        "barmanCloud": "not used",
    }
