"""Argo Events: the controller, from the manifests its Go module carries; event sources and sensors run the same image.

Only the `jetstreamExotic` bus works here: the native ones want images of a configuration reloader and a metrics
exporter that this cluster does not have. So the controller needs no rights on the objects of native buses.
"""

from typing import Final

from local.node.node import Node
from local.operators.operator import (
    LocalOperator,
    Manifest,
    References,
    container_security,
    kustomized,
    namespace,
    pod_security,
)

NAMESPACE: Final = "argo-events"
ROLE: Final = "argo-events-role"
UNUSED: Final = {"leases", "persistentvolumeclaims", "pods", "pods/exec", "secrets"}


def manifests(node: Node, references: References) -> list[Manifest]:
    upstream = [m for m in kustomized(node, "argo-events", "manifests/cluster-install") if wanted(m)]
    for manifest in upstream:
        if manifest["kind"] == "Deployment":
            adapt(manifest, references["argo-events"])
        if manifest["kind"] == "ClusterRole":
            manifest["rules"] = needed(manifest["rules"])
    return [namespace(NAMESPACE), *upstream]


def wanted(manifest: Manifest) -> bool:
    """Leaves out the rights for human roles."""
    return manifest["kind"] != "ClusterRole" or manifest["metadata"]["name"] == ROLE


def needed(rules: list[Manifest]) -> list[Manifest]:
    """The rules without the resources that only native buses use."""
    trimmed = [rule | {"resources": [r for r in rule["resources"] if r not in UNUSED]} for rule in rules]
    return [rule for rule in trimmed if rule["resources"]]


def adapt(deployment: Manifest, image: str) -> None:
    """Our image, also for the pods of event sources and sensors, which take their pull policy from here, too."""
    # Without an election, two controllers at once would both act.
    deployment["spec"]["strategy"] = {"type": "Recreate"}
    pod = deployment["spec"]["template"]["spec"]
    pod["securityContext"] = pod_security()
    container = pod["containers"][0]
    kept = [variable for variable in container["env"] if variable["name"] != "ARGO_EVENTS_IMAGE"]
    container |= {
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "args": ["controller", "--leader-election=false"],
        "env": [
            *kept,
            {"name": "ARGO_EVENTS_IMAGE", "value": image},
            {"name": "IMAGE_PULL_POLICY", "value": "IfNotPresent"},
        ],
        "securityContext": container_security(),
        "resources": {"requests": {"cpu": "20m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}},
    }


ARGO_EVENTS = LocalOperator(
    name="argo-events",
    images=("argo-events",),
    manifests=manifests,
    deployments=((NAMESPACE, "controller-manager"),),
)
