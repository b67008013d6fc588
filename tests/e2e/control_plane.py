"""A control plane without nodes, and programs that run against it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
import pulumi_kubernetes as k8s
import pytest
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


@dataclass
class Program:
    """A stack whose program is set by each test."""

    stack: auto.Stack
    state: Path
    resources: Callable[[pulumi.ResourceOptions], None]

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
