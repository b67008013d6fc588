"""The database's operator, and charts in general."""

from dataclasses import replace

import pytest
from pulumi import ResourceOptions

import versions
from components.kit.chart import chart
from components.platform.cloudnativepg import CloudNativePg
from components.platform.operator import BROUGHT, OperatorArgs
from tests.components.given import providers
from tests.program.mocks import Recording, record


def build(args: OperatorArgs) -> Recording:
    return record(lambda: CloudNativePg("it", args, providers()))


def test_an_operator_that_is_there_already_is_left_alone() -> None:
    recording = build(OperatorArgs(install=False))
    components = [resource for resource in recording.resources if not resource.type.startswith("pulumi:providers:")]
    assert [resource.name for resource in components] == ["it"]
    assert components[0].outputs == {"version": BROUGHT}


def test_the_chart_is_the_pinned_one_in_a_restricted_namespace() -> None:
    recording = build(OperatorArgs(install=True))
    chart = recording.inputs("Chart")
    assert (chart["chart"], chart["version"], chart["namespace"]) == ("cloudnative-pg", "0.29.0", "cnpg-system")
    assert chart["repositoryOpts"] == {"repo": "https://cloudnative-pg.github.io/charts"}
    assert recording.inputs("Namespace")["metadata"]["name"] == "cnpg-system"
    assert "it-namespace-namespace" in recording.only("Chart").depends_on
    assert recording.only("CloudNativePg").outputs == {"version": "cloudnative-pg 0.29.0"}


def test_the_operator_reaches_databases_in_every_namespace_and_no_other_pod() -> None:
    egress = build(OperatorArgs(install=True)).inputs("NetworkPolicy", "it-operator")["spec"]["egress"]
    databases = {"matchExpressions": [{"key": "cnpg.io/cluster", "operator": "Exists"}]}
    api, instances = egress
    assert (api.get("to"), [port["port"] for port in api["ports"]]) == (None, [443, 6443])
    assert instances["to"] == [{"namespaceSelector": {}, "podSelector": databases}]
    assert [port["port"] for port in instances["ports"]] == [5432, 8000]


@pytest.mark.parametrize(
    ("mirror", "location"),
    [
        ("oci://mirror.example/charts", "oci://mirror.example/charts/cloudnative-pg"),
        ("./charts", "./charts/cloudnative-pg-0.29.0.tgz"),
    ],
)
def test_a_mirror_replaces_the_chart_s_repository(mirror: str, location: str) -> None:
    inputs = build(OperatorArgs(install=True, chart_mirror=mirror)).inputs("Chart")
    assert inputs["chart"] == location
    assert "repositoryOpts" not in inputs


def test_a_chart_from_an_oci_registry_is_named_with_its_folder() -> None:
    pin = replace(versions.CLOUDNATIVE_PG, repository="oci://registry.example/charts")
    recording = record(lambda: chart("it", pin, namespace="ns", values={}, opts=ResourceOptions()))
    assert recording.inputs("Chart")["chart"] == "oci://registry.example/charts/cloudnative-pg"
