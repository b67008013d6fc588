"""KServe in Standard mode, from the manifests its Go module carries, without cert-manager, Knative, Istio or a mesh.

InferenceServices become Deployments and Services. KServe makes no routes: the stack makes its own, which split traffic.
"""

import json
from typing import Any, Final

from local.node.node import Node
from local.operators.operator import LocalOperator, Manifest, References, kustomized, namespace, pod_security
from local.operators.serving_certificate import ServingCertificate

NAMESPACE: Final = "kserve"
CONTROLLER: Final = "kserve-controller-manager"
CERTIFICATE: Final = ServingCertificate(
    namespace=NAMESPACE,
    service="kserve-webhook-server-service",
    secret="kserve-webhook-server-cert",  # noqa: S106  # a name
    folder="kserve",
    file="webhook",
    authority="kserve-webhook-ca",
)
ABSENT: Final = {"keda.sh", "networking.istio.io", "opentelemetry.io", "serving.knative.dev"}
"""API groups that this cluster does not have: nothing needs rights on them."""
DROPPED: Final = {
    "kserve-webhook-server-secret": "an empty Secret that nothing reads",
    "kserve-proxy-role": "kube-rbac-proxy guards metrics that nothing here collects",
    "kserve-proxy-rolebinding": "see kserve-proxy-role",
    "kserve-controller-manager-service": "leads to kube-rbac-proxy",
    "kserve-controller-manager-metrics-service": "leads to kube-rbac-proxy",
    "kserve-leader-election-role": "one replica elects nobody",
    "kserve-leader-election-rolebinding": "see kserve-leader-election-role",
    "serving-cert": "a certificate of cert-manager; ours takes its place",
}
SETTINGS: Final[dict[str, dict[str, Any]]] = {
    "deploy": {"defaultDeploymentMode": "Standard"},
    "ingress": {"disableIngressCreation": True, "disableIstioVirtualHost": True},
    # Model servers do not talk to the API server.
    "security": {"autoMountServiceAccountToken": False},
    # Upstream's default asks for a whole core and 2 GiB, which two services of a small machine do not have.
    "inferenceService": {
        "resource": {"cpuRequest": "50m", "memoryRequest": "256Mi", "cpuLimit": "1", "memoryLimit": "1Gi"}
    },
}


def manifests(node: Node, references: References) -> list[Manifest]:
    authority = CERTIFICATE.authority_bundle(node)
    rendered = [*kustomized(node, "kserve", "config/default"), *kustomized(node, "kserve", "config/configmap")]
    kept = [m for m in rendered if m["metadata"]["name"] not in DROPPED]
    for manifest in kept:
        adapt(manifest, references["kserve"], authority)
    return [namespace(NAMESPACE), CERTIFICATE.secret_object(node), *kept]


def adapt(manifest: Manifest, image: str, authority: str) -> None:
    manifest["metadata"].get("annotations", {}).pop("cert-manager.io/inject-ca-from", None)
    match manifest["kind"]:
        case "Deployment":
            adapt_controller(manifest, image)
        case "ClusterRole":
            manifest["rules"] = [rule for rule in manifest["rules"] if not ABSENT.issuperset(rule["apiGroups"])]
        case "ConfigMap":
            adapt_settings(manifest)
        case "MutatingWebhookConfiguration" | "ValidatingWebhookConfiguration":
            for webhook in manifest["webhooks"]:
                webhook["clientConfig"]["caBundle"] = authority
        case _:
            pass


def adapt_controller(deployment: Manifest, image: str) -> None:
    """Our image, without kube-rbac-proxy; probes from the start, and no CPU limit, which would slow the start."""
    # Without an election, two controllers at once would both act.
    deployment["spec"]["strategy"] = {"type": "Recreate"}
    pod = deployment["spec"]["template"]["spec"]
    pod["securityContext"] = pod_security()
    pod["containers"] = [container for container in pod["containers"] if container["name"] == "manager"]
    manager = pod["containers"][0]
    manager |= {
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "args": ["--metrics-addr=127.0.0.1:8080"],
        "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "512Mi"}},
    }
    manager["readinessProbe"] |= {"initialDelaySeconds": 1, "periodSeconds": 2}


def adapt_settings(settings: Manifest) -> None:
    settings["metadata"]["namespace"] = NAMESPACE
    data = settings["data"]
    data.pop("_example", None)
    for key, values in SETTINGS.items():
        data[key] = json.dumps(json.loads(data[key]) | values)


PROBE: Final = {
    "apiVersion": "serving.kserve.io/v1beta1",
    "kind": "InferenceService",
    "metadata": {"name": "probe", "namespace": NAMESPACE},
    "spec": {"predictor": {"containers": [{"name": "kserve-container", "image": "example/none:1"}]}},
}

KSERVE = LocalOperator(
    name="kserve", images=("kserve",), manifests=manifests, deployments=((NAMESPACE, CONTROLLER),), probes=(PROBE,)
)
