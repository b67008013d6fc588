"""The pods of Argo Workflows and Argo Events, as their controllers build them.

Sources: argo-workflows v4.0.7 workflow/controller/workflowpod.go, agent.go; argo-events v1.9.10
pkg/reconciler/eventsource/, sensor/resource.go and eventbus/installer/.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from policy.manifest import Manifest, Unknown, elements, get, strategic_merge
from policy.pods.template import PodTemplate
from policy.rule import Stack

CONTROLLER_CONFIG = "workflow-controller-configmap"

# What the controller gives resource and agent pods when its config says nothing (common.MinimalCtrSC, MinimalPodSC).
MINIMAL_CONTAINER = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}
MINIMAL_POD = {"runAsNonRoot": True, "runAsUser": 8737, "seccompProfile": {"type": "RuntimeDefault"}}
ACCOUNT_KEYS = ("serviceAccountName", "automountServiceAccountToken")


def controller_config(stack: Stack) -> Mapping[str, Any]:
    """The workflow controller's config: its ConfigMap among the resources, else the option `argoWorkflowsController`.

    With neither, upstream's defaults: no security context for init and wait, which restricted refuses.
    """
    for manifest in stack.manifests("/ConfigMap"):
        if str(get(manifest, "metadata", "name")).endswith(CONTROLLER_CONFIG):
            return _config_data(get(manifest, "data"))
    return stack.options.get("argoWorkflowsController") or {}


def _config_data(data: Any) -> Mapping[str, Any]:
    if isinstance(data, Unknown):
        return dict.fromkeys(("executor", "mainContainer", "workflowDefaults"), data)
    whole = get(data, "config")
    if isinstance(whole, Unknown):
        return _config_data(whole)
    values = {key: value if isinstance(value, Unknown) else _yaml(value) for key, value in (data or {}).items()}
    return {**values, **(_yaml(whole) or {})} if whole else values


def _yaml(text: Any) -> Any:
    try:
        return yaml.safe_load(text) if isinstance(text, str) else text
    except yaml.YAMLError:
        return Unknown(f"unreadable YAML: {text.splitlines()[0] if text else text}")


def workflow_pods(spec: Any, path: str, namespace: str | None, stack: Stack) -> Iterator[PodTemplate]:
    """One pod for each template that runs one. `spec` is a WorkflowSpec, at `path` in its object."""
    config = controller_config(stack)
    reference = get(spec, "workflowTemplateRef")
    if reference is not None:
        kind, scope = (
            ("ClusterWorkflowTemplate", None) if get(reference, "clusterScope") else ("WorkflowTemplate", namespace)
        )
        target = stack.find(f"argoproj.io/{kind}", scope, str(get(reference, "name")))
        if target is None:
            unknown = Unknown(f"{path}.workflowTemplateRef")
            yield PodTemplate({}, unknown, {"pod": f"{path}.workflowTemplateRef"})
            return
        spec = strategic_merge(get(target, "spec"), spec)
    spec = strategic_merge(get(config, "workflowDefaults", "spec"), spec) if get(config, "workflowDefaults") else spec
    agent_needed = False
    for template_path, own in _templates(spec, path):
        template = strategic_merge(get(spec, "templateDefaults"), own)
        agent_needed = agent_needed or get(template, "http") is not None or get(template, "plugin") is not None
        yield from _template_pod(template, template_path, spec, path, config)
    if agent_needed:
        pod = {"securityContext": MINIMAL_POD, "containers": [{"name": "main", "securityContext": MINIMAL_CONTAINER}]}
        yield PodTemplate({}, _patched(pod, spec, {}), {"pod": f"{path}.podSpecPatch"}, frozenset({"main"}))


def _templates(spec: Any, path: str) -> Iterator[tuple[str, Any]]:
    """All templates, also those written inline in steps and tasks."""
    for template_path, template in elements(get(spec, "templates"), f"{path}.templates"):
        yield template_path, template
        for task_path, task in elements(get(template, "dag", "tasks"), f"{template_path}.dag.tasks"):
            if get(task, "inline") is not None:
                yield f"{task_path}.inline", get(task, "inline")
        for group_path, group in elements(get(template, "steps"), f"{template_path}.steps"):
            for step_path, step in elements(group, group_path):
                if get(step, "inline") is not None:
                    yield f"{step_path}.inline", get(step, "inline")


def _template_pod(
    template: Any, path: str, spec: Any, spec_path: str, config: Mapping[str, Any]
) -> Iterator[PodTemplate]:
    if isinstance(template, Unknown):
        yield PodTemplate({}, template, {"pod": path})
        return
    executor = {"securityContext": get(config, "executor", "securityContext")}
    mains = list(_main_containers(template, path, executor))
    if not mains:
        return
    defaults = get(config, "mainContainer") or {}
    sidecars = list(elements(template.get("sidecars"), f"{path}.sidecars"))
    inits = list(elements(template.get("initContainers"), f"{path}.initContainers"))
    lone = get(template, "resource") is not None or get(template, "data") is not None
    wait = [] if lone else [("executor of " + CONTROLLER_CONFIG, {"name": "wait", **executor})]
    merged = [(source, strategic_merge(defaults, container)) for source, container in mains]
    containers = [*wait, *merged, *sidecars]
    starting = [("executor of " + CONTROLLER_CONFIG, {"name": "init", **_executor(template, executor)}), *inits]
    context_path = path if template.get("securityContext") is not None else spec_path
    pod = {
        "securityContext": template.get("securityContext") or get(spec, "securityContext"),
        "hostNetwork": get(spec, "hostNetwork"),
        **{key: template.get(key, get(spec, key)) for key in ACCOUNT_KEYS},
        "volumes": [*_list(get(spec, "volumes")), *_list(template.get("volumes"))],
        "initContainers": [container for _, container in starting],
        "containers": [container for _, container in containers],
    }
    sources = {
        "pod": f"{path}.podSpecPatch",
        "pod.securityContext": f"{context_path}.securityContext",
        "pod.hostNetwork": f"{spec_path}.hostNetwork",
        "pod.serviceAccountName": f"{path}.serviceAccountName",
        "pod.automountServiceAccountToken": f"{path}.automountServiceAccountToken",
        "pod.volumes": f"{path}.volumes",
        **{f"pod.initContainers[{index}]": source for index, (source, _) in enumerate(starting)},
        **{f"pod.containers[{index}]": source for index, (source, _) in enumerate(containers)},
    }
    metadata = strategic_merge(get(spec, "podMetadata") or {}, template.get("metadata"))
    yield PodTemplate(metadata, _patched(pod, spec, template), sources)


def _main_containers(template: Manifest, path: str, executor: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for kind in ("container", "script"):
        if template.get(kind) is not None:
            container = template[kind]
            yield f"{path}.{kind}", container if isinstance(container, Unknown) else {**container, "name": "main"}
    yield from elements(get(template, "containerSet", "containers"), f"{path}.containerSet.containers")
    for kind in ("resource", "data"):
        if template.get(kind) is not None:
            yield "executor of " + CONTROLLER_CONFIG, {"name": "main", **_executor(template, executor)}


def _executor(template: Manifest, executor: Mapping[str, Any]) -> Mapping[str, Any]:
    if template.get("resource") is not None and executor["securityContext"] is None:
        return {"securityContext": MINIMAL_CONTAINER}
    return executor


def _patched(pod: Any, spec: Any, template: Any) -> Any:
    for patch in (get(spec, "podSpecPatch"), get(template, "podSpecPatch")):
        if patch is not None:
            parsed = _yaml(patch)
            if not isinstance(parsed, Mapping):
                return parsed if isinstance(parsed, Unknown) else Unknown("podSpecPatch")
            pod = strategic_merge(pod, parsed)
    return pod


def _list(value: Any) -> list[Any]:
    return [element for _, element in elements(value, "")]


def event_pods(manifest: Manifest) -> Iterator[PodTemplate]:
    """The one pod of an EventSource or a Sensor: its container is always named `main`."""
    template = get(manifest, "spec", "template")
    container = get(template, "container")
    main = container if isinstance(container, Unknown) else {**(container or {}), "name": "main"}
    pod = {
        "securityContext": get(template, "securityContext"),
        "serviceAccountName": get(template, "serviceAccountName"),
        "volumes": get(template, "volumes"),
        "containers": [main],
    }
    sources = {"pod": "spec.template", "pod.containers[0]": "spec.template.container"}
    yield PodTemplate(get(template, "metadata") or {}, pod, sources)


def sensor_triggers(manifest: Manifest) -> Iterator[tuple[str, Any]]:
    """The (path, object) pairs that a Sensor creates."""
    for path, trigger in elements(get(manifest, "spec", "triggers"), "spec.triggers"):
        for kind in ("k8s", "argoWorkflow"):
            source = get(trigger, "template", kind, "source", "resource")
            if source is not None:
                yield f"{path}.template.{kind}.source.resource", source


def event_bus_pods(manifest: Manifest) -> Iterator[PodTemplate]:
    """The server's pods; none for an exotic bus, whose server is not the operator's."""
    for path, parts in (
        (
            "jetstream",
            {
                "main": "containerTemplate",
                "reloader": "reloaderContainerTemplate",
                "metrics": "metricsContainerTemplate",
            },
        ),
        ("nats.native", {"stan": "containerTemplate", "metrics": "metricsContainerTemplate"}),
    ):
        bus = get(manifest, "spec", *path.split("."))
        if bus is None:
            continue
        containers = [
            {"name": name, "securityContext": get(bus, key, "securityContext")} for name, key in parts.items()
        ]
        sources = {f"pod.containers[{index}]": f"spec.{path}.{key}" for index, key in enumerate(parts.values())}
        pod = {"securityContext": get(bus, "securityContext"), "containers": containers}
        yield PodTemplate(get(bus, "metadata") or {}, pod, {"pod": f"spec.{path}", **sources})
