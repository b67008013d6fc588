"""Cases of Kubernetes' conformance tests of network plugins (test/e2e/network/netpol), and a few of ours."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tests.e2e.pod_network import PODS, PodCall

Json = dict[str, Any]
Refused = Callable[[PodCall], bool]
"""Whether a call is refused; not asked of the node's calls, nor of a pod's to itself."""


@dataclass(frozen=True, kw_only=True)
class PolicyCase:
    policies: tuple[Json, ...]
    refused: Refused


def policy(namespace: str, **spec: Any) -> Json:
    """`name` is one of them where a case has several."""
    return {"metadata": {"namespace": namespace, "name": spec.pop("name", "it")}, "spec": {"podSelector": {}, **spec}}


def to_a(*sources: Json, ports: list[Json] | None = None, name: str = "it") -> Json:
    """Lets sources call x/a, and nobody else; no source is everyone."""
    rule = {**({"from": list(sources)} if sources else {}), **({"ports": ports} if ports else {})}
    return policy("x", name=name, podSelector={"matchLabels": {"pod": "a"}}, policyTypes=["Ingress"], ingress=[rule])


def from_a(*peers: Json, ports: list[Json] | None = None, name: str = "it") -> Json:
    """Lets x/a call peers, and nobody else; no peer is everyone."""
    rule = {**({"to": list(peers)} if peers else {}), **({"ports": ports} if ports else {})}
    return policy("x", name=name, podSelector={"matchLabels": {"pod": "a"}}, policyTypes=["Egress"], egress=[rule])


def space(who: str) -> str:
    return who.partition("/")[0]


def only(*allowed: str) -> Refused:
    """x/a is called by these alone."""
    return lambda call: call.called == "x/a" and call.caller not in allowed


def only_to(*allowed: str) -> Refused:
    """x/a calls these alone."""
    return lambda call: call.caller == "x/a" and call.called not in allowed


def within(*names: str) -> tuple[str, ...]:
    """Pods of these namespaces."""
    return tuple(who for who in PODS if space(who) in names)


def ns(*names: str) -> Json:
    return {"namespaceSelector": {"matchExpressions": [{"key": "ns", "operator": "In", "values": list(names)}]}}


def pods(*names: str) -> Json:
    return {"podSelector": {"matchExpressions": [{"key": "pod", "operator": "In", "values": list(names)}]}}


def expression(kind: str, key: str, operator: str, *values: str) -> Json:
    return {
        kind: {"matchExpressions": [{"key": key, "operator": operator, **({"values": list(values)} if values else {})}]}
    }


def block(cidr: str, *excepted: str) -> Json:
    return {"ipBlock": {"cidr": cidr, **({"except": list(excepted)} if excepted else {})}}


def port(number: int | str | None, protocol: str | None = None, end: int | None = None) -> Json:
    given = {"port": number, "protocol": protocol, "endPort": end}
    return {key: value for key, value in given.items() if value is not None}


X_B: Final = f"{PODS['x/b']}/32"
X: Final = "10.9.0.0/24"
DENY_ALL: Final = policy("x", policyTypes=["Ingress", "Egress"])


CASES: Final[Mapping[str, PolicyCase]] = {
    "no policy": PolicyCase(policies=(), refused=lambda _: False),
    "all ingress denied": PolicyCase(
        policies=(policy("x", policyTypes=["Ingress"]),), refused=lambda call: space(call.called) == "x"
    ),
    "no types, no rules: ingress is denied": PolicyCase(
        policies=(policy("x"),), refused=lambda call: space(call.called) == "x"
    ),
    "no types, rules of egress: both are": PolicyCase(
        policies=(policy("x", egress=[{"to": [ns("y")]}]),),
        refused=lambda call: space(call.called) == "x" or (space(call.caller) == "x" and space(call.called) != "y"),
    ),
    "all egress denied": PolicyCase(
        policies=(policy("x", policyTypes=["Egress"]),), refused=lambda call: space(call.caller) == "x"
    ),
    "all denied": PolicyCase(
        policies=(DENY_ALL,), refused=lambda call: "x" in (space(call.caller), space(call.called))
    ),
    "an empty rule allows everyone": PolicyCase(
        policies=(policy("x", policyTypes=["Ingress"], ingress=[{}]),), refused=lambda _: False
    ),
    "an empty peer is the own namespace": PolicyCase(policies=(to_a({"podSelector": {}}),), refused=only(*within("x"))),
    "every namespace": PolicyCase(policies=(to_a({"namespaceSelector": {}}),), refused=only(*PODS)),
    "pods of the own namespace": PolicyCase(policies=(to_a(pods("b")),), refused=only("x/b")),
    "nobody is chosen": PolicyCase(policies=(to_a(pods("nobody")),), refused=only()),
    "a namespace": PolicyCase(policies=(to_a(ns("y")),), refused=only(*within("y"))),
    "In": PolicyCase(policies=(to_a(ns("y", "z")),), refused=only(*within("y", "z"))),
    "NotIn": PolicyCase(
        policies=(to_a(expression("namespaceSelector", "ns", "NotIn", "y")),), refused=only(*within("x", "z"))
    ),
    "Exists": PolicyCase(policies=(to_a(expression("podSelector", "pod", "Exists")),), refused=only(*within("x"))),
    "DoesNotExist": PolicyCase(policies=(to_a(expression("podSelector", "pod", "DoesNotExist")),), refused=only()),
    "a namespace's pods, or others": PolicyCase(
        policies=(to_a(ns("y"), pods("b")),), refused=only("x/b", *within("y"))
    ),
    "pods of a namespace": PolicyCase(policies=(to_a({**ns("y"), **pods("b")}),), refused=only("y/b")),
    "pods of several namespaces": PolicyCase(
        policies=(to_a({**ns("y", "z"), **pods("b", "c")}),), refused=only("y/b", "y/c", "z/b", "z/c")
    ),
    "a port": PolicyCase(
        policies=(to_a(ports=[port(80)]),),
        refused=lambda call: call.called == "x/a" and (call.protocol, call.port) != ("TCP", 80),
    ),
    "a port by UDP": PolicyCase(
        policies=(to_a(ports=[port(81, "UDP")]),),
        refused=lambda call: call.called == "x/a" and (call.protocol, call.port) != ("UDP", 81),
    ),
    "a protocol": PolicyCase(
        policies=(to_a(ports=[port(None, "UDP")]),),
        refused=lambda call: call.called == "x/a" and call.protocol != "UDP",
    ),
    "a port by SCTP is none by TCP": PolicyCase(policies=(to_a(ports=[port(80, "SCTP")]),), refused=only()),
    "a range of ports": PolicyCase(
        policies=(to_a(ports=[port(70, "TCP", 80)]),),
        refused=lambda call: call.called == "x/a" and (call.protocol, call.port) != ("TCP", 80),
    ),
    "several ports and ranges that overlap": PolicyCase(
        policies=(to_a(ports=[port(80), port(79, "TCP", 81), port(81, "UDP")]),),
        refused=lambda call: call.called == "x/a" and (call.protocol, call.port) == ("UDP", 80),
    ),
    "a named port": PolicyCase(
        policies=(to_a(ns("y"), ports=[port("serve-81-tcp")]),),
        refused=lambda call: (
            call.called == "x/a" and (space(call.caller), call.protocol, call.port) != ("y", "TCP", 81)
        ),
    ),
    "a named port of another protocol": PolicyCase(policies=(to_a(ports=[port("serve-81-udp")]),), refused=only()),
    "a name that no port has": PolicyCase(policies=(to_a(ports=[port("elsewhere")]),), refused=only()),
    "a named port of those who are call.called": PolicyCase(
        policies=(from_a(ns("y"), ports=[port("serve-80-udp", "UDP")]),),
        refused=lambda call: (
            call.caller == "x/a" and (space(call.called), call.protocol, call.port) != ("y", "UDP", 80)
        ),
    ),
    "two policies add up": PolicyCase(
        policies=(to_a(ns("y"), ports=[port(80)]), to_a(ns("z"), ports=[port(81)], name="other")),
        refused=lambda call: (
            call.called == "x/a"
            and (space(call.caller), call.protocol, call.port) not in {("y", "TCP", 80), ("z", "TCP", 81)}
        ),
    ),
    "two rules of a policy do not mix": PolicyCase(
        policies=(
            policy(
                "x",
                podSelector={"matchLabels": {"pod": "a"}},
                ingress=[{"from": [ns("y")], "ports": [port(80)]}, {"from": [pods("b")], "ports": [port(81)]}],
            ),
        ),
        refused=lambda call: (
            call.called == "x/a"
            and not (
                (space(call.caller) == "y" or call.caller == "x/b")
                and call.protocol == "TCP"
                and call.port == (81 if call.caller == "x/b" else 80)
            )
        ),
    ),
    "denied and allowed: allowed": PolicyCase(
        policies=(policy("x", name="deny", policyTypes=["Ingress"]), to_a(pods("b"))),
        refused=lambda call: space(call.called) == "x" and (call.caller, call.called) != ("x/b", "x/a"),
    ),
    "both ends have to agree": PolicyCase(
        policies=(DENY_ALL, from_a(pods("b"), name="out")),
        refused=lambda call: "x" in (space(call.caller), space(call.called)),
    ),
    "both ends agree": PolicyCase(
        policies=(
            DENY_ALL,
            from_a(pods("b"), name="out"),
            policy("x", name="in", podSelector={"matchLabels": {"pod": "b"}}, ingress=[{"from": [pods("a")]}]),
        ),
        refused=lambda call: (
            "x" in (space(call.caller), space(call.called)) and (call.caller, call.called) != ("x/a", "x/b")
        ),
    ),
    "egress to pods": PolicyCase(policies=(from_a({**ns("y"), **pods("a")}),), refused=only_to("y/a")),
    "egress to a port anywhere": PolicyCase(
        policies=(from_a(ports=[port(80)]),),
        refused=lambda call: call.caller == "x/a" and (call.protocol, call.port) != ("TCP", 80),
    ),
    "egress to a block": PolicyCase(policies=(from_a(block(X_B)),), refused=only_to("x/b")),
    "egress to a block but for another": PolicyCase(policies=(from_a(block(X, X_B)),), refused=only_to("x/c")),
    "egress to all but a block": PolicyCase(
        policies=(from_a(block("0.0.0.0/0", X)),),
        refused=lambda call: call.caller == "x/a" and space(call.called) == "x",
    ),
    "egress to a block that another policy excepts": PolicyCase(
        policies=(from_a(block(X, X_B)), from_a(block(X_B), name="other")), refused=only_to("x/b", "x/c")
    ),
    "egress to the node": PolicyCase(policies=(from_a(block("10.9.255.254/32")),), refused=only_to("node")),
    "egress to a block of IPv6": PolicyCase(policies=(from_a(block("fd00::/8")),), refused=only_to()),
    "ingress from a block": PolicyCase(policies=(to_a(block("10.9.1.0/24")),), refused=only(*within("y"))),
    "a name of another namespace's pods": PolicyCase(
        policies=(policy("y", podSelector={"matchLabels": {"pod": "a"}}),),
        refused=lambda call: call.called == "y/a",
    ),
}
"""What is in force, and which calls it refuses."""
