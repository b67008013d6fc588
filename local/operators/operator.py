"""An operator of the built-in cluster: manifests, how they are applied, and what to wait for."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from local.node.node import Node
from local.shell import run
from local.steps import StepError
from local.toolchain.gotools import module_folder
from local.toolchain.tools import TOOLS

Manifest = dict[str, Any]
References = Mapping[str, str]
"""Image name → reference by digest."""


@dataclass(frozen=True, kw_only=True)
class LocalOperator:
    """One part of the platform."""

    name: str
    images: tuple[str, ...]
    manifests: Callable[[Node, References], list[Manifest]]
    deployments: tuple[tuple[str, str], ...] = ()
    """Namespace and name of the Deployments that must be rolled out before it counts as installed."""
    probes: tuple[Manifest, ...] = ()
    """Objects that the API server must accept in a dry run: only then do the operator's webhooks answer."""
    needs: tuple[str, ...] = ()
    """Further steps that must be done first."""


def install(operator: LocalOperator, node: Node, references: References) -> None:
    """Applies the operator's objects and waits until it serves. Custom resource definitions are applied first."""
    manifests = operator.manifests(node, references)
    definitions = [m for m in manifests if m["kind"] == "CustomResourceDefinition"]
    if definitions:
        apply(node, definitions)
        names = [f"crd/{m['metadata']['name']}" for m in definitions]
        # A definition without any condition yet is an error to `kubectl wait`.
        insist(lambda: run(*node.kubectl, "wait", "--for=condition=Established", "--timeout=60s", *names), seconds=60)
    # Namespaces before what is in them; the rest in upstream's order.
    rest = [m for m in manifests if m["kind"] != "CustomResourceDefinition"]
    apply(node, sorted(rest, key=lambda m: m["kind"] != "Namespace"))
    for namespace, deployment in operator.deployments:
        run(*node.kubectl, "-n", namespace, "rollout", "status", f"deployment/{deployment}", "--timeout=180s")
    # A ready pod is not yet one that the API server reaches through its service.
    for probe in operator.probes:
        insist(lambda probe=probe: apply(node, [probe], "--dry-run=server"), seconds=60)


def insist(action: Callable[[], object], seconds: float) -> None:
    """Repeats an action until it succeeds; raises its last error when the time is up."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            action()
        except StepError:
            if time.monotonic() > deadline:
                raise
            time.sleep(1)
        else:
            return


def apply(node: Node, manifests: list[Manifest], *further: str) -> None:
    """Server-side apply: some definitions are too large for the client-side kind."""
    flags = ("--server-side", "--force-conflicts", "--field-manager=ml-loop-local")
    documents = "---\n".join(json.dumps(m) + "\n" for m in manifests)
    run(*node.kubectl, "apply", *flags, *further, "-f", "-", stdin=documents)


def kustomized(node: Node, tool: str, folder: str) -> list[Manifest]:
    """The manifests that a Go module carries; rendered once and kept in the cache."""
    kept = node.paths.cache / "manifests" / f"{tool}-{TOOLS[tool].version}-{folder.replace('/', '-')}.yaml"
    if not kept.exists():
        source = module_folder(TOOLS[tool], node.paths.cache / "go") / folder
        rendered = run(str(node.paths.bin / "kubectl"), "kustomize", str(source))
        kept.parent.mkdir(parents=True, exist_ok=True)
        unfinished = kept.with_suffix(".part")
        unfinished.write_text(rendered)
        unfinished.replace(kept)
    # The parser written in C: for megabytes of definitions the one in Python takes seconds.
    return [m for m in yaml.load_all(kept.read_text(), Loader=yaml.CSafeLoader) if m]


def namespace(name: str) -> Manifest:
    """A namespace that enforces the restricted Pod Security Standard."""
    labels = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "audit", "warn")}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def pod_security() -> Manifest:
    """The pod-level half of what restricted asks for."""
    return {
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "runAsGroup": 65532,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def container_security() -> Manifest:
    """The container-level half of what restricted asks for, and a root file system that cannot be written."""
    return {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }
