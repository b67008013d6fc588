"""A control plane without nodes, and programs that run against it."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
import pulumi_kubernetes as k8s
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from pulumi import automation as auto

CACHE = Path(os.environ.get("ML_LOOP_CACHE", "~/.cache/ml-loop")).expanduser()


ROOT = Path(__file__).parents[2]


SKIP_AWAIT = {"pulumi.com/skipAwait": "true"}


PASSWORD = "correct-horse-battery"


@dataclass(frozen=True)
class ControlPlane:
    """A running API server."""

    kubeconfig: Path

    def kubectl(self, *arguments: str) -> str:
        """kubectl's output; raises CalledProcessError where it fails."""
        argv = [CACHE / "bin/kubernetes", "kubectl", "--kubeconfig", self.kubeconfig, *arguments]
        return subprocess.run(argv, check=True, capture_output=True, text=True).stdout

    @property
    def uid(self) -> str:
        """What the stack knows a cluster by."""
        return self.kubectl("get", "namespace", "kube-system", "-o", "jsonpath={.metadata.uid}")


def free_ports(count: int) -> list[int]:
    """Ports nobody listens on now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [item.getsockname()[1] for item in sockets]
    for item in sockets:
        item.close()
    return ports


def kubeconfig(server: str, token: str, authority: Path) -> str:
    """A kubeconfig, in JSON, which is YAML."""
    return json.dumps(
        {
            "clusters": [{"name": "c", "cluster": {"server": server, "certificate-authority": str(authority)}}],
            "users": [{"name": "u", "user": {"token": token}}],
            "contexts": [{"name": "provider-test", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "provider-test",
        }
    )


def until(ready: Callable[[], bool], log: Path) -> None:
    """Polls for a minute; a failed command counts as not ready."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            if ready():
                return
        except subprocess.CalledProcessError:
            time.sleep(0.25)
    raise TimeoutError(log.read_text()[-2000:])


@contextmanager
def control_plane(folder: Path) -> Generator[ControlPlane]:
    """etcd, API server and controller manager of the one Kubernetes binary, on free ports, with their files."""
    etcd, peer, api = free_ports(3)
    key, tokens, config = folder / "sa.pem", folder / "tokens", folder / "kubeconfig"
    token = secrets.token_hex(16)
    key.write_bytes(
        rsa.generate_private_key(65537, 2048).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    tokens.write_text(f"{token},admin,admin,system:masters\n")
    config.write_text(kubeconfig(f"https://127.0.0.1:{api}", token, folder / "certs/apiserver.crt"))
    processes: list[subprocess.Popen[bytes]] = []

    def start(name: str, *arguments: str) -> None:
        argv = [str(CACHE / "bin/kubernetes"), name, *arguments]
        with (folder / f"{name}.log").open("wb") as log:
            processes.append(subprocess.Popen(argv, stdout=log, stderr=log))

    try:
        start(
            "etcd",
            f"--data-dir={folder / 'etcd'}",
            f"--listen-client-urls=http://127.0.0.1:{etcd}",
            f"--advertise-client-urls=http://127.0.0.1:{etcd}",
            f"--listen-peer-urls=http://127.0.0.1:{peer}",
        )
        start(
            "apiserver",
            f"--etcd-servers=http://127.0.0.1:{etcd}",
            "--bind-address=127.0.0.1",
            f"--secure-port={api}",
            f"--cert-dir={folder / 'certs'}",
            f"--token-auth-file={tokens}",
            "--service-cluster-ip-range=10.97.0.0/16",
            f"--service-account-key-file={key}",
            f"--service-account-signing-key-file={key}",
            "--service-account-issuer=https://kubernetes.default.svc",
            "--authorization-mode=RBAC",
        )
        plane = ControlPlane(config)
        until(lambda: plane.kubectl("get", "--raw", "/readyz") == "ok", folder / "apiserver.log")
        start("controller-manager", f"--kubeconfig={config}", "--leader-elect=false", "--secure-port=0")
        yield plane
    finally:
        for process in reversed(processes):
            process.terminate()
            process.wait(30)


@dataclass
class Program:
    """A stack whose program is set by each test."""

    stack: auto.Stack
    state: Path
    resources: Callable[[pulumi.ResourceOptions], None]
    cluster: k8s.ProviderArgs
    """How its provider is told of the cluster."""

    def up(self) -> dict[str, int]:
        """How many resources were created, updated, kept …"""
        changes = self.stack.up().summary.resource_changes or {}
        return {str(kind): count for kind, count in changes.items()}

    def failure(self) -> str:
        """The error of an update that must fail."""
        with pytest.raises(auto.CommandError) as caught:
            self.stack.up()
        return str(caught.value)


def namespace(name: str, opts: pulumi.ResourceOptions) -> pulumi.Output[str]:
    """A Namespace's name, as an output."""
    return k8s.core.v1.Namespace(name, metadata={"name": name}, opts=opts).metadata["name"]


def workload(name: str, inside: Any, opts: pulumi.ResourceOptions, **change: Any) -> None:
    """A Deployment that waits for nothing, as no pod runs here; `change` replaces parts of its spec and annotations."""
    labels = {"app": change.get("label", name)}
    container = {"name": "app", "image": "app:1", "env": [{"name": "TOKEN", "value": pulumi.Output.secret(PASSWORD)}]}
    metadata: Any = {"name": name, "namespace": inside, "annotations": change.get("annotations", SKIP_AWAIT)}
    spec: Any = {
        "replicas": change.get("replicas", 1),
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
    }
    k8s.apps.v1.Deployment(name, metadata=metadata, spec=spec, opts=opts)
