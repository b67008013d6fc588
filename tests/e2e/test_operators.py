"""Each operator of the built-in cluster does its smallest job, in a namespace that enforces Pod Security restricted.

Needs the running cluster (`make up`). Everything is made in one namespace, which is deleted afterwards.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from local.node.config import NODE
from local.operators.operator import apply, container_security, namespace, pod_security
from tests.e2e.operated_cluster import (
    Cluster,
    Manifest,
    account,
    answers,
    bus,
    events,
    finished,
    reach,
    serve,
    template,
    until,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    it = Cluster()
    apply(it.node, [namespace(it.namespace)])
    yield it
    it.kubectl("delete", "namespace", it.namespace, "--wait=false")


def test_a_workflow_from_a_template_passes_parameters_on_in_restricted_pods(cluster: Cluster) -> None:
    results = {"apiGroups": ["argoproj.io"], "resources": ["workflowtaskresults"], "verbs": ["create", "patch"]}
    cluster.apply(*account("worker", results), template(cluster))
    cluster.apply(
        {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Workflow",
            "metadata": {"name": "quadruple"},
            "spec": {"workflowTemplateRef": {"name": "quadruple"}},
        }
    )
    status = until(lambda: finished(cluster, "quadruple"), "the workflow ends")["status"]
    assert status["phase"] == "Succeeded", status.get("message")
    outputs = {node["displayName"]: node.get("outputs", {}).get("parameters") for node in status["nodes"].values()}
    assert outputs["quadruple"] == [{"name": "n", "value": "20"}]


def test_a_workflow_that_brings_its_own_templates_is_refused(cluster: Cluster) -> None:
    spec = template(cluster)["spec"]
    cluster.apply(
        {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"name": "inline"}, "spec": spec}
    )
    status = until(lambda: finished(cluster, "inline"), "the workflow ends")["status"]
    assert status["phase"] == "Error"
    assert (
        status["message"]
        == "workflows must use workflowTemplateRef to be executed when the controller is in reference mode"
    )


def test_an_inference_service_answers_through_its_service(cluster: Cluster) -> None:
    serve(cluster, "first")
    address = cluster.get("service", "first-predictor")["spec"]["clusterIP"]
    reach(address, "first", "200 first")
    assert cluster.get("inferenceservice", "first")["status"]["deploymentMode"] == "Standard"


def test_a_route_splits_a_thousand_requests_by_weight(cluster: Cluster) -> None:
    serve(cluster, "first", "second")
    api = "gateway.networking.k8s.io/v1"
    listener = {"name": "http", "port": 80, "protocol": "HTTP"}
    backends = [{"name": f"{name}-predictor", "port": 80, "weight": w} for name, w in (("first", 90), ("second", 10))]
    route = {"parentRefs": [{"name": "edge"}], "hostnames": ["split.test"], "rules": [{"backendRefs": backends}]}
    cluster.apply(
        {
            "apiVersion": api,
            "kind": "Gateway",
            "metadata": {"name": "edge"},
            "spec": {"gatewayClassName": "traefik", "listeners": [listener]},
        },
        {"apiVersion": api, "kind": "HTTPRoute", "metadata": {"name": "split"}, "spec": route},
    )
    cluster.kubectl("wait", "gateway", "edge", "--for=condition=Programmed", "--timeout=60s")
    address = cluster.get("gateway", "edge")["status"]["addresses"][0]["value"]
    reach(address, "split.test", "200 first")
    told = answers(address, "split.test", requests=1000)
    assert told.keys() == {"200 first", "200 second"}
    assert 880 <= told["200 first"] <= 920
    assert answers(address, "other.test", requests=1).keys() == {"404 404 page not found\n"}


def test_an_event_travels_from_source_over_the_bus_to_a_sensor_that_makes_an_object(
    cluster: Cluster, tmp_path: Path
) -> None:
    restricted = {"securityContext": pod_security(), "container": {"securityContext": container_security()}}
    configmap = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "made-by-the-sensor"},
        "data": {"at": ""},
    }
    copy = {"src": {"dependencyName": "tick", "dataKey": "eventTime"}, "dest": "data.at"}
    create = {"operation": "create", "source": {"resource": configmap}, "parameters": [copy]}
    sensor = {
        "template": restricted | {"serviceAccountName": "sensor"},
        "dependencies": [{"name": "tick", "eventSourceName": "clock", "eventName": "tick"}],
        "triggers": [{"template": {"name": "make", "k8s": create}}],
    }
    cluster.apply(*bus(cluster, tmp_path))
    cluster.kubectl("rollout", "status", "deployment/nats", "--timeout=60s")
    cluster.apply(
        *account("sensor", {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["create"]}),
        events("EventSource", "clock", {"template": restricted, "calendar": {"tick": {"interval": "1s"}}}),
        events("Sensor", "maker", sensor),
    )

    def made() -> Manifest | None:
        listed = json.loads(cluster.kubectl("get", "configmaps", "-o", "json"))["items"]
        return next((item for item in listed if item["metadata"]["name"] == "made-by-the-sensor"), None)

    assert until(made, "the sensor makes an object")["data"]["at"]


def test_the_metrics_server_tells_what_the_node_and_the_pods_on_it_use(cluster: Cluster) -> None:
    assert NODE in cluster.kubectl("top", "node")
    assert "metrics-server" in cluster.kubectl("top", "pod", "--namespace=kube-system")
