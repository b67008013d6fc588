"""The restricted namespace."""

import pytest

from components.kit.namespace import RestrictedNamespace, RestrictedNamespaceArgs
from policy.pod_security import PINNED_VERSION
from tests.components.given import providers
from tests.program.mocks import Recording, record


@pytest.fixture(scope="module")
def recording() -> Recording:
    return record(lambda: RestrictedNamespace("it", RestrictedNamespaceArgs(namespace="loop"), providers()))


@pytest.mark.parametrize("mode", ["enforce", "audit", "warn"])
def test_each_mode_of_pod_security_is_restricted_at_the_pinned_version(recording: Recording, mode: str) -> None:
    labels = recording.inputs("Namespace")["metadata"]["labels"]
    assert labels[f"pod-security.kubernetes.io/{mode}"] == "restricted"
    assert labels[f"pod-security.kubernetes.io/{mode}-version"] == PINNED_VERSION


def test_pods_may_neither_call_nor_be_called_unless_a_policy_says_so(recording: Recording) -> None:
    spec = recording.inputs("NetworkPolicy", "it-default-deny")["spec"]
    assert spec == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_all_pods_may_ask_the_cluster_s_dns_and_nothing_else_in_kube_system(recording: Recording) -> None:
    spec = recording.inputs("NetworkPolicy", "it-allow-dns")["spec"]
    dns = {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
        "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
    }
    assert spec["podSelector"] == {}
    assert spec["policyTypes"] == ["Egress"]
    assert spec["egress"][0] == {"to": [dns]}


def test_dns_on_the_node_is_reached_and_the_cloud_s_metadata_beside_it_is_not(recording: Recording) -> None:
    # The metadata service answers at 169.254.169.254 and fd00:ec2::254, by HTTP.
    (_, on_the_node) = recording.inputs("NetworkPolicy", "it-allow-dns")["spec"]["egress"]
    assert on_the_node["ports"] == [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]
    assert [peer["ipBlock"]["cidr"] for peer in on_the_node["to"]] == ["169.254.0.0/16", "fe80::/10"]


def test_containers_without_limits_get_some(recording: Recording) -> None:
    (limit,) = recording.inputs("LimitRange")["spec"]["limits"]
    assert limit == {
        "type": "Container",
        "defaultRequest": {"cpu": "50m", "memory": "64Mi"},
        "default": {"memory": "2Gi"},
    }


def test_what_is_in_the_namespace_comes_after_it(recording: Recording) -> None:
    for kind in ("NetworkPolicy", "LimitRange"):
        assert all("it-namespace" in resource.depends_on for resource in recording.of(kind))


def test_the_name_that_others_use_is_the_namespace_s(recording: Recording) -> None:
    assert recording.only("RestrictedNamespace").outputs == {"name": "loop"}
