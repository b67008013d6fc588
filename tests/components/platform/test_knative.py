"""Models in Knative mode: what Knative refuses is not there, the graph splits, servers sleep without load."""

from dataclasses import replace
from typing import Any

import pytest

from components.serving.gateway import Gateway
from components.serving.serving import Serving
from components.serving.traffic_split import TrafficSplit, TrafficSplitArgs
from policy.rule import Resource, Stack
from policy.rules.restricted import RESTRICTED_OPERATED_PODS
from settings import KServeMode
from tests.components.arguments import gateway_args, serving_args
from tests.components.given import providers
from tests.program.mocks import Recording, record

KNATIVE_ALLOWS = {"runAsUser", "runAsGroup", "runAsNonRoot", "fsGroup", "seccompProfile"}
"""Of a pod's security context, with `podspec-securitycontext`: what its webhook lets pass of what the stack sets."""
SLOTS = ["production", "staging"]
HOST = "recommender.mlflow.svc.cluster.local"


def served(*, gateway: bool = True, canary: int = 10, urls: list[Any] | None = None, **changes: Any) -> Recording:
    def build() -> None:
        opts = providers()
        entrance = Gateway("models", gateway_args(), opts) if gateway else None
        args = replace(serving_args(), mode=KServeMode.KNATIVE, gateway=entrance, **changes)
        split = TrafficSplitArgs(gateway=entrance, serving=Serving("serving", args, opts), canary_percent=canary)
        url = TrafficSplit("it", split, opts).predict_url
        assert url is not None
        url.apply((urls if urls is not None else []).append)

    return record(build)


def steps(recording: Recording) -> dict[str, tuple[int, str]]:
    root = recording.inputs("InferenceGraph")["spec"]["nodes"]["root"]
    assert root["routerType"] == "Splitter"
    return {step["name"]: (step["weight"], step["serviceUrl"]) for step in root["steps"]}


@pytest.mark.parametrize("kind", ["InferenceService", "InferenceGraph"])
def test_each_object_says_its_mode_itself(kind: str) -> None:
    modes = {each.inputs["metadata"]["annotations"]["serving.kserve.io/deploymentMode"] for each in served().of(kind)}
    assert modes == {"Knative"}


@pytest.mark.parametrize("slot", SLOTS)
def test_another_mode_is_another_service_as_kserve_refuses_the_change(slot: str) -> None:
    service = served().only("InferenceService", f"serving-{slot}")
    assert service.replaced_by == ('metadata.annotations["serving.kserve.io/deploymentMode"]',)
    assert service.deleted_first


@pytest.mark.parametrize("slot", SLOTS)
def test_what_knative_refuses_in_a_pod_is_left_out(slot: str) -> None:
    predictor = served().inputs("InferenceService", f"serving-{slot}")["spec"]["predictor"]
    assert {"terminationGracePeriodSeconds", "deploymentStrategy"} & predictor.keys() == set()
    assert predictor["securityContext"].keys() == KNATIVE_ALLOWS


def test_the_graph_splits_by_weight_between_the_paths_of_the_model_s_own_name() -> None:
    path = "v1/models/recommender:predict"
    assert steps(served(canary=25)) == {
        "production": (75, f"http://recommender-production-predictor.mlflow.svc.cluster.local/{path}"),
        "staging": (25, f"http://recommender-staging-predictor.mlflow.svc.cluster.local/{path}"),
    }


def test_before_the_first_production_version_staging_answers_everything() -> None:
    assert {name: weight for name, (weight, _) in steps(served(in_production=False)).items()} == {"staging": 100}


def test_servers_and_router_sleep_without_load_where_the_settings_say_so() -> None:
    recording = served(min_replicas=0)
    assert [each.inputs["spec"]["predictor"]["minReplicas"] for each in recording.of("InferenceService")] == [0, 0]
    assert recording.inputs("InferenceGraph")["spec"]["minReplicas"] == 0


def test_the_gateway_leads_to_the_graph_by_its_host_name_and_to_predictions_alone() -> None:
    recording = served()
    (rule,) = recording.inputs("HTTPRoute")["spec"]["rules"]
    assert rule == {
        "matches": [{"path": {"type": "Exact", "value": "/v1/models/recommender:predict"}}],
        "filters": [
            {"type": "RequestHeaderModifier", "requestHeaderModifier": {"remove": ["X-Tenant", "X-User-Id"]}},
            {"type": "URLRewrite", "urlRewrite": {"hostname": HOST}},
        ],
        "backendRefs": [{"name": "kourier-internal", "namespace": "knative-serving", "port": 80}],
    }
    grant = recording.inputs("ReferenceGrant")
    assert (grant["metadata"]["namespace"], grant["metadata"]["name"]) == ("knative-serving", "mlflow-recommender")
    assert grant["spec"] == {
        "from": [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "namespace": "mlflow"}],
        "to": [{"group": "", "kind": "Service", "name": "kourier-internal"}],
    }


@pytest.mark.parametrize(("gateway", "base"), [(True, "http://192.0.2.1"), (False, f"http://{HOST}")])
def test_the_address_is_the_gateway_s_or_the_graph_s_own(gateway: bool, base: str) -> None:
    urls: list[Any] = []
    recording = served(gateway=gateway, urls=urls)
    assert urls == [f"{base}/v1/models/recommender:predict"]
    assert len(recording.of("HTTPRoute")) == len(recording.of("ReferenceGrant")) == int(gateway)


def test_servers_are_called_by_their_own_namespace_and_by_knative() -> None:
    knative = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "knative-serving"}}}
    ingress = served().inputs("NetworkPolicy", "serving-servers")["spec"]["ingress"]
    assert [(rule["from"], [port["port"] for port in rule["ports"]]) for rule in ingress] == [
        ([{"podSelector": {"matchLabels": {}}}], [8080]),
        ([knative], [8012, 8013, 8112, 9090]),
    ]


def test_the_router_reaches_knative_s_proxy_and_nothing_else() -> None:
    recording = served()
    policy = recording.inputs("NetworkPolicy", "it-router")["spec"]
    assert policy["podSelector"]["matchLabels"] == {"serving.kserve.io/inferencegraph": "recommender"}
    (rule,) = policy["egress"]
    assert rule["to"] == [
        {
            "podSelector": {"matchLabels": {"app": "3scale-kourier-gateway"}},
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "knative-serving"}},
        }
    ]
    assert "it-router" in recording.only("InferenceGraph").depends_on


def test_no_policy_of_the_servers_is_the_router_s_which_has_the_graph_s_labels() -> None:
    recording = served()
    labels = recording.inputs("InferenceGraph")["metadata"]["labels"]
    selected = recording.inputs("NetworkPolicy", "serving-servers")["spec"]["podSelector"]["matchLabels"]
    assert not selected.items() <= labels.items()


def test_the_router_passes_restricted_with_knative_s_secure_pod_defaults_and_only_with_them() -> None:
    graph = Resource(served().inputs("InferenceGraph"))
    knative = Resource(
        {
            "apiVersion": "operator.knative.dev/v1beta1",
            "kind": "KnativeServing",
            "metadata": {"name": "knative-serving", "namespace": "knative-serving"},
            "spec": {"config": {"features": {"secure-pod-defaults": "enabled"}}},
        }
    )
    assert list(RESTRICTED_OPERATED_PODS.check(graph, Stack((graph, knative)))) == []
    assert list(RESTRICTED_OPERATED_PODS.check(graph, Stack((graph,)))) != []
