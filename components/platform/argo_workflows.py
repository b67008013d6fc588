"""The operator that runs trainings: installed by a pinned chart, or already part of the cluster.

Not installed: Argo's server. The loop needs none, `argo` and `kubectl` talk to Kubernetes itself, and a page on which
workflows can be started is one more thing to defend.
"""

import hashlib
import json
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import pulumi
from pulumi import Output, ResourceOptions

import versions
from components.kit.chart import chart
from components.kit.pod import resources
from components.kit.restricted import NONROOT, container_security_context, pod_security_context
from components.platform.operator import Operator, OperatorArgs, operator_namespace

DAY: Final = 24 * 60 * 60
NAMESPACE: Final = "argo"
METRICS_PORT: Final = 9090
REQUEUE: Final = {"name": "DEFAULT_REQUEUE_TIME", "value": "1s"}
"""How long the controller waits before it looks at a workflow whose pod has changed; its own default is 10 s, between
any two steps. See docs/decisions/0024.
"""
NO_CONFIGURATION_WATCH: Final = {"name": "WATCH_CONTROLLER_SEMAPHORE_CONFIGMAPS", "value": "false"}
"""The controller reads a watch that the API server has ended for good, as after a restart, on and on without a pause,
and logs 36,000 lines a second. What the watch is for, a changed configuration, starts new pods instead.
"""
CONFIGURATION: Final = "ml-loop.dev/configuration"
"""Annotation of the controller's pods: hash of what they read when they start."""


@dataclass(frozen=True, kw_only=True)
class ArgoWorkflowsArgs(OperatorArgs):
    """How Argo Workflows comes into the cluster."""

    workflow_namespace: pulumi.Input[str]
    """Where the loop's workflows run."""


class ArgoWorkflows(Operator[ArgoWorkflowsArgs]):
    """Creates a restricted namespace and the chart's objects in it, CRDs included; nothing where `install` is false.

    External: the chart's repository. Removing the chart leaves the CRDs, and so every workflow
    (`helm.sh/resource-policy: keep`).
    """

    INSTALLED: ClassVar = str(versions.ARGO_WORKFLOWS)
    namespace: Output[str] | None = None
    """Where only the controller runs. None: the cluster brings its own."""

    def install(self, name: str, args: ArgoWorkflowsArgs, child: ResourceOptions) -> None:
        self.namespace = operator_namespace(name, NAMESPACE, opts=child)
        chart(
            f"{name}-chart",
            versions.ARGO_WORKFLOWS,
            namespace=self.namespace,
            values=_values(args.workflow_namespace),
            mirror=args.chart_mirror,
            opts=child,
        )


def _values(workflow_namespace: pulumi.Input[str]) -> dict[str, Any]:
    values = _told(workflow_namespace)
    read = {key: each for key, each in values["controller"].items() if key != "workflowNamespaces"}
    configuration = json.dumps([read, values["executor"], values["mainContainer"]], sort_keys=True)
    digest = hashlib.sha256(configuration.encode()).hexdigest()[:16]
    return values | {"controller": values["controller"] | {"podAnnotations": {CONFIGURATION: digest}}}


def _told(workflow_namespace: pulumi.Input[str]) -> dict[str, Any]:
    small = resources(cpu="10m", memory="32Mi", memory_limit="256Mi")
    return {
        # With `full`, the chart's default, a hook downloads the CRDs; without hooks there would be none.
        "crds": {"install": True, "keep": True, "full": False},
        "images": {"pullPolicy": "IfNotPresent"},
        "server": {"enabled": False},
        # Each step runs as an account of the stack's own.
        "workflow": {"serviceAccount": {"create": False}, "rbac": {"create": False}},
        "controller": {
            # One works, the other takes over: the chart turns leader election on with the second replica.
            "replicas": 2,
            "pdb": {"enabled": True, "minAvailable": 1},
            "podSecurityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
            "resources": resources(cpu="100m", memory="128Mi", memory_limit="1Gi"),
            "workflowNamespaces": [workflow_namespace],
            "extraEnv": [REQUEUE, NO_CONFIGURATION_WATCH],
            # Nothing reaches it unless `components.observability.observability` allows it.
            "metricsConfig": {"enabled": True, "port": METRICS_PORT},
            "parallelism": 10,
            "namespaceParallelism": 4,
            # An account that may create workflows may run the templates that are there, and nothing else.
            "workflowRestrictions": {"templateReferencing": "Secure"},
            "workflowDefaults": {
                "spec": {
                    "securityContext": pod_security_context(),
                    "ttlStrategy": {"secondsAfterSuccess": DAY, "secondsAfterFailure": 7 * DAY},
                    "podGC": {"strategy": "OnPodSuccess", "deleteDelayDuration": "600s"},
                    "activeDeadlineSeconds": DAY // 4,
                }
            },
        },
        # Init and wait containers: the executor's image runs as root unless told otherwise.
        "executor": {
            "securityContext": container_security_context() | {"runAsNonRoot": True, "runAsUser": NONROOT},
            "resources": small,
        },
        "mainContainer": {"securityContext": container_security_context()},
    }
