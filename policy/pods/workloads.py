"""The pods that an object leads to, as they will run: those it spells out, and those an operator builds from it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import yaml

from policy.manifest import Manifest, Unknown, elements, entries, get
from policy.pods.argo import event_bus_pods, event_pods, sensor_triggers, workflow_pods
from policy.pods.cnpg import pooler_pods, postgres_pods
from policy.pods.kserve import (
    inference_graph_pods,
    inference_service_pods,
    knative_service_pods,
    runtime_pods,
    storage_container_pods,
)
from policy.pods.template import PodTemplate
from policy.rule import Stack

# Where each workload keeps its pod template.
WORKLOADS: Mapping[str, tuple[str, ...]] = {
    "/Pod": (),
    "/PodTemplate": ("template",),
    "/ReplicationController": ("spec", "template"),
    "apps/DaemonSet": ("spec", "template"),
    "apps/Deployment": ("spec", "template"),
    "apps/ReplicaSet": ("spec", "template"),
    "apps/StatefulSet": ("spec", "template"),
    "batch/CronJob": ("spec", "jobTemplate", "spec", "template"),
    "batch/Job": ("spec", "template"),
}


def pods(kind: str, manifest: Manifest, stack: Stack) -> Iterator[PodTemplate]:
    """Every pod of an object of the kind `group/Kind`; none for kinds that lead to none."""
    if kind in WORKLOADS:
        steps = WORKLOADS[kind]
        template = get(manifest, *steps)
        metadata = get(template, "metadata")
        yield PodTemplate(metadata or {}, get(template, "spec"), {"pod": ".".join((*steps, "spec"))})
    elif kind in OPERATED:
        yield from OPERATED[kind](manifest, stack)


def _workflow(*steps: str) -> Callable[[Manifest, Stack], Iterator[PodTemplate]]:
    def build(manifest: Manifest, stack: Stack) -> Iterator[PodTemplate]:
        namespace = get(manifest, "metadata", "namespace")
        return workflow_pods(get(manifest, *steps), ".".join(steps), namespace, stack)

    return build


def _sensor(manifest: Manifest, stack: Stack) -> Iterator[PodTemplate]:
    """The Sensor's own pod, and those of the objects it creates."""
    yield from event_pods(manifest)
    for path, resource in sensor_triggers(manifest):
        if isinstance(resource, Unknown):
            yield PodTemplate({}, resource, {"pod": path})
            continue
        namespace = get(manifest, "metadata", "namespace")
        created = {**resource, "metadata": {"namespace": namespace, **(get(resource, "metadata") or {})}}
        kind = f"{str(get(created, 'apiVersion')).rpartition('/')[0]}/{get(created, 'kind')}"
        for pod in pods(kind, created, stack):
            yield replace(pod, sources={key: f"{path}: {source}" for key, source in pod.sources.items()})


def _application(manifest: Manifest) -> Iterator[PodTemplate]:
    """The pod that the inline values of an Argo CD Application ask for, by the keys that charts agree on.

    The chart is rendered elsewhere, so its own defaults do not count: what must hold is in the values.
    """
    sources = list(elements(get(manifest, "spec", "sources"), "spec.sources"))
    for path, source in [("spec.source", get(manifest, "spec", "source")), *sources]:
        if get(source, "chart") is None:
            continue
        values, key = get(source, "helm", "valuesObject"), "valuesObject"
        if values is None:
            text, key = get(source, "helm", "values"), "values"
            values = yaml.safe_load(text) if isinstance(text, str) else text
        at = f"{path}.helm.{key}"
        variables = [{"name": name, "value": value} for name, value in entries(get(values, "extraEnvVars"))]
        beside = list(elements(get(values, "extraContainers"), f"{at}.extraContainers"))
        container = {
            "name": str(get(source, "chart")),
            "securityContext": get(values, "securityContext"),
            "env": variables,
            **_image(get(values, "image")),
        }
        pod = {
            "securityContext": get(values, "podSecurityContext"),
            "containers": [container, *(each for _, each in beside)],
            "initContainers": get(values, "initContainers"),
            "volumes": get(values, "extraVolumes"),
        }
        origins = {
            "pod": at,
            "pod.securityContext": f"{at}.podSecurityContext",
            "pod.volumes": f"{at}.extraVolumes",
            "pod.containers[0]": at,
            **{f"pod.containers[0].env[{index}]": f"{at}.extraEnvVars" for index in range(len(variables))},
            **{f"pod.containers[{index}]": field for index, (field, _) in enumerate(beside, start=1)},
        }
        yield PodTemplate({}, pod, origins, part=True)


def _image(values: Any) -> dict[str, Any]:
    """The image of a chart's `image.repository`, `tag` and `digest`; none where the chart's own is kept."""
    parts = [get(values, key) for key in ("repository", "tag", "digest")]
    if unknown := [part for part in parts if isinstance(part, Unknown)]:
        return {"image": unknown[0]}
    repository, tag, digest = parts
    return {"image": f"{repository}:{tag}" + (f"@{digest}" if digest else "")} if repository and tag else {}


def _alone(build: Callable[[Manifest], Iterator[PodTemplate]]) -> Callable[[Manifest, Stack], Iterator[PodTemplate]]:
    return lambda manifest, _: build(manifest)


OPERATED: Mapping[str, Callable[[Manifest, Stack], Iterator[PodTemplate]]] = {
    "argoproj.io/Application": _alone(_application),
    "argoproj.io/ClusterWorkflowTemplate": _workflow("spec"),
    "argoproj.io/CronWorkflow": _workflow("spec", "workflowSpec"),
    "argoproj.io/EventBus": _alone(event_bus_pods),
    "argoproj.io/EventSource": _alone(event_pods),
    "argoproj.io/Sensor": _sensor,
    "argoproj.io/Workflow": _workflow("spec"),
    "argoproj.io/WorkflowTemplate": _workflow("spec"),
    "postgresql.cnpg.io/Cluster": _alone(postgres_pods),
    "postgresql.cnpg.io/Pooler": pooler_pods,
    "serving.knative.dev/Service": knative_service_pods,
    "serving.kserve.io/ClusterServingRuntime": _alone(runtime_pods),
    "serving.kserve.io/ClusterStorageContainer": _alone(storage_container_pods),
    "serving.kserve.io/InferenceGraph": inference_graph_pods,
    "serving.kserve.io/InferenceService": inference_service_pods,
    "serving.kserve.io/ServingRuntime": _alone(runtime_pods),
}
"""Kinds whose pods an operator builds, from the object and from what stands beside it."""


def containers(pod: PodTemplate) -> Iterator[tuple[str, Any]]:
    """(path, container) of a pod's init, main and ephemeral containers; paths start at `pod`."""
    for key in ("initContainers", "containers", "ephemeralContainers"):
        yield from elements(get(pod.spec, key), f"pod.{key}")
