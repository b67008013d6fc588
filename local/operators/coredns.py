"""Cluster DNS, labelled as in every distribution: `k8s-app: kube-dns` in `kube-system`, which NetworkPolicies name.

Port 1053 inside the pod: port 53 would need a capability that restricted pods may not have.
"""

from local.node.config import DNS_SERVICE
from local.node.node import Node
from local.operators.operator import LocalOperator, Manifest, References, container_security, namespace, pod_security

NAMESPACE = "kube-system"
LABELS = {"k8s-app": "kube-dns"}
COREFILE = """.:1053 {
    errors
    health :8080
    ready :8181
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        pods insecure
        ttl 5
    }
    cache 5
    loadbalance
    reload
}
"""


def manifests(_: Node, references: References) -> list[Manifest]:
    return [namespace(NAMESPACE), *access(), configuration(), deployment(references["coredns"]), service()]


def access() -> list[Manifest]:
    role = "rbac.authorization.k8s.io"
    subject = {"kind": "ServiceAccount", "name": "coredns", "namespace": NAMESPACE}
    rules = [
        {"apiGroups": [""], "resources": ["endpoints", "services", "pods", "namespaces"], "verbs": ["list", "watch"]},
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list", "watch"]},
    ]
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "coredns", "namespace": NAMESPACE}},
        {"apiVersion": f"{role}/v1", "kind": "ClusterRole", "metadata": {"name": "cluster-dns"}, "rules": rules},
        {
            "apiVersion": f"{role}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "cluster-dns"},
            "roleRef": {"apiGroup": role, "kind": "ClusterRole", "name": "cluster-dns"},
            "subjects": [subject],
        },
    ]


def configuration() -> Manifest:
    metadata = {"name": "coredns", "namespace": NAMESPACE}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"Corefile": COREFILE}}


def deployment(image: str) -> Manifest:
    container = {
        "name": "coredns",
        "image": image,
        "args": ["-conf", "/etc/coredns/Corefile"],
        "securityContext": container_security(),
        "readinessProbe": {"httpGet": {"path": "/ready", "port": 8181}, "periodSeconds": 2},
        "livenessProbe": {"httpGet": {"path": "/health", "port": 8080}, "initialDelaySeconds": 10},
        "resources": {"requests": {"cpu": "20m", "memory": "30Mi"}, "limits": {"memory": "170Mi"}},
        "volumeMounts": [{"name": "configuration", "mountPath": "/etc/coredns", "readOnly": True}],
    }
    pod = {
        "serviceAccountName": "coredns",
        "dnsPolicy": "Default",
        "securityContext": pod_security(),
        "containers": [container],
        "volumes": [{"name": "configuration", "configMap": {"name": "coredns"}}],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "coredns", "namespace": NAMESPACE},
        "spec": {"selector": {"matchLabels": LABELS}, "template": {"metadata": {"labels": LABELS}, "spec": pod}},
    }


def service() -> Manifest:
    ports = [
        {"name": name, "port": 53, "protocol": protocol, "targetPort": 1053}
        for name, protocol in (("dns", "UDP"), ("dns-tcp", "TCP"))
    ]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "kube-dns", "namespace": NAMESPACE, "labels": LABELS},
        "spec": {"clusterIP": DNS_SERVICE, "selector": LABELS, "ports": ports},
    }


COREDNS = LocalOperator(name="coredns", images=("coredns",), manifests=manifests, deployments=((NAMESPACE, "coredns"),))
