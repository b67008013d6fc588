"""The CloudNativePG operator, from the manifests its Go module carries."""

from local.node.node import Node
from local.operators.operator import LocalOperator, Manifest, References, kustomized, namespace

NAMESPACE = "cnpg-system"


def manifests(node: Node, references: References) -> list[Manifest]:
    rendered = kustomized(node, "cloudnative-pg", "config/default")
    for manifest in rendered:
        if manifest["kind"] == "Namespace":
            manifest["metadata"]["labels"] = manifest["metadata"].get("labels", {}) | restricted()
        if manifest["kind"] == "Deployment":
            adapt(manifest, references["cloudnative-pg"])
    return rendered


def restricted() -> dict[str, str]:
    return namespace(NAMESPACE)["metadata"]["labels"]


def adapt(deployment: Manifest, image: str) -> None:
    """Our image, also for the init container that databases get, without a CPU limit, for a quick start."""
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    container["image"] = image
    container["imagePullPolicy"] = "IfNotPresent"
    container["resources"] = {"requests": {"cpu": "50m", "memory": "100Mi"}, "limits": {"memory": "300Mi"}}
    container["env"] = [variable for variable in container["env"] if variable["name"] != "OPERATOR_IMAGE_NAME"] + [
        {"name": "OPERATOR_IMAGE_NAME", "value": image}
    ]


CLOUDNATIVE_PG = LocalOperator(
    name="cloudnative-pg",
    images=("cloudnative-pg",),
    manifests=manifests,
    deployments=((NAMESPACE, "cnpg-controller-manager"),),
)
