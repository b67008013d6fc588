"""A namespace of the built-in cluster, and objects for its operators."""

from __future__ import annotations

import http.client
import json
import secrets
import time
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from local.images.oci import Archive
from local.images.table import IMAGES
from local.node.certificates import authority_in, signed, subject, write_pair
from local.node.node import Node
from local.operators.operator import apply, container_security, pod_security
from local.paths import Paths
from local.shell import run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Manifest = dict[str, Any]


class Cluster:
    """The running cluster, and one namespace in it."""

    def __init__(self) -> None:
        self.node = Node(Paths.default())
        self.namespace = f"operators-{secrets.token_hex(3)}"

    def apply(self, *manifests: Manifest) -> None:
        for manifest in manifests:
            manifest["metadata"].setdefault("namespace", self.namespace)
        apply(self.node, list(manifests))

    def kubectl(self, *arguments: str) -> str:
        return run(*self.node.kubectl, "--namespace", self.namespace, *arguments)

    def get(self, kind: str, name: str) -> Manifest:
        return json.loads(self.kubectl("get", kind, name, "-o", "json"))

    def image(self, name: str) -> str:
        """The reference under which the cluster has an image."""
        return next(Archive(image, self.node.paths).reference for image in IMAGES if image.name == name)


def until(ask: Callable[[], Manifest | None], what: str, seconds: float = 120) -> Manifest:
    """The first answer that is not None."""
    deadline = time.monotonic() + seconds
    while (answer := ask()) is None:
        assert time.monotonic() < deadline, f"{what}: not within {seconds:.0f} s"
        time.sleep(0.5)
    return answer


def account(name: str, *rules: Manifest) -> list[Manifest]:
    """A service account with these rights in the namespace."""
    group = "rbac.authorization.k8s.io"
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}},
        {"apiVersion": f"{group}/v1", "kind": "Role", "metadata": {"name": name}, "rules": list(rules)},
        {
            "apiVersion": f"{group}/v1",
            "kind": "RoleBinding",
            "metadata": {"name": name},
            "roleRef": {"apiGroup": group, "kind": "Role", "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": name}],
        },
    ]


def python(cluster: Cluster, code: str, *arguments: str) -> Manifest:
    """A container that runs Python code with a volume on /out, and says nothing about security."""
    return {
        "image": cluster.image("mlflow"),
        "command": ["python3", "-c", code],
        "args": list(arguments),
        "volumeMounts": [{"name": "out", "mountPath": "/out"}],
    }


def template(cluster: Cluster) -> Manifest:
    """A workflow template of two steps: the first hands a parameter to the second."""
    double = python(
        cluster, "import sys; open('/out/n', 'w').write(str(2 * int(sys.argv[1])))", "{{inputs.parameters.n}}"
    )
    step = {
        "name": "double",
        "inputs": {"parameters": [{"name": "n"}]},
        "outputs": {"parameters": [{"name": "n", "valueFrom": {"path": "/out/n"}}]},
        "volumes": [{"name": "out", "emptyDir": {}}],
        "container": double,
    }

    def call(name: str, value: str) -> list[Manifest]:
        return [{"name": name, "template": "double", "arguments": {"parameters": [{"name": "n", "value": value}]}}]

    steps = [call("once", "{{workflow.parameters.n}}"), call("twice", "{{steps.once.outputs.parameters.n}}")]
    result = {"parameters": [{"name": "n", "valueFrom": {"parameter": "{{steps.twice.outputs.parameters.n}}"}}]}
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "WorkflowTemplate",
        "metadata": {"name": "quadruple"},
        "spec": {
            "entrypoint": "all",
            "serviceAccountName": "worker",
            "arguments": {"parameters": [{"name": "n", "value": "5"}]},
            "templates": [{"name": "all", "steps": steps, "outputs": result}, step],
        },
    }


