"""NetworkPolicies as matches of nftables: who may call the pods that a policy selects, and whom they may call.

In a direction, a pod that no policy selects is free. One that policies select is held to their union: a packet that
none of them lets through is refused (Kubernetes API, NetworkPolicySpec).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from local.policies.peers import Json, NetworkedPod, Surroundings, matches

DIRECTIONS: Final = ("Egress", "Ingress")
"""Both directions, in the order in which a packet meets them."""
RULES: Final = {"Egress": ("egress", "to", "daddr"), "Ingress": ("ingress", "from", "saddr")}
"""Direction → the policy's field of rules, a rule's field of peers, and the address that peers have in a packet."""


@dataclass(frozen=True, kw_only=True)
class HeldPods:
    """Pods that are held to the same rules in one direction."""

    direction: str
    addresses: tuple[str, ...]
    matches: tuple[str, ...]
    """What is let through, as the left sides of nftables rules."""


def held(policies: Iterable[Json], around: Surroundings) -> list[HeldPods]:
    """All groups of pods, by direction. The same objects make the same list, whatever their order."""
    ordered = sorted(policies, key=lambda each: (each["metadata"]["namespace"], each["metadata"]["name"]))
    groups: dict[tuple[str, tuple[int, ...]], list[str]] = {}
    for direction in DIRECTIONS:
        for pod in around.pods:
            if chosen := tuple(i for i, each in enumerate(ordered) if _selects(each, pod, direction)):
                groups.setdefault((direction, chosen), []).append(pod.address)
    return [
        HeldPods(
            direction=direction,
            addresses=tuple(sorted(addresses)),
            matches=tuple(dict.fromkeys(m for i in chosen for m in _matches(ordered[i], direction, around))),
        )
        for (direction, chosen), addresses in sorted(groups.items())
    ]


def _selects(policy: Json, pod: NetworkedPod, direction: str) -> bool:
    spec = policy["spec"]
    # The API server fills the types in; this is how it does.
    types = spec.get("policyTypes") or ["Ingress", *(["Egress"] if spec.get("egress") else [])]
    same = policy["metadata"]["namespace"] == pod.namespace
    return same and direction in types and matches(spec.get("podSelector") or {}, pod.labels)


def _matches(policy: Json, direction: str, around: Surroundings) -> list[str]:
    """Every peer of a rule with every port of it."""
    rules, peers, address = RULES[direction]
    own = policy["metadata"]["namespace"]
    return [
        f"{who} {what}".strip()
        for rule in policy["spec"].get(rules) or ()
        for who in _peers(rule.get(peers) or (), own, address, around)
        for what in _ports(rule.get("ports") or (), around)
    ]


def _peers(peers: Iterable[Json], own: str, address: str, around: Surroundings) -> list[str]:
    """No peer at all means everyone; a peer that matches no pod means no one."""
    everyone = True
    blocks: list[str] = []
    pods: set[str] = set()
    for peer in peers:
        everyone = False
        if block := peer.get("ipBlock"):
            blocks += _block(block, address)
        else:
            pods |= {pod.address for pod in around.selected(peer, own)}
    if everyone:
        return [""]
    return [*([f"ip {address} {_set(sorted(pods))}"] if pods else []), *blocks]


def _block(block: Json, address: str) -> list[str]:
    if ":" in block["cidr"]:
        return []  # the node's pods have addresses of IPv4 alone
    without = [each for each in block.get("except") or () if ":" not in each]
    excepted = f" ip {address} != {_set(without)}" if without else ""
    # nftables does not match a prefix of length 0.
    whole = "" if block["cidr"].endswith("/0") else f"ip {address} {block['cidr']}"
    return [f"{whole}{excepted}".strip()]


def _ports(ports: Iterable[Json], around: Surroundings) -> list[str]:
    """No port at all means every protocol; a name that no pod has means none."""
    anything = True
    numbers: dict[str, list[str]] = {}
    whole: list[str] = []
    named: list[str] = []
    for each in ports:
        anything = False
        protocol, port = each.get("protocol") or "TCP", each.get("port")
        match port:
            case None:
                whole.append(f"meta l4proto {protocol.lower()}")
            case int():
                end = each.get("endPort")
                numbers.setdefault(protocol, []).append(f"{port}-{end}" if end and end != port else str(port))
            case _:
                if found := around.named(port, protocol):
                    listed = _set(f"{address} . {number}" for address, number in sorted(set(found)))
                    named.append(f"ip daddr . {protocol.lower()} dport {listed}")
    if anything:
        return [""]
    return [*whole, *(f"{protocol.lower()} dport {_set(each)}" for protocol, each in numbers.items()), *named]


def _set(members: Iterable[str]) -> str:
    return "{ " + ", ".join(members) + " }"
