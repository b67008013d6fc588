"""The Gateway API, served by Traefik: its definitions, the class `traefik`, and one proxy for all Gateways.

Why Traefik, and which rights it needs: `docs/decisions/0010-gateway.md`. The stack makes the Gateway and
its routes. A listener on port 80 is reached at the node's address, port 80, and at its node port.
"""

from typing import Any, Final

from local.node.config import ADDRESS
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

NAMESPACE: Final = "gateway"
NAME: Final = "traefik"
CLASS: Final = "traefik"
PORT: Final = 80
NODE_PORT: Final = 30080
LABELS: Final = {"app.kubernetes.io/name": NAME}
GROUP: Final = "gateway.networking.k8s.io"
ARGUMENTS: Final = (
    # Traefik serves a listener at the entry point with the listener's port.
    f"--entryPoints.web.address=:{PORT}",
    "--entryPoints.ping.address=:8080",
    "--ping.entryPoint=ping",
    "--providers.kubernetesGateway=true",
    f"--providers.kubernetesGateway.statusAddress.ip={ADDRESS}",
    "--global.checkNewVersion=false",
    "--global.sendAnonymousUsage=false",
    "--log.level=INFO",
)


def manifests(node: Node, references: References) -> list[Manifest]:
    definitions = kustomized(node, "gateway-api", "config/crd")
    gateway_class = {
        "apiVersion": f"{GROUP}/v1",
        "kind": "GatewayClass",
        "metadata": {"name": CLASS},
        "spec": {"controllerName": "traefik.io/gateway-controller"},
    }
    return [namespace(NAMESPACE), *definitions, gateway_class, *access(), deployment(references["traefik"]), service()]


def access() -> list[Manifest]:
    role = "rbac.authorization.k8s.io"
    routes = ["httproutes", "grpcroutes", "tlsroutes"]
    # Traefik does not start to serve before it has listed every kind that it knows, used or not.
    watched = ["gatewayclasses", "gateways", *routes, "backendtlspolicies", "referencegrants"]
    plain = ["configmaps", "namespaces", "services", "secrets"]
    rules: list[dict[str, Any]] = [
        {"apiGroups": [""], "resources": plain, "verbs": ["list", "watch"]},
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list", "watch"]},
        {"apiGroups": [GROUP], "resources": watched, "verbs": ["get", "list", "watch"]},
        {"apiGroups": [GROUP], "resources": [f"{kind}/status" for kind in watched[:-1]], "verbs": ["update"]},
    ]
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": NAME, "namespace": NAMESPACE}},
        {"apiVersion": f"{role}/v1", "kind": "ClusterRole", "metadata": {"name": "gateway-traefik"}, "rules": rules},
        {
            "apiVersion": f"{role}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "gateway-traefik"},
            "roleRef": {"apiGroup": role, "kind": "ClusterRole", "name": "gateway-traefik"},
            "subjects": [{"kind": "ServiceAccount", "name": NAME, "namespace": NAMESPACE}],
        },
    ]


def deployment(image: str) -> Manifest:
    container = {
        "name": NAME,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "args": list(ARGUMENTS),
        "securityContext": container_security(),
        "readinessProbe": {"httpGet": {"path": "/ping", "port": 8080}, "periodSeconds": 2},
        "livenessProbe": {"httpGet": {"path": "/ping", "port": 8080}, "initialDelaySeconds": 10},
        "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}},
    }
    # One of the few kernel parameters that restricted pods may set: port 80 without a capability.
    ports = {"name": "net.ipv4.ip_unprivileged_port_start", "value": str(PORT)}
    pod = {
        "serviceAccountName": NAME,
        "securityContext": pod_security() | {"sysctls": [ports]},
        "containers": [container],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": NAME, "namespace": NAMESPACE},
        "spec": {"selector": {"matchLabels": LABELS}, "template": {"metadata": {"labels": LABELS}, "spec": pod}},
    }


def service() -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": NAME, "namespace": NAMESPACE},
        "spec": {
            "type": "NodePort",
            "externalIPs": [ADDRESS],
            "selector": LABELS,
            "ports": [{"name": "web", "port": PORT, "nodePort": NODE_PORT}],
        },
    }


GATEWAY = LocalOperator(name="gateway", images=("traefik",), manifests=manifests, deployments=((NAMESPACE, NAME),))
