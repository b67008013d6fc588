"""What must hold for every component, as functions from a recording to complaints. No complaint: it holds."""

from collections.abc import Iterator, Mapping, Set
from typing import Any

from policy.pods.workloads import containers, pods
from policy.rule import Resource, Stack
from tests.program.mocks import Recording, Registered, texts

PRODUCTION = "prod"


def orphans(recording: Recording) -> Iterator[str]:
    """Children that a component made without itself as their parent."""
    for resource in recording.resources:
        if not resource.type.startswith(("pulumi:providers:", "ml-loop:")) and recording.parent_of(resource) is None:
            yield f"{resource.name} ({resource.type}) has no component as its parent"


def misnamed(recording: Recording) -> Iterator[str]:
    """Names that say nothing of where in the stack the resource is; two components of a class would clash."""
    for resource in recording.resources:
        parent = recording.parent_of(resource)
        if parent and not resource.name.startswith(f"{parent.name}-"):
            yield f"{resource.name} ({resource.type}) should start with {parent.name}-"


def strayed(recording: Recording, providers: Mapping[str, str]) -> Iterator[str]:
    """Resources outside the program's providers. `providers`: package → the provider's name."""
    for resource in recording.resources:
        package = resource.type.partition(":")[0]
        if package in providers and resource.provider != providers[package]:
            yield f"{resource.name} ({resource.type}) has the provider {resource.provider or 'of its own package'}"


def silent(recording: Recording) -> Iterator[str]:
    """Components that registered no outputs: Pulumi shows them as being created for ever."""
    for resource in recording.resources:
        if resource.type.startswith("ml-loop:") and not resource.outputs:
            yield f"{resource.name} ({resource.type}) registered no outputs"


def unpinned(recording: Recording, allowed: Set[str]) -> Iterator[str]:
    """Images that come neither from `versions` nor from a component's arguments."""
    stack = as_stack(recording)
    for resource in stack.resources:
        for image in _images(resource, stack):
            if image not in allowed:
                yield f"{resource.name} runs the image {image}, which is neither pinned nor given"


def tokens(recording: Recording) -> Iterator[str]:
    """Pods that are handed a token for the API without a role that makes it worth anything."""
    bindings = (*recording.of("RoleBinding"), *recording.of("ClusterRoleBinding"))
    bound = {subject["name"] for binding in bindings for subject in binding.inputs["subjects"]}
    for resource in recording.resources:
        spec: Mapping[str, Any] = _pod_template(resource).get("spec", {})
        handed = spec and spec.get("automountServiceAccountToken") is not False
        if handed and spec.get("serviceAccountName") not in bound:
            yield f"{resource.name} ({resource.type}) mounts a service account's token"


def revealed(recording: Recording, secret: str) -> Iterator[str]:
    """Inputs and outputs that show a secret."""
    for resource in recording.resources:
        if any(secret in text for text in texts([resource.inputs, resource.outputs or {}])):
            yield f"{resource.name} ({resource.type}) shows a secret"


def nulls(recording: Recording) -> Iterator[str]:
    """Fields that are sent as null, which is neither a value nor left out: the API server owns them from then on."""
    for resource in recording.resources:
        for path in _nulls(resource.inputs, ""):
            yield f"{resource.name} ({resource.type}) sends null as {path}"


def _nulls(value: Any, path: str) -> Iterator[str]:
    if value is None:
        yield path
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _nulls(item, f"{path}.{key}".lstrip("."))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _nulls(item, f"{path}[{index}]")


def idle_policies(recording: Recording) -> Iterator[str]:
    """NetworkPolicies that select no pod the recording leads to."""
    labels = list(_pod_labels(recording))
    for policy in recording.of("NetworkPolicy"):
        wanted = policy.inputs["spec"]["podSelector"].get("matchLabels", {})
        if wanted and not any(wanted.items() <= found.items() for found in labels):
            yield f"{policy.name} selects no pod: {wanted}"


