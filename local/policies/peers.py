"""Pods and namespaces as policies see them: labels, addresses, named ports."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]
Labels = Mapping[str, str]
Port = tuple[str, int]
"""Protocol and number."""


@dataclass(frozen=True, kw_only=True)
class NetworkedPod:
    """A pod that has an address of its own."""

    namespace: str
    address: str
    labels: Labels
    ports: Mapping[str, tuple[Port, ...]]
    """Its named ports."""


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """All that selectors choose from."""

    pods: tuple[NetworkedPod, ...]
    namespaces: Mapping[str, Labels] = field(default_factory=dict[str, Labels])

    def selected(self, peer: Json, own: str) -> list[NetworkedPod]:
        """Pods that a peer's selectors choose, as policies of the namespace `own` mean them."""
        by_namespace, by_pod = peer.get("namespaceSelector"), peer.get("podSelector")
        return [
            pod
            for pod in self.pods
            if (pod.namespace == own if by_namespace is None else self._among(pod.namespace, by_namespace))
            and matches(by_pod or {}, pod.labels)
        ]

    def named(self, name: str, protocol: str) -> list[tuple[str, int]]:
        """Addresses of pods that have a port of that name, each with its number."""
        return [
            (pod.address, number) for pod in self.pods for kind, number in pod.ports.get(name, ()) if kind == protocol
        ]

    def _among(self, namespace: str, selector: Json) -> bool:
        return namespace in self.namespaces and matches(selector, self.namespaces[namespace])


def surroundings(pods: Iterable[Json], namespaces: Iterable[Json]) -> Surroundings:
    """What the API server's objects say. A pod in the node's own network counts as the node, which no policy holds."""
    return Surroundings(
        pods=tuple(_pod(pod) for pod in pods if _has_address(pod)),
        namespaces={each["metadata"]["name"]: each["metadata"].get("labels") or {} for each in namespaces},
    )


def _has_address(pod: Json) -> bool:
    """Whether a pod has an address of its own: an ended pod's may be another's already."""
    status = pod.get("status") or {}
    own = not pod["spec"].get("hostNetwork") and status.get("podIP")
    return bool(own) and status.get("phase") not in ("Succeeded", "Failed")


def _pod(pod: Json) -> NetworkedPod:
    spec = pod["spec"]
    ports: dict[str, tuple[Port, ...]] = {}
    for container in (*spec["containers"], *(spec.get("initContainers") or ())):
        for port in container.get("ports") or ():
            if name := port.get("name"):
                ports[name] = (*ports.get(name, ()), (port.get("protocol") or "TCP", port["containerPort"]))
    metadata = pod["metadata"]
    labels = metadata.get("labels") or {}
    return NetworkedPod(namespace=metadata["namespace"], address=pod["status"]["podIP"], labels=labels, ports=ports)


def matches(selector: Json, labels: Labels) -> bool:
    """Whether a label selector matches these labels; an empty one matches all. Raises ValueError for an operator that
    Kubernetes does not have."""
    wanted = selector.get("matchLabels") or {}
    return all(labels.get(key) == value for key, value in wanted.items()) and all(
        _holds(each, labels) for each in selector.get("matchExpressions") or ()
    )


def _holds(expression: Json, labels: Labels) -> bool:
    key, values = expression["key"], expression.get("values") or ()
    match expression["operator"]:
        case "In":
            return key in labels and labels[key] in values
        case "NotIn":
            return key not in labels or labels[key] not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
        case other:
            raise ValueError(f"a label selector's operator is {other!r}: In, NotIn, Exists and DoesNotExist are known")