def finished(cluster: Cluster, name: str) -> Manifest | None:
    workflow = cluster.get("workflow", name)
    return workflow if workflow.get("status", {}).get("phase") in ("Succeeded", "Failed", "Error") else None


SERVER = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version, wbufsize = "HTTP/1.1", -1
    def log_message(self, *_): pass
    def do_GET(self):
        body = sys.argv[1].encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
http.server.ThreadingHTTPServer(("", 8080), Handler).serve_forever()
"""
"""Answers with its argument."""


def inference_service(cluster: Cluster, name: str) -> Manifest:
    """A custom predictor that answers with its name."""
    container = {
        "name": "kserve-container",
        "image": cluster.image("mlflow"),
        "command": ["python3", "-c", SERVER],
        "args": [name],
        "ports": [{"containerPort": 8080}],
        "securityContext": container_security(),
        "readinessProbe": {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1},
    }
    predictor = {"minReplicas": 1, "maxReplicas": 1, "securityContext": pod_security(), "containers": [container]}
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": name},
        "spec": {"predictor": predictor},
    }


def serve(cluster: Cluster, *names: str) -> None:
    """Makes the inference services and waits for their pods; `Ready` on the service itself does not wait for them."""
    cluster.apply(*(inference_service(cluster, name) for name in names))
    for name in names:
        cluster.kubectl("wait", "inferenceservice", name, "--for=condition=Ready", "--timeout=120s")
        cluster.kubectl("rollout", "status", f"deployment/{name}-predictor", "--timeout=120s")


def answers(address: str, host: str, requests: int) -> Counter[str]:
    """What an address answers to so many requests over one connection."""
    connection = http.client.HTTPConnection(address, timeout=10)
    told: Counter[str] = Counter()
    for _ in range(requests):
        connection.request("GET", "/", headers={"Host": host})
        response = connection.getresponse()
        told[f"{response.status} {response.read().decode()}"] += 1
    return told


def reach(address: str, host: str, answer: str) -> None:
    """Waits until an address gives an answer: routes and services take effect a moment after they are made."""

    def reached() -> Manifest | None:
        with suppress(OSError):
            return {} if answer in answers(address, host, requests=1) else None

    until(reached, f"{address} answers {answer!r}", seconds=30)


def bus(cluster: Cluster, folder: Path) -> list[Manifest]:
    """One NATS server with TLS, and the event bus on it: the client of Argo Events speaks nothing but TLS."""
    certificate, key = signed(*authority_in(folder), subject("nats", ""), ("nats",))
    write_pair(folder / "tls", certificate, key)
    data = {name: (folder / name).read_text() for name in ("ca.crt", "tls.crt", "tls.key")}
    labels = {"app": "nats"}
    files = ["--tlscert=/tls/tls.crt", "--tlskey=/tls/tls.key"]
    container = {
        "name": "nats",
        "image": cluster.image("nats"),
        "args": ["-js", "-sd", "/data", "-m", "8222", "--tls", *files],
        "securityContext": container_security(),
        "readinessProbe": {"httpGet": {"path": "/healthz", "port": 8222}, "periodSeconds": 1},
        "volumeMounts": [{"name": "data", "mountPath": "/data"}, {"name": "tls", "mountPath": "/tls"}],
    }
    volumes = [{"name": "data", "emptyDir": {}}, {"name": "tls", "secret": {"secretName": "nats-tls"}}]
    pod = {"securityContext": pod_security(), "containers": [container], "volumes": volumes}
    exotic = {
        "url": "nats://nats:4222",
        "tls": {"caCertSecret": {"name": "nats-tls", "key": "ca.crt"}},
        "streamConfig": json.dumps({"replicas": 1}),
    }
    return [
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "nats-tls"}, "stringData": data},
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "nats"},
            "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}},
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "nats"},
            "spec": {"selector": labels, "ports": [{"port": 4222}]},
        },
        events("EventBus", "default", {"jetstreamExotic": exotic}),
    ]


def events(kind: str, name: str, spec: Manifest) -> Manifest:
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}
