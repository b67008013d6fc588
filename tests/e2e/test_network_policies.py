"""What the node lets through, by packets: in a network like its own, and in the cluster that runs."""

import subprocess
from collections.abc import Iterator

import pytest

from local import stack
from local.node.node import Node
from local.policies.table import REFUSED, TABLE
from tests.e2e.pod_network import EVERY_CALL, PODS, PodCall, PodNetwork, every_namespace, pod
from tests.e2e.policy_cases import CASES, PolicyCase, Refused, ns, only, pods, policy, to_a
from tests.e2e.station import NAMESPACE, Station
from tests.e2e.store import LOOP

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def network() -> Iterator[PodNetwork]:
    with PodNetwork() as network:
        yield network


def let_through(refused: Refused) -> frozenset[PodCall]:
    """The node reaches every pod, and each pod itself, whatever is in force."""
    return frozenset(call for call in EVERY_CALL if call.caller in ("node", call.called) or not refused(call))


def differing(network: PodNetwork, expected: frozenset[PodCall]) -> list[PodCall]:
    return sorted(network.answered(expected) ^ expected)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_calls_are_answered_that_the_policies_allow_and_no_others(network: PodNetwork, case: PolicyCase) -> None:
    network.hold(*case.policies)
    assert differing(network, let_through(case.refused)) == []


def test_what_is_taken_back_is_free_again(network: PodNetwork) -> None:
    network.hold(policy("x", policyTypes=["Ingress", "Egress"]))
    network.hold()
    assert differing(network, EVERY_CALL) == []


def test_another_label_changes_who_may_call(network: PodNetwork) -> None:
    moved = [pod(each, **({"pod": "b"} if each == "x/c" else {})) for each in PODS]
    network.hold(to_a(pods("b")), pods=moved)
    assert differing(network, let_through(only("x/b", "x/c"))) == []
    network.hold(to_a(ns("other")), namespaces=every_namespace(y={"ns": "other"}))
    assert differing(network, let_through(only("y/a", "y/b", "y/c"))) == []


def test_an_ended_pod_s_address_counts_no_more(network: PodNetwork) -> None:
    ended = pod("x/b")
    ended["status"]["phase"] = "Succeeded"
    network.hold(to_a(pods("b")), pods=[ended, *(pod(each) for each in PODS if each != "x/b")])
    assert differing(network, let_through(only())) == []


@pytest.fixture
def as_the_stack_says(station: Station) -> Iterator[Node]:
    """The node, which keeps policies again or no more, as before."""
    node = Node(station.paths)
    yield node
    (node.keep_policies if stack.enforces_policies("local") else node.forget_policies)()


def test_the_cluster_s_own_pods_reach_what_they_may_and_nothing_else(station: Station, as_the_stack_says: Node) -> None:
    instances = station.objects("pods", "-n", NAMESPACE, "-l", "cnpg.io/cluster=mlflow-db")
    database = instances[0]["status"]["podIP"]
    as_the_stack_says.keep_policies()
    assert connects(station, NAMESPACE, "deploy/mlflow", database)
    assert not connects(station, LOOP, "deploy/recommender-drift", database)
    refused = subprocess.run(["nft", "list", "set", "ip", TABLE, REFUSED], capture_output=True, text=True, check=True)
    assert f". {database} . tcp . 5432 " in refused.stdout
    as_the_stack_says.forget_policies()
    assert connects(station, LOOP, "deploy/recommender-drift", database)


def connects(station: Station, namespace: str, pod: str, address: str) -> bool:
    """Whether a pod gets a connection to Postgres at an address."""
    code = f"import socket; s = socket.socket(); s.settimeout(3); print(s.connect_ex(('{address}', 5432)))"
    return station.kubectl("exec", "-n", namespace, pod, "--", "python3", "-c", code).strip() == "0"
