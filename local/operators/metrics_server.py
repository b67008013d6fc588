"""The metrics server, from the manifests its Go module carries: for `kubectl top` and autoscalers.

Every connection is verified. The kubelet's certificate is signed by the authority that each service account's volume
brings; the API server knows the authority of the metrics server's own.
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
from local.operators.serving_certificate import ServingCertificate

NAMESPACE: Final = "kube-system"
NAME: Final = "metrics-server"
CERTIFICATE: Final = ServingCertificate(
    namespace=NAMESPACE,
    service=NAME,
    secret="metrics-server-cert",  # noqa: S106  # a name
    folder="metrics-server",
    file="serving",
    authority="metrics-server-ca",
)
PORT: Final = 10250
ARGUMENTS: Final = (
    f"--secure-port={PORT}",
    "--tls-cert-file=/tls/tls.crt",
    "--tls-private-key-file=/tls/tls.key",
    "--kubelet-certificate-authority=/var/run/secrets/kubernetes.io/serviceaccount/ca.crt",
    # The node's name is in no DNS.
    "--kubelet-preferred-address-types=InternalIP",
    "--kubelet-use-node-status-port",
    # How often the kubelet measures: asked more often, it repeats itself.
    "--metric-resolution=15s",
)


def manifests(node: Node, references: References) -> list[Manifest]:
    authority = CERTIFICATE.authority_bundle(node)
    upstream = kustomized(node, "metrics-server", "manifests/base")
    for manifest in upstream:
        if manifest["kind"] == "Deployment":
            adapt(manifest, references["metrics-server"])
        if manifest["kind"] == "APIService":
            manifest["spec"] |= {"insecureSkipTLSVerify": False, "caBundle": authority}
    return [namespace(NAMESPACE), CERTIFICATE.secret_object(node), *upstream]


def adapt(deployment: Manifest, image: str) -> None:
    """Our image, with a certificate instead of one that it makes itself, and ready after two measurements."""
    pod = deployment["spec"]["template"]["spec"]
    pod["securityContext"] = pod_security()
    pod["volumes"] = [{"name": "tls", "secret": {"secretName": CERTIFICATE.secret}}]
    container = pod["containers"][0]
    container |= {
        "image": image,
        "args": list(ARGUMENTS),
        "securityContext": container_security(),
        "resources": {"requests": {"cpu": "20m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}},
        "volumeMounts": [{"name": "tls", "mountPath": "/tls", "readOnly": True}],
    }
    container["readinessProbe"] |= {"initialDelaySeconds": 1, "periodSeconds": 2}


METRICS_SERVER = LocalOperator(
    name="metrics-server", images=("metrics-server",), manifests=manifests, deployments=((NAMESPACE, NAME),)
)
