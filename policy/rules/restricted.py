"""Every pod the stack leads to passes Pod Security restricted as it will run, what operators inject included."""

from collections.abc import Iterator
from dataclasses import replace

from policy import pod_security
from policy.pods.workloads import OPERATED, WORKLOADS, pods
from policy.rule import Resource, Rule, Stack
from policy.violation import Violation


def pod_violations(resource: Resource, stack: Stack) -> Iterator[Violation]:
    """What Kubernetes' admission would refuse of each pod of the resource."""
    for pod in pods(resource.kind, resource.manifest, stack):
        found = pod_security.violations(pod.metadata, pod.spec, owner=resource.name, path="pod")
        for violation in found:
            yield replace(violation, field=pod.source(violation.field), required=pod.source(violation.required))


def workloads(resource: Resource, stack: Stack) -> Iterator[Violation]:
    """Workloads spell their pods out: one object is enough."""
    return pod_violations(resource, stack) if resource.kind in WORKLOADS else iter(())


def operated(resource: Resource, stack: Stack) -> Iterator[Violation]:
    """Operators build pods from an object and from what stands beside it: all objects are needed."""
    return pod_violations(resource, stack) if resource.kind in OPERATED else iter(())


RESTRICTED_PODS = Rule(
    name="restricted-pods",
    description="Pods of workloads pass Pod Security restricted.",
    check=workloads,
)
RESTRICTED_OPERATED_PODS = Rule(
    name="restricted-operated-pods",
    description="Pods that operators build pass Pod Security restricted, injected containers included.",
    check=operated,
    whole_stack=True,
    options={
        "argoWorkflowsController": {
            "type": "object",
            "description": "Config of a workflow controller that this stack does not install: executor, mainContainer, "
            "workflowDefaults, as in its workflow-controller-configmap. Without it upstream's defaults count.",
        },
        "knativeFeatures": {
            "type": "object",
            "description": "Data of config-features of a Knative Serving that this stack does not install.",
        },
    },
)
