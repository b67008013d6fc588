"""The pods of KServe, as its controller and its pod webhook build them, in both modes.

Sources: kserve v0.20.0 pkg/utils/storage.go, pkg/webhook/admission/pod/storage_initializer_injector.go,
pkg/controller/v1beta1/inferenceservice/utils/utils.go, pkg/controller/v1alpha1/inferencegraph/; Knative Serving 1.21
pkg/apis/serving/v1/revision_defaults.go for `secure-pod-defaults`.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from policy.manifest import Manifest, Unknown, elements, entries, get, strategic_merge
from policy.pods.template import PodTemplate
from policy.rule import Stack

MODE_ANNOTATION = "serving.kserve.io/deploymentMode"
KNATIVE_MODES = ("Knative", "Serverless")
# Keys of a predictor that are frameworks' own spellings of `model`.
FRAMEWORKS = (
    "sklearn",
    "xgboost",
    "tensorflow",
    "pytorch",
    "triton",
    "onnx",
    "huggingface",
    "pmml",
    "lightgbm",
    "paddle",
)

SECURE_POD_DEFAULTS = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}
QUEUE_PROXY = {"name": "queue-proxy", "securityContext": SECURE_POD_DEFAULTS}
ROUTER_CONTEXT = {
    "privileged": False,
    "runAsNonRoot": True,
    "readOnlyRootFilesystem": True,
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
}


def knative_mode(manifest: Manifest) -> bool:
    """Standard mode unless the object's own annotation says otherwise: what passes in Standard mode passes in both."""
    return get(manifest, "metadata", "annotations", MODE_ANNOTATION) in KNATIVE_MODES


def secure_pod_defaults(stack: Stack) -> bool:
    """Whether Knative Serving fills in what user containers leave out.

    Its config is that of the Knative in the stack, else the option `knativeFeatures`.
    """
    features = [
        get(serving, "spec", "config", "features") for serving in stack.manifests("operator.knative.dev/KnativeServing")
    ]
    maps = [
        manifest for manifest in stack.manifests("/ConfigMap") if get(manifest, "metadata", "name") == "config-features"
    ]
    features += [get(manifest, "data") for manifest in maps]
    features.append(stack.options.get("knativeFeatures") or {})
    return any(str(get(feature, "secure-pod-defaults")).lower() == "enabled" for feature in features)


def secured(container: Any) -> Any:
    """A user container as Knative's `secure-pod-defaults` leaves it."""
    if isinstance(container, Unknown):
        return container
    return {**container, "securityContext": strategic_merge(SECURE_POD_DEFAULTS, get(container, "securityContext"))}


def inference_service_pods(manifest: Manifest, stack: Stack) -> Iterator[PodTemplate]:
    """One pod for each of predictor, transformer and explainer."""
    for part in ("predictor", "transformer", "explainer"):
        component = get(manifest, "spec", part)
        if component is not None:
            yield _component_pod(manifest, component, f"spec.{part}", stack)


def _component_pod(manifest: Manifest, component: Any, path: str, stack: Stack) -> PodTemplate:
    containers = list(elements(get(component, "containers"), f"{path}.containers"))
    containers += _model_containers(manifest, component, path, stack)
    inits = list(elements(get(component, "initContainers"), f"{path}.initContainers"))
    injected: list[tuple[str, Any]] = []
    sidecars: list[tuple[str, Any]] = []
    if knative_mode(manifest):
        if secure_pod_defaults(stack):
            containers = [(source, secured(container)) for source, container in containers]
            inits = [(source, secured(container)) for source, container in inits]
        sidecars.append(("queue-proxy of Knative Serving", QUEUE_PROXY))
    for uri_path, uri in _storage_uris(component, path):
        if str(uri).startswith("oci"):
            # KServe gives these no security context, and no way to set one.
            sidecars.append((f"modelcar of {uri_path}", {"name": "modelcar"}))
            injected.append((f"modelcar of {uri_path}", {"name": "modelcar-init"}))
        elif not str(uri).startswith("pvc://"):
            injected.append(_storage_initializer(uri, uri_path, stack))
    starting, running = inits + injected, containers + sidecars
    spec = (
        component
        if isinstance(component, Unknown)
        else {
            **component,
            "initContainers": [container for _, container in starting],
            "containers": [container for _, container in running],
        }
    )
    sources = {
        "pod": path,
        **{f"pod.initContainers[{index}]": source for index, (source, _) in enumerate(starting)},
        **{f"pod.containers[{index}]": source for index, (source, _) in enumerate(running)},
    }
    names = frozenset(str(get(container, "name")) for _, container in injected + sidecars)
    annotations = strategic_merge(get(manifest, "metadata", "annotations") or {}, get(component, "annotations"))
    return PodTemplate({"annotations": annotations}, spec, sources, names)


