"""Argo Workflows: the controller and the executor, from the manifests its Go module carries; no server.

The controller asks a registry for an image's entry point when a template names no command. Images of this cluster are
in no registry, so every template must name its command. Where a log is kept, each template of the stack says itself.
"""

import hashlib
import json
from typing import Any, Final

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

NAMESPACE: Final = "argo"
ACCESS: Final = "argo-cluster-role", "argo-binding"
DAY: Final = 24 * 60 * 60
CONTAINER: Final = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


def manifests(node: Node, references: References) -> list[Manifest]:
    # Like the chart's `crds.full: false`: the full definitions are 11 MB, for which the API server takes a minute.
    definitions = kustomized(node, "argo-workflows", "manifests/base/crds/minimal")
    upstream = [m for m in kustomized(node, "argo-workflows", "manifests/cluster-install-no-crds") if wanted(m)]
    configured = json.dumps(configuration(references["argoexec"]))
    for manifest in upstream:
        if manifest["kind"] == "Deployment":
            adapt(manifest, references["workflow-controller"], configured)
        if manifest["kind"] == "ConfigMap":
            manifest["data"] = {"config": configured}
    return [namespace(NAMESPACE), *definitions, *upstream]


def wanted(manifest: Manifest) -> bool:
    """Leaves out the server, rights for human roles, and leader election's role, which one replica does not use."""
    name, kind = manifest["metadata"]["name"], manifest["kind"]
    if kind in ("ClusterRole", "ClusterRoleBinding"):
        return name in ACCESS
    return kind not in ("Role", "RoleBinding") and not name.startswith("argo-server")


def adapt(deployment: Manifest, image: str, configured: str) -> None:
    """One controller, without an election to wait for when it is restarted: another configuration starts a new one."""
    # Two controllers at once would run each workflow twice.
    deployment["spec"]["strategy"] = {"type": "Recreate"}
    template = deployment["spec"]["template"]
    digest = hashlib.sha256(configured.encode()).hexdigest()[:16]
    template["metadata"].setdefault("annotations", {})["ml-loop.dev/configuration"] = digest
    pod = template["spec"]
    pod["securityContext"] = pod_security()
    container = pod["containers"][0]
    container |= {
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "env": [
            {"name": "LEADER_ELECTION_DISABLE", "value": "true"},
            # As the chart is told: docs/decisions/0024.
            {"name": "DEFAULT_REQUEUE_TIME", "value": "1s"},
            # As the chart is told: a watch that has ended would be read without a pause.
            {"name": "WATCH_CONTROLLER_SEMAPHORE_CONFIGMAPS", "value": "false"},
        ],
        "readinessProbe": {"httpGet": {"path": "/healthz", "port": 6060}, "periodSeconds": 2},
        "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "512Mi"}},
    }


def configuration(executor: str) -> dict[str, Any]:
    """What holds for every workflow. Pods pass Pod Security restricted whatever their template says."""
    return {
        "parallelism": 8,
        "namespaceParallelism": 4,
        # An account that may create workflows may run the templates that are there, and nothing else.
        "workflowRestrictions": {"templateReferencing": "Secure"},
        "executor": {
            "image": executor,
            "imagePullPolicy": "IfNotPresent",
            # The executor writes to a volume on /tmp only.
            "securityContext": container_security(),
            "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": "256Mi"}},
        },
        "mainContainer": {"imagePullPolicy": "IfNotPresent", "securityContext": CONTAINER},
        "workflowDefaults": {
            "spec": {
                "securityContext": pod_security(),
                "ttlStrategy": {"secondsAfterSuccess": DAY, "secondsAfterFailure": 7 * DAY},
                # A finished pod keeps its log for `kubectl logs` for ten minutes, a failed one as long as its workflow.
                "podGC": {"strategy": "OnPodSuccess", "deleteDelayDuration": "600s"},
                "activeDeadlineSeconds": DAY // 4,
            }
        },
    }


ARGO_WORKFLOWS = LocalOperator(
    name="argo-workflows",
    images=("workflow-controller", "argoexec"),
    manifests=manifests,
    deployments=((NAMESPACE, "workflow-controller"),),
)
