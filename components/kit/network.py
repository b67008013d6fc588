"""NetworkPolicies: `RestrictedNamespace` denies everything, each component then allows what it needs with `allow`.

What they are worth depends on the cluster: a network plugin that enforces none accepts them silently.
"""

from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_kubernetes as k8s

Peer = k8s.networking.v1.NetworkPolicyPeerArgsDict
Peers = tuple[Peer, ...] | None

ANYWHERE: Final = None
"""Every address, in the cluster and outside. A block 0.0.0.0/0 would not do: Cilium leaves pods and nodes out."""


@dataclass(frozen=True, kw_only=True)
class Allowance:
    """One allowance: TCP to `ports`, from or to `peers`."""

    ports: tuple[int, ...]
    peers: Peers

    def __post_init__(self) -> None:
        if self.peers == ():
            raise ValueError("peers is (), which Kubernetes reads as everyone: name at least one peer, or ANYWHERE.")


def pods(labels: Mapping[str, str], namespace: pulumi.Input[str] | None = None) -> Peer:
    """The pods with `labels`, in the policy's own namespace or in `namespace`."""
    peer: Peer = {"pod_selector": {"match_labels": dict(labels)}}
    return peer if namespace is None else {**peer, **namespaced(namespace)}


def namespaced(namespace: pulumi.Input[str]) -> Peer:
    """Every pod of a namespace, found by the label that Kubernetes itself sets."""
    return {"namespace_selector": {"match_labels": {"kubernetes.io/metadata.name": namespace}}}


def blocks(addresses: Sequence[str]) -> tuple[Peer, ...]:
    """Peers outside the cluster's pods, by their addresses."""
    return tuple({"ip_block": {"cidr": address}} for address in addresses)


@dataclass(frozen=True, kw_only=True)
class ClusterAddresses:
    """What each policy of a stack must know of its cluster, and no selector can name."""

    dns: tuple[str, ...] = ()
    """Blocks in which DNS servers are, besides the usual ones."""
    api_server: tuple[str, ...] = ()
    """Blocks in which the API server is; empty: its address is not known."""


_UNKNOWN: Final = ClusterAddresses()
CLUSTER_ADDRESSES: Final = ContextVar("cluster_addresses", default=_UNKNOWN)
"""The addresses of the running program's cluster: set before anything is made, for every component."""

API_SERVER: Final = Allowance(ports=(443, 6443), peers=ANYWHERE)
"""Kubernetes' API. Policies see the address behind the Service, a node's or a provider's. No selector can name it, so
`allow` lets it be anywhere unless `CLUSTER_ADDRESSES` says where it is.
"""

LINK_LOCAL: Final = ("169.254.0.0/16", "fe80::/10")
"""NodeLocal DNSCache (169.254.20.10) and the DNS of GKE Autopilot and EKS Auto Mode. Cloud metadata is here as well, at
the ports 80 and 443."""

EKS_POD_IDENTITY: Final = Allowance(
    ports=(80,), peers=({"ip_block": {"cidr": "169.254.170.23/32"}}, {"ip_block": {"cidr": "fd00:ec2::23/128"}})
)
"""The agent on each EKS node that hands pods their role's credentials."""


def allow(
    name: str,
    *,
    namespace: pulumi.Input[str],
    selector: Mapping[str, str],
    ingress: Sequence[Allowance] = (),
    egress: Sequence[Allowance] = (),
    opts: pulumi.ResourceOptions,
) -> k8s.networking.v1.NetworkPolicy:
    """Allows the pods that `selector` finds the given traffic, on top of what other policies allow them."""
    spec: k8s.networking.v1.NetworkPolicySpecArgsDict = {"pod_selector": {"match_labels": dict(selector)}}
    spec["policy_types"] = [kind for kind, rules in (("Ingress", ingress), ("Egress", egress)) if rules]
    if ingress:
        spec["ingress"] = [_ingress(rule) for rule in ingress]
    if egress:
        spec["egress"] = [_egress(rule) for rule in egress]
    return k8s.networking.v1.NetworkPolicy(name, metadata={"name": name, "namespace": namespace}, spec=spec, opts=opts)


def _ingress(rule: Allowance) -> k8s.networking.v1.NetworkPolicyIngressRuleArgsDict:
    ports = _ports(rule)
    return {"ports": ports} if rule.peers is ANYWHERE else {"ports": ports, "from_": rule.peers}


def _egress(rule: Allowance) -> k8s.networking.v1.NetworkPolicyEgressRuleArgsDict:
    ports = _ports(rule)
    peers = blocks(CLUSTER_ADDRESSES.get().api_server) or ANYWHERE if rule is API_SERVER else rule.peers
    return {"ports": ports} if peers is ANYWHERE else {"ports": ports, "to": peers}


def dns() -> list[k8s.networking.v1.NetworkPolicyEgressRuleArgsDict]:
    """Egress to the cluster's DNS servers."""
    # No port: policies see the DNS pod's own, which is 53, 1053 or 5353 depending on the cluster.
    by_label = pods({"k8s-app": "kube-dns"}, "kube-system")
    # calico#3795, gardener#2745: what listens on the node has no labels that a policy sees.
    by_address = blocks([*LINK_LOCAL, *CLUSTER_ADDRESSES.get().dns])
    port_53: list[k8s.networking.v1.NetworkPolicyPortArgsDict] = [
        {"port": 53, "protocol": protocol} for protocol in ("UDP", "TCP")
    ]
    return [{"to": [by_label]}, {"to": by_address, "ports": port_53}]


def _ports(rule: Allowance) -> list[k8s.networking.v1.NetworkPolicyPortArgsDict]:
    return [{"port": port, "protocol": "TCP"} for port in rule.ports]
