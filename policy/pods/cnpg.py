"""The pods of CloudNativePG: restricted unless the object asks for less.

Source: cloudnative-pg v1.30.0 pkg/specs/pods.go GetPodSecurityContext, pkg/specs/containers.go GetSecurityContext,
pkg/specs/pgbouncer/deployments.go; plugin-barman-cloud v0.13.0 internal/cnpgi/operator/lifecycle.go reconcilePodSpec.
"""

from collections.abc import Iterator
from typing import Any

from policy.manifest import Manifest, Unknown, elements, get, strategic_merge
from policy.pods.template import PodTemplate
from policy.rule import Stack

BOOTSTRAP = "bootstrap-controller"
ARCHIVER = "plugin-barman-cloud"
PLUGIN = "barman-cloud.cloudnative-pg.io"
ARCHIVER_CONTEXT = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "privileged": False,
    "readOnlyRootFilesystem": True,
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}
"""The container that the plugin puts beside a database that it archives, and into the Job that reads an archive."""


def _profile(cluster: Manifest | None) -> Any:
    return get(cluster, "spec", "seccompProfile") or {"type": "RuntimeDefault"}


def _container_context(cluster: Manifest | None) -> Any:
    own = get(cluster, "spec", "securityContext")
    operator = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "seccompProfile": _profile(cluster),
    }
    return own if isinstance(own, Unknown) else {**operator, **(own or {})}


def postgres_pods(manifest: Manifest) -> Iterator[PodTemplate]:
    """An instance of a Cluster; its join, backup, import and recovery Jobs have the same contexts."""
    own = get(manifest, "spec", "podSecurityContext")
    # A Cluster's own pod context keeps the operator's seccomp profile, not its runAsNonRoot.
    context = (
        own if isinstance(own, Unknown) else {"seccompProfile": _profile(manifest), **(own or {"runAsNonRoot": True})}
    )
    container = {"securityContext": _container_context(manifest)}
    plugins = [get(plugin, "name") for _, plugin in elements(get(manifest, "spec", "plugins") or [], "")]
    archiver = [{"name": ARCHIVER, "securityContext": ARCHIVER_CONTEXT}] if PLUGIN in plugins else []
    pod = {
        "securityContext": context,
        "initContainers": [{"name": BOOTSTRAP, **container}, *archiver],
        "containers": [{"name": "postgres", **container}],
    }
    sources = {
        "pod": "spec",
        "pod.securityContext": "spec.podSecurityContext",
        "pod.initContainers[0]": "spec",
        "pod.initContainers[1]": "spec.plugins",
        "pod.containers[0]": "spec",
    }
    yield PodTemplate({}, pod, sources, frozenset({BOOTSTRAP, ARCHIVER, "postgres"}))


def pooler_pods(manifest: Manifest, stack: Stack) -> Iterator[PodTemplate]:
    """A pooler's pod: the user's template, with the operator's contexts on the pod and on its own two containers."""
    template = get(manifest, "spec", "template")
    namespace, name = get(manifest, "metadata", "namespace"), get(manifest, "spec", "cluster", "name")
    cluster = stack.find("postgresql.cnpg.io/Cluster", namespace, str(name))
    built: dict[str, Any] = {
        "initContainers": [{"name": BOOTSTRAP}],
        "containers": [{"name": "pgbouncer"}],
        "securityContext": {"runAsNonRoot": True, "seccompProfile": _profile(cluster)},
    }
    own = get(template, "spec")
    spec = strategic_merge(own or {}, built)
    if not isinstance(spec, Unknown):
        spec = {**spec, "securityContext": built["securityContext"]}
        for key in ("initContainers", "containers"):
            spec[key] = [_operated(container, cluster) for _, container in elements(spec[key], key)]
    names = frozenset({BOOTSTRAP, "pgbouncer"})
    yield PodTemplate(get(template, "metadata") or {}, spec, {"pod": "spec.template.spec"}, names)


def _operated(container: Any, cluster: Manifest | None) -> Any:
    if get(container, "name") not in (BOOTSTRAP, "pgbouncer"):
        return container
    return {**container, "securityContext": _container_context(cluster)}