def _model_containers(manifest: Manifest, component: Any, path: str, stack: Stack) -> Iterator[tuple[str, Any]]:
    """The runtime's containers, with the model's own settings merged into `kserve-container`."""
    for key in ("model", *FRAMEWORKS):
        model = get(component, key)
        if model is None or isinstance(component, Unknown):
            continue
        runtime = _runtime(get(model, "runtime"), get(manifest, "metadata", "namespace"), stack)
        settings = model if isinstance(model, Unknown) else {**model, "name": "kserve-container"}
        pod = list(elements(get(runtime, "spec", "containers"), "containers")) or [("", {"name": "kserve-container"})]
        for _, container in pod:
            if get(container, "name") == "kserve-container":
                yield f"{path}.{key}", strategic_merge(container, settings)
            else:
                yield f"container of ServingRuntime {get(model, 'runtime')}", container


def _runtime(name: Any, namespace: Any, stack: Stack) -> Manifest | None:
    if not isinstance(name, str):
        return None
    own = stack.find("serving.kserve.io/ServingRuntime", namespace, name)
    return own or stack.find("serving.kserve.io/ClusterServingRuntime", None, name)


def _storage_uris(component: Any, path: str) -> Iterator[tuple[str, Any]]:
    for key, value in entries(component):
        if key in ("model", *FRAMEWORKS) and get(value, "storageUri") is not None:
            yield f"{path}.{key}.storageUri", get(value, "storageUri")
    for element_path, element in elements(get(component, "storageUris"), f"{path}.storageUris"):
        yield f"{element_path}.uri", get(element, "uri")


def _storage_initializer(uri: Any, uri_path: str, stack: Stack) -> tuple[str, Any]:
    """The container that fetches the model: that of the storage container that serves the URI.

    If none of the resources does, it is upstream's own initializer, which has no security context.
    """
    for storage in stack.manifests("serving.kserve.io/ClusterStorageContainer"):
        container = get(storage, "spec", "container")
        formats = [supported for _, supported in elements(get(storage, "spec", "supportedUriFormats"), "")]
        if any(_serves(supported, uri) for supported in formats):
            source = f"ClusterStorageContainer {get(storage, 'metadata', 'name')}: spec.container"
            name = container if isinstance(container, Unknown) else {**(container or {}), "name": "storage-initializer"}
            return source, name
    return f"the storage initializer for {uri_path}", {"name": "storage-initializer"}


def _serves(supported: Any, uri: Any) -> bool:
    if isinstance(uri, Unknown):
        return False
    prefix, regex = get(supported, "prefix"), get(supported, "regex")
    return (isinstance(prefix, str) and str(uri).startswith(prefix)) or (
        isinstance(regex, str) and re.match(regex, str(uri)) is not None
    )


def runtime_pods(manifest: Manifest) -> Iterator[PodTemplate]:
    """The runtime's containers in a pod that sets all it can: no InferenceService can mend what is wrong in it."""
    spec = get(manifest, "spec")
    context = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    pod = spec if isinstance(spec, Unknown) else {**(spec or {}), "securityContext": context}
    yield PodTemplate({"annotations": get(spec, "annotations")}, pod, {"pod": "spec"}, part=True)


def storage_container_pods(manifest: Manifest) -> Iterator[PodTemplate]:
    """A storage container by itself: in Knative mode nothing else sets the context of what the webhook injects."""
    pod = {"initContainers": [get(manifest, "spec", "container")]}
    yield PodTemplate({}, pod, {"pod.initContainers[0]": "spec.container"}, part=True)


def inference_graph_pods(manifest: Manifest, stack: Stack) -> Iterator[PodTemplate]:
    """The router. In Standard mode no field reaches its seccomp profile, so restricted always refuses it."""
    router: Any = {"name": get(manifest, "metadata", "name"), "securityContext": ROUTER_CONTEXT}
    containers = [router]
    if knative_mode(manifest):
        containers = [secured(router) if secure_pod_defaults(stack) else router, QUEUE_PROXY]
    source = "the router that KServe builds"
    yield PodTemplate({}, {"containers": containers}, {"pod": source}, frozenset({str(router["name"]), "queue-proxy"}))


def knative_service_pods(manifest: Manifest, stack: Stack) -> Iterator[PodTemplate]:
    """The pod of a Knative Service, with Knative's own sidecar."""
    template: Mapping[str, Any] | Unknown | None = get(manifest, "spec", "template")
    spec = get(template, "spec")
    containers = [container for _, container in elements(get(spec, "containers"), "")]
    if secure_pod_defaults(stack):
        containers = [secured(container) for container in containers]
    pod = spec if isinstance(spec, Unknown) else {**(spec or {}), "containers": [*containers, QUEUE_PROXY]}
    yield PodTemplate(get(template, "metadata") or {}, pod, {"pod": "spec.template.spec"}, frozenset({"queue-proxy"}))
