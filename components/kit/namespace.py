"""A namespace whose pods pass Pod Security restricted, and may not talk to anything until a policy allows it."""

from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as k8s
from pulumi import Output, ResourceOptions

from components.kit.custom import object_name
from components.kit.labels import labels, of_stack
from components.kit.network import dns
from policy.pod_security import PINNED_VERSION


@dataclass(frozen=True, kw_only=True)
class RestrictedNamespaceArgs:
    """What a namespace of the stack is made of."""

    namespace: str
    """Its name in the cluster."""
    default_requests: tuple[str, str] = ("50m", "64Mi")
    """CPU and memory with which a container is scheduled that states no request."""
    default_memory_limit: str = "2Gi"
    """Memory limit of a container that states none; one that requests more than this must state its own limit."""


class RestrictedNamespace(pulumi.ComponentResource):
    """Creates a Namespace, a NetworkPolicy that denies all traffic, one that allows DNS, and a LimitRange.

    External: enforcement. Pod Security is part of every API server; the network plugin enforces NetworkPolicies.
    A refused pod fails not the Deployment's creation but its readiness, which is what the stack waits for.
    """

    name: Output[str]
    """The namespace's name, known once it exists."""

    def __init__(self, name: str, args: RestrictedNamespaceArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("ml-loop:namespace:RestrictedNamespace", name, None, opts)
        child = ResourceOptions(parent=self)

        levels = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "audit", "warn")}
        pins = {f"{mode}-version": PINNED_VERSION for mode in levels}
        namespace = k8s.core.v1.Namespace(
            f"{name}-namespace",
            metadata={
                "name": args.namespace,
                "labels": labels("namespace", name) | of_stack(pulumi.get_stack()) | levels | pins,
            },
            opts=child,
        )
        self.name = object_name(namespace)

        k8s.networking.v1.NetworkPolicy(
            f"{name}-default-deny",
            metadata={"name": "default-deny", "namespace": self.name},
            spec={"pod_selector": {}, "policy_types": ["Ingress", "Egress"]},
            opts=child,
        )
        k8s.networking.v1.NetworkPolicy(
            f"{name}-allow-dns",
            metadata={"name": "allow-dns", "namespace": self.name},
            spec={
                "pod_selector": {},
                "policy_types": ["Egress"],
                "egress": dns(),
            },
            opts=child,
        )
        cpu, memory = args.default_requests
        k8s.core.v1.LimitRange(
            f"{name}-defaults",
            metadata={"name": "defaults", "namespace": self.name},
            spec={
                "limits": [
                    {
                        "type": "Container",
                        "default_request": {"cpu": cpu, "memory": memory},
                        "default": {"memory": args.default_memory_limit},
                    }
                ]
            },
            opts=child,
        )

        self.register_outputs({"name": self.name})
