"""What the operators' charts are told: what must hold of it, whatever else they are told."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

import versions
from components.platform import argo_workflows
from components.platform.cert_manager import NAMESPACE
from components.platform.knative import Knative
from components.platform.kserve import KServe, KServeArgs
from components.platform.operator import HAS_AUTHORITY, OperatorArgs
from policy.rule import Resource, Stack
from policy.rules.restricted import RESTRICTED_OPERATED_PODS
from settings import KServeMode
from tests.components.given import NATS_IMAGE, providers
from tests.components.table import station
from tests.program.mocks import Recording, record

OPERATORS = ("argo_events", "argo_workflows", "cert_manager", "cloudnativepg", "knative", "kserve")


def built(component: str) -> Recording:
    return record(lambda: station(f"platform.{component}"))


def values(component: str) -> dict[str, Any]:
    """What the operator's chart is told."""
    recording = built(component)
    (chart,) = (each for each in recording.of("Chart") if each.inputs.get("values"))
    return chart.inputs["values"]


def tables(tree: object) -> Iterator[Mapping[str, Any]]:
    """Every mapping of a tree of values, the tree itself included."""
    if isinstance(tree, Mapping):
        yield tree
    for inner in tree.values() if isinstance(tree, Mapping) else tree if isinstance(tree, list) else ():
        yield from tables(inner)


@pytest.mark.parametrize("component", OPERATORS)
def test_what_an_operator_takes_of_a_node_is_said_and_its_memory_bounded(component: str) -> None:
    for each in tables(values(component)):
        if "resources" in each:
            assert each["resources"]["requests"].keys() == {"cpu", "memory"}
            assert "memory" in each["resources"]["limits"]


@pytest.mark.parametrize("component", OPERATORS)
def test_of_an_operator_with_several_replicas_one_stays_while_a_node_is_drained(component: str) -> None:
    for each in tables(values(component)):
        replicas = each.get("replicas", each.get("replicaCount", 1))
        budget = each.get("pdb", each.get("podDisruptionBudget"))
        # CloudNativePG's chart has no value for one.
        if replicas > 1 and component != "cloudnativepg":
            assert budget["enabled"]
            assert 0 < budget["minAvailable"] < replicas


@pytest.mark.parametrize("component", OPERATORS)
def test_no_node_asks_a_registry_again_for_an_image_that_it_has(component: str) -> None:
    policies = {text for each in tables(values(component)) for key, text in each.items() if key.endswith("ullPolicy")}
    assert policies <= {"IfNotPresent"}


def test_workflows_run_in_the_loop_s_namespace_by_templates_alone_and_not_for_ever() -> None:
    controller = values("argo_workflows")["controller"]
    defaults = controller["workflowDefaults"]["spec"]
    assert controller["workflowNamespaces"] == ["loop"]
    assert controller["workflowRestrictions"] == {"templateReferencing": "Secure"}
    assert 0 < defaults["activeDeadlineSeconds"] <= 24 * 3600
    assert defaults["ttlStrategy"].keys() == {
        "secondsAfterSuccess",
        "secondsAfterFailure",
    }


def test_argo_workflows_serves_no_interface_and_makes_no_account() -> None:
    told = values("argo_workflows")
    assert told["server"] == {"enabled": False}
    assert told["workflow"] == {"serviceAccount": {"create": False}, "rbac": {"create": False}}


def test_the_bus_of_argo_events_runs_pinned_images_and_nothing_else_is_offered() -> None:
    configs = values("argo_events")["configs"]
    (server,) = configs["jetstream"]["versions"]
    assert server["version"] == versions.NATS.tag
    assert server["natsImage"] == NATS_IMAGE
    images = {server["metricsExporterImage"], server["configReloaderImage"]}
    assert images == {versions.NATS_EXPORTER.reference, versions.NATS_RELOADER.reference}
    # The controller ends without an entry of NATS Streaming; this one has no image behind it.
    (streaming,) = configs["nats"]["versions"]
    assert set(streaming.values()) == {"none"}


def test_argo_events_webhook_needs_no_capability_for_its_port() -> None:
    assert values("argo_events")["webhook"]["port"] > 1023


def test_cert_manager_elects_at_home_and_is_waited_for_without_a_hook() -> None:
    told = values("cert_manager")
    assert told["global"]["leaderElection"]["namespace"] == NAMESPACE
    assert told["startupapicheck"] == {"enabled": False}
    for kind in ("validating", "mutating"):
        assert told["webhook"][f"{kind}WebhookConfigurationAnnotations"] == HAS_AUTHORITY


