"""An operator of the built-in cluster: manifests, how they are applied, and what to wait for."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from local.node.node import Node
from local.shell import run
from local.toolchain.gotools import TOOLS, module_folder

Manifest = dict[str, Any]
References = Mapping[str, str]
"""Image name → reference by digest."""


@dataclass(frozen=True, kw_only=True)
class Operator:
    """One part of the platform."""

    name: str
    images: tuple[str, ...]
    manifests: Callable[[Node, References], list[Manifest]]
    deployments: tuple[tuple[str, str], ...] = ()
    """Namespace and name of what must be rolled out before it counts as there."""
    needs: tuple[str, ...] = ()
    """Further steps that must be done first."""


def install(operator: Operator, node: Node, references: References) -> None:
    """Applies the operator's objects and waits until it serves. Custom resource definitions go first."""
    manifests = operator.manifests(node, references)
    definitions = [m for m in manifests if m["kind"] == "CustomResourceDefinition"]
    if definitions:
        apply(node, definitions)
        names = [f"crd/{m['metadata']['name']}" for m in definitions]
        run(*node.kubectl, "wait", "--for=condition=Established", "--timeout=60s", *names)
    # Namespaces before what lives in them; the rest in upstream's order.
    rest = [m for m in manifests if m["kind"] != "CustomResourceDefinition"]
    apply(node, sorted(rest, key=lambda m: m["kind"] != "Namespace"))
    for namespace, deployment in operator.deployments:
        run(*node.kubectl, "-n", namespace, "rollout", "status", f"deployment/{deployment}", "--timeout=180s")


def apply(node: Node, manifests: list[Manifest]) -> None:
    """Server-side apply: some definitions are too large for the client-side kind."""
    flags = ("--server-side", "--force-conflicts", "--field-manager=ml-loop-local")
    documents = "---\n".join(json.dumps(m) + "\n" for m in manifests)
    run(*node.kubectl, "apply", *flags, "-f", "-", stdin=documents)


def kustomized(node: Node, tool: str, folder: str) -> list[Manifest]:
    """The manifests a Go module carries, rendered once and kept in the cache."""
    kept = node.paths.cache / "manifests" / f"{tool}-{TOOLS[tool].version}-{folder.replace('/', '-')}.yaml"
    if not kept.exists():
        source = module_folder(TOOLS[tool], node.paths.cache / "go") / folder
        rendered = run(str(node.paths.bin / "kubectl"), "kustomize", str(source))
        kept.parent.mkdir(parents=True, exist_ok=True)
        unfinished = kept.with_suffix(".part")
        unfinished.write_text(rendered)
        unfinished.replace(kept)
    return [m for m in yaml.safe_load_all(kept.read_text()) if m]


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
