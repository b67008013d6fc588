"""What becomes of policies before the kernel gets them; what it lets through is judged by packets in tests/e2e."""

from typing import Any

import pytest

from local.policies.peers import matches, surroundings
from local.policies.rules import held
from local.policies.table import script

Json = dict[str, Any]


def pod(name: str, address: str, **spec: Any) -> Json:
    return {
        "metadata": {"namespace": "shop", "name": name, "labels": {"app": name}},
        "spec": {"containers": [{"name": "main"}], **spec},
        "status": {"phase": "Running", "podIP": address},
    }


def policy(name: str, **spec: Any) -> Json:
    return {"metadata": {"namespace": "shop", "name": name}, "spec": {"podSelector": {}, **spec}}


NAMESPACES: list[Json] = [{"metadata": {"name": "shop"}}]
WEB = policy(
    "web",
    podSelector={"matchLabels": {"app": "web"}},
    policyTypes=["Ingress"],
    ingress=[{"from": [{"podSelector": {"matchLabels": {"app": "till"}}}], "ports": [{"port": 80}]}],
)
DENY = policy("deny", policyTypes=["Ingress"])


def test_the_same_objects_make_the_same_rules_in_whatever_order_they_come() -> None:
    pods = [pod("web", "10.0.0.2"), pod("till", "10.0.0.3")]
    one, other = (
        script(held(policies, surroundings(ordered, NAMESPACES)), [])
        for policies, ordered in (([WEB, DENY], pods), ([DENY, WEB], pods[::-1]))
    )
    assert one == other
    assert "ip saddr { 10.0.0.3 } tcp dport { 80 } return" in one


def test_pods_under_the_same_policies_share_their_rules() -> None:
    pods = [pod("till", "10.0.0.3"), pod("stock", "10.0.0.4"), pod("web", "10.0.0.2")]
    groups = held([WEB, DENY], surroundings(pods, NAMESPACES))
    assert [group.addresses for group in groups] == [("10.0.0.3", "10.0.0.4"), ("10.0.0.2",)]


def test_a_pod_in_the_node_s_network_is_nobody_s_peer() -> None:
    pods = [pod("web", "10.0.0.2"), pod("till", "10.0.0.1", hostNetwork=True)]
    (group,) = held([WEB], surroundings(pods, NAMESPACES))
    assert group.matches == ()


def test_a_pod_without_an_address_is_nobody_s_peer() -> None:
    waiting = pod("till", "10.0.0.3")
    del waiting["status"]["podIP"]
    assert surroundings([waiting], NAMESPACES).pods == ()


def test_a_selector_s_unknown_operator_is_an_error_and_no_match() -> None:
    with pytest.raises(ValueError, match="operator is 'Near'"):
        matches({"matchExpressions": [{"key": "app", "operator": "Near"}]}, {})