def test_all_pods_of_knative_s_operator_say_their_seccomp_profile() -> None:
    told = values("knative")["knative_operator"]
    assert {each["securityContext"]["seccompProfile"]["type"] for each in told.values()} == {"RuntimeDefault"}


@pytest.mark.parametrize("mode", KServeMode)
def test_kserve_runs_in_the_mode_and_makes_routes_where_the_stack_makes_none(mode: KServeMode) -> None:
    recording = record(lambda: KServe("it", KServeArgs(install=True, mode=mode), providers()))
    controller = recording.inputs("Chart", "it-chart")["values"]["kserve"]["controller"]
    assert controller["deploymentMode"].lower() == mode.value
    # The controller looks for Knative's kinds when it starts: another mode must be another pod.
    assert mode.value in controller["podAnnotations"].values()
    assert controller["gateway"].get("disableIngressCreation", False) is (mode is KServeMode.STANDARD)
    assert controller["gateway"]["disableIstioVirtualHost"]


def test_what_kserve_puts_into_pods_is_restricted_and_gets_no_token() -> None:
    told = values("kserve")["kserve"]
    assert told["security"] == {"autoMountServiceAccountToken": False}
    context = told["storage"]["containerSecurityContext"]
    assert (context["runAsNonRoot"], context["privileged"], context["allowPrivilegeEscalation"]) == (True, False, False)
    assert (context["capabilities"], context["seccompProfile"]) == ({"drop": ["ALL"]}, {"type": "RuntimeDefault"})


def test_a_workflow_that_says_nothing_of_security_passes_restricted_with_the_values_and_only_with_them() -> None:
    told = values("argo_workflows")
    config = {key: told[key] for key in ("executor", "mainContainer")}
    config["workflowDefaults"] = told["controller"]["workflowDefaults"]
    template = {"name": "main", "container": {"image": "example.com/step:1.0", "command": ["true"]}}
    workflow = Resource(
        {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "WorkflowTemplate",
            "metadata": {"name": "bare", "namespace": "loop"},
            "spec": {"entrypoint": "main", "templates": [template]},
        }
    )

    def violations(options: Mapping[str, Any]) -> int:
        return len(list(RESTRICTED_OPERATED_PODS.check(workflow, Stack((workflow,), options=options))))

    assert violations({"argoWorkflowsController": config}) == 0
    assert violations({}) > 0


def test_knative_serving_is_pinned_private_and_secures_pods() -> None:
    recording = built("knative")
    serving = recording.inputs("KnativeServing")
    assert serving["metadata"]["annotations"] == {"pulumi.com/waitFor": "condition=Ready"}
    assert "it-chart" in recording.only("KnativeServing").depends_on
    spec = serving["spec"]
    assert spec["version"] == versions.KNATIVE_SERVING
    assert spec["high-availability"]["replicas"] > 1
    assert spec["ingress"] == {"kourier": {"enabled": True, "service-type": "ClusterIP"}}
    assert set(spec["registry"]["override"].values()) == {versions.ENVOY.reference}
    assert set(spec["config"]["features"].values()) == {"enabled"}
    assert {"secure-pod-defaults", "kubernetes.podspec-securitycontext"} <= spec["config"]["features"].keys()
    home = recording.inputs("Namespace", "it-serving-namespace-namespace")["metadata"]
    assert (home["name"], home["labels"]["pod-security.kubernetes.io/enforce"]) == ("knative-serving", "restricted")


def test_with_a_chart_mirror_knative_asks_docker_hub_for_no_digest() -> None:
    args = OperatorArgs(install=True, chart_mirror="oci://mirror.example/charts")
    config = record(lambda: Knative("it", args, providers())).inputs("KnativeServing")["spec"]["config"]
    skipped = {"registries-skipping-tag-resolving": "kind.local,ko.local,dev.local,index.docker.io"}
    assert config["deployment"] == skipped


def test_the_controller_of_workflows_watches_no_configuration_and_starts_anew_with_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    controller = values("argo_workflows")["controller"]
    assert {"name": "WATCH_CONTROLLER_SEMAPHORE_CONFIGMAPS", "value": "false"} in controller["extraEnv"]
    assert values("argo_workflows")["controller"]["podAnnotations"] == controller["podAnnotations"]
    monkeypatch.setattr(argo_workflows, "DAY", 1)
    assert values("argo_workflows")["controller"]["podAnnotations"] != controller["podAnnotations"]
