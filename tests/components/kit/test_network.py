"""NetworkPolicies."""

import pytest
from pulumi import ResourceOptions

from components.kit.network import ANYWHERE, Allowance, allow, namespaced, pods
from tests.program.mocks import record

SELECTOR = {"app": "server"}


def test_no_peer_is_refused_as_kubernetes_would_let_everyone_in() -> None:
    with pytest.raises(ValueError, match=r"^peers is \(\), which Kubernetes reads as everyone: name at least one peer"):
        Allowance(ports=(80,), peers=())


def test_a_rule_for_anywhere_names_ports_and_no_peer() -> None:
    recording = record(
        lambda: allow(
            "it",
            namespace="ns",
            selector=SELECTOR,
            ingress=[Allowance(ports=(80, 443), peers=ANYWHERE)],
            opts=ResourceOptions(),
        )
    )
    ports = [{"port": 80, "protocol": "TCP"}, {"port": 443, "protocol": "TCP"}]
    assert recording.inputs("NetworkPolicy")["spec"] == {
        "podSelector": {"matchLabels": SELECTOR},
        "policyTypes": ["Ingress"],
        "ingress": [{"ports": ports}],
    }


def test_a_policy_without_ingress_rules_leaves_ingress_to_other_policies() -> None:
    egress = [Allowance(ports=(80,), peers=(pods({"app": "db"}), pods({"app": "api"}, "other"), namespaced("third")))]
    recording = record(lambda: allow("it", namespace="ns", selector=SELECTOR, egress=egress, opts=ResourceOptions()))
    spec = recording.inputs("NetworkPolicy")["spec"]
    assert spec["policyTypes"] == ["Egress"]
    assert spec["egress"][0]["to"] == [
        {"podSelector": {"matchLabels": {"app": "db"}}},
        {
            "podSelector": {"matchLabels": {"app": "api"}},
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "other"}},
        },
        {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "third"}}},
    ]