def strangers(recording: Recording) -> Iterator[str]:
    """Peers of the program's own namespaces that are no pod of the program: a label that nobody carries."""
    labels = list(_pod_labels(recording))
    for policy in recording.of("NetworkPolicy"):
        spec = policy.inputs["spec"]
        rules = [(rule, "from") for rule in spec.get("ingress") or []] + [
            (rule, "to") for rule in spec.get("egress") or []
        ]
        for peer in [peer for rule, key in rules for peer in rule.get(key, []) if "namespaceSelector" not in peer]:
            wanted = peer.get("podSelector", {}).get("matchLabels", {})
            if not any(wanted.items() <= found.items() for found in labels):
                yield f"{policy.name} names a peer that is no pod: {wanted}"


def as_stack(recording: Recording, name: str = PRODUCTION) -> Stack:
    """The recording as the policy pack sees it."""
    return Stack(tuple(_as_resource(resource) for resource in recording.resources), name)


def _as_resource(resource: Registered) -> Resource:
    kubernetes = resource.type.startswith("kubernetes:") and "apiVersion" in resource.inputs
    return Resource(
        manifest=resource.inputs,
        type=resource.type,
        urn=resource.urn,
        label="" if kubernetes else resource.name,
        protected=resource.protected,
        references=resource.references,
    )


def _pod_template(resource: Registered) -> Mapping[str, Any]:
    """A workload's own, a CronJob's among them; empty where there is none."""
    spec: Mapping[str, Any] = resource.inputs.get("spec", {})
    return spec.get("jobTemplate", {}).get("spec", spec).get("template", {})


def _images(resource: Resource, stack: Stack) -> Iterator[Any]:
    for pod in pods(resource.kind, resource.manifest, stack):
        yield from (container["image"] for _, container in containers(pod) if "image" in container)
    if resource.kind == "postgresql.cnpg.io/Cluster":
        yield resource.manifest["spec"]["imageName"]


def _pod_labels(recording: Recording) -> Iterator[Mapping[str, str]]:
    yield from _delivered_labels(recording)
    for resource in recording.resources:
        template = _pod_template(resource)
        if "metadata" in template:
            yield template["metadata"].get("labels", {})
        if resource.inputs.get("kind") == "Cluster":
            inherited: Mapping[str, str] = resource.inputs["spec"].get("inheritedMetadata", {}).get("labels", {})
            yield {"cnpg.io/cluster": resource.inputs["metadata"]["name"], **inherited}
        if resource.inputs.get("kind") == "EventBus" and "jetstream" in resource.inputs["spec"]:
            yield resource.inputs["spec"]["jetstream"]["metadata"]["labels"]
        if resource.inputs.get("kind") == "InferenceService":
            yield resource.inputs["spec"]["predictor"]["labels"]
        if resource.inputs.get("kind") == "InferenceGraph":
            yield {"serving.kserve.io/inferencegraph": resource.inputs["metadata"]["name"]}
        if resource.inputs.get("kind") == "WorkflowTemplate":
            built = pods("argoproj.io/WorkflowTemplate", resource.inputs, Stack())
            yield from (pod.metadata["labels"] for pod in built)
        if resource.inputs.get("kind") == "KnativeServing":
            yield from ({"app": "webhook"}, {"app": "3scale-kourier-gateway"})
        if resource.type.endswith(":Chart"):
            yield {"app.kubernetes.io/name": resource.inputs["chart"]}


def _delivered_labels(recording: Recording) -> Iterator[Mapping[str, str]]:
    """Those of the pods that Argo CD makes from a chart."""
    for application in recording.of("Application"):
        source = application.inputs["spec"]["source"]
        yield {
            "app.kubernetes.io/name": source["chart"],
            "app.kubernetes.io/instance": source["helm"]["releaseName"],
            **source["helm"]["valuesObject"]["extraPodLabels"],
        }
