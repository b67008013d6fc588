"""A workflow step: make a service serve the version its alias names, or leave it as it was and say why.

The resolved version becomes an annotation of the InferenceService's predictor, set by server-side apply under a field
manager of our own, so that neither Pulumi nor the user's `kubectl apply` takes it away. KServe rolls the pods; each
reads the annotation through the downward API, so all pods of one rollout load one version wherever the alias moves.

Needs: `get` and `patch` on the InferenceService, `list` on Deployments and Pods, and port 8080 of the predictor's pods.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import urllib3
from kubernetes import client, config
from kubernetes.client.api_client import ApiClient
from kubernetes.client.exceptions import ApiException

from loop.contract import VERSION_ANNOTATION
from loop.registry import Registry, RegistryError
from loop.serving.resolve import resolve
from loop.serving.uri import ModelRef

GROUP, VERSION, PLURAL = "serving.kserve.io", "v1beta1", "inferenceservices"
FIELD_MANAGER = "ml-loop-rollout"
SERVICE_LABEL = f"{GROUP}/inferenceservice"
"""KServe puts it on Deployments and Pods, in Standard and in Knative mode."""
REVISION_LABEL = "serving.knative.dev/revision"
"""In Knative mode each rollout has a Deployment of its own, and those of earlier ones stay."""
PORT = 8080
POLL_SECONDS = 1.0


class RolloutError(Exception):
    """The service does not serve the version. One sentence for the workflow's log."""


@dataclass(frozen=True)
class Service:
    """An InferenceService and the registered model behind it."""

    namespace: str
    name: str
    model: str


@dataclass(frozen=True)
class Deployment:
    """The predictor's Deployment: of what the client calls optional, what the API server always sends."""

    generation: int
    wanted: int
    """Pods."""
    status: client.V1DeploymentStatus
    revision: str | None
    """Knative's name of it; None in Standard mode."""


@dataclass(frozen=True)
class Pod:
    """One of the predictor's pods, likewise."""

    name: str
    status: client.V1PodStatus
    revision: str | None


class Cluster:
    """The few calls a rollout makes."""

    def __init__(self, api: ApiClient, service: Service) -> None:
        self._api, self._service = api, service
        self._http = urllib3.PoolManager(retries=False, timeout=2.0)

    @property
    def model(self) -> str:
        """The registered model behind the service."""
        return self._service.model

    def version(self) -> str | None:
        """The version of the running rollout; None before the first one. Raises RolloutError: no such service."""
        return self.pinned()[0]

    def pinned(self) -> tuple[str | None, str]:
        """That, and the object's resource version."""
        try:
            found = client.CustomObjectsApi(self._api).get_namespaced_custom_object(
                GROUP, VERSION, self._service.namespace, PLURAL, self._service.name
            )
        except ApiException as error:
            raise RolloutError(f"InferenceService {self._where()}: {_said(error)}") from error
        version = found["spec"]["predictor"].get("annotations", {}).get(VERSION_ANNOTATION)
        return version, found["metadata"]["resourceVersion"]

    def annotate(self, version: str | None, at: str | None = None) -> None:
        """Own the annotation with this value, or give it up (None). With `at`, only if that is the resource version."""
        expected = {} if at is None else {"resourceVersion": at}
        annotations = {"annotations": {VERSION_ANNOTATION: version}} if version else {}
        body = {
            "apiVersion": f"{GROUP}/{VERSION}",
            "kind": "InferenceService",
            "metadata": {"name": self._service.name, "namespace": self._service.namespace, **expected},
            "spec": {"predictor": annotations},
        }
        try:
            # CustomObjectsApi offers no apply patch: its content type is fixed to a merge patch.
            self._api.call_api(  # pyright: ignore[reportAttributeAccessIssue]  # public, but not in the stubs
                f"/apis/{GROUP}/{VERSION}/namespaces/{self._service.namespace}/{PLURAL}/{self._service.name}",
                "PATCH",
                query_params=[("fieldManager", FIELD_MANAGER), ("force", "true")],
                header_params={"Content-Type": "application/apply-patch+yaml", "Accept": "application/json"},
                body=body,
                response_type="object",
                auth_settings=["BearerToken"],
            )
        except ApiException as error:
            raise RolloutError(f"annotating InferenceService {self._where()}: {_said(error)}") from error

    def deployment(self, version: str) -> Deployment | None:
        """The predictor's newest Deployment, once it has this version: in Knative mode an older one may have it too."""
        found = client.AppsV1Api(self._api).list_namespaced_deployment(
            self._service.namespace, label_selector=f"{SERVICE_LABEL}={self._service.name}"
        )
        for each in sorted(found.items, key=_made, reverse=True):
            if each.metadata and each.spec and each.status:
                if not _annotated(each.spec.template.metadata, version):
                    return None
                wanted = 1 if each.spec.replicas is None else each.spec.replicas
                return Deployment(each.metadata.generation or 0, wanted, each.status, _revision(each.metadata))
        return None

    def pods(self, version: str) -> list[Pod]:
        """The pods of this version's rollout that are not on their way out, nor left over from an eviction."""
        found = client.CoreV1Api(self._api).list_namespaced_pod(
            self._service.namespace, label_selector=f"{SERVICE_LABEL}={self._service.name}"
        )
        return [
            Pod(each.metadata.name or "", each.status, _revision(each.metadata))
            for each in found.items
            if each.metadata and _annotated(each.metadata, version) and each.metadata.deletion_timestamp is None
            if each.status and each.status.phase in {"Pending", "Running"}
        ]

    def answers(self, pod: Pod) -> str | None:
        """The version a pod says it serves; None when it does not answer."""
        url = f"http://{pod.status.pod_ip}:{PORT}/v1/models/{self._service.model}"
        try:
            response = self._http.request("GET", url)
        except urllib3.exceptions.HTTPError:
            return None
        return response.headers.get("X-Model-Version") if response.status == 200 else None

    def _where(self) -> str:
        return f"{self._service.namespace}/{self._service.name}"


def roll(cluster: Cluster, version: str, timeout: float, say: Callable[[str], None] = print) -> None:
    """Roll to `version` and wait until it answers; on failure put the annotation back and raise RolloutError."""
    before = cluster.version()
    say(f"rolling from version {before or '(none)'} to {version}")
    cluster.annotate(version)
    try:
        _wait(cluster, version, timeout, say)
    except (RolloutError, ApiException) as error:
        reason = _said(error) if isinstance(error, ApiException) else str(error)
        cluster.annotate(before)
        kept = f"version {before}" if before else "what was there before"
        raise RolloutError(f"version {version} does not serve: {reason}; {kept} stays in place") from error


def _wait(cluster: Cluster, version: str, timeout: float, say: Callable[[str], None]) -> None:
    deadline, said = time.monotonic() + timeout, ""
    while True:
        deployment = cluster.deployment(version)
        pods = [pod for pod in cluster.pods(version) if deployment and pod.revision == deployment.revision]
        if failure := next(_failures(pods), None):
            raise RolloutError(failure)
        state = _progress(cluster, deployment, pods, version)
        if state is None:
            say(f"version {version} answers from all {len(pods)} pods")
            return
        if state != said:
            say(said := state)
        if time.monotonic() > deadline:
            raise RolloutError(f"not done after {timeout:.0f} s: {state}")
        time.sleep(POLL_SECONDS)


def _progress(cluster: Cluster, deployment: Deployment | None, pods: list[Pod], version: str) -> str | None:
    """What is still missing, None when nothing is."""
    if deployment is None:
        return "KServe has not given the Deployment the version yet"
    status, wanted = deployment.status, deployment.wanted
    for condition in status.conditions or []:
        # A quota or Pod Security refuses the pods, not the Deployment: there is no pod to ask.
        if condition.type == "ReplicaFailure" and condition.status == "True":
            raise RolloutError(f"no pod can be made: {condition.message}")
    current = (status.observed_generation or 0) >= deployment.generation
    up, old = sum(_ready(pod) for pod in pods), (status.replicas or 0) - (status.updated_replicas or 0)
    if not current or up < wanted or old > 0:
        leaving = f"; {old} of the old version are still there" if old > 0 else ""
        return f"{up} of {wanted} pods are ready{leaving}" + "".join(f"; {text}" for text in _waiting(pods))
    silent = [pod.name for pod in pods if cluster.answers(pod) != version]
    if silent or not pods:
        return f"pods that do not answer with version {version}: {', '.join(silent) or 'all'}"
    return None


def _failures(pods: list[Pod]) -> Iterator[str]:
    """Why containers ended: the sentence `fetch` and `serve` leave as their termination message."""
    for pod in pods:
        for status in _statuses(pod):
            for state in () if status.ready else (status.state, status.last_state):  # it may have ended badly before
                ended = state.terminated if state else None
                if ended and ended.exit_code != 0:
                    reason = (ended.message or f"{ended.reason}, exit code {ended.exit_code}").strip()
                    yield f"{_named(pod, status)}: {reason}"


def _waiting(pods: list[Pod]) -> Iterator[str]:
    for pod in pods:
        for status in _statuses(pod):
            waiting = status.state.waiting if status.state else None
            if waiting and waiting.reason not in {"PodInitializing", "ContainerCreating"}:
                yield f"{_named(pod, status)}: {waiting.reason} {waiting.message or ''}".strip()


def _statuses(pod: Pod) -> list[client.V1ContainerStatus]:
    return [*(pod.status.init_container_statuses or []), *(pod.status.container_statuses or [])]


def _ready(pod: Pod) -> bool:
    return any(c.type == "Ready" and c.status == "True" for c in pod.status.conditions or [])


def _named(pod: Pod, status: client.V1ContainerStatus) -> str:
    return f"pod {pod.name}, container {status.name}"


def _annotated(metadata: client.V1ObjectMeta | None, version: str) -> bool:
    return metadata is not None and (metadata.annotations or {}).get(VERSION_ANNOTATION) == version


def _made(deployment: client.V1Deployment) -> tuple[str, str]:
    """Sorts Deployments by age. Knative numbers those that were made in one second."""
    metadata = deployment.metadata or client.V1ObjectMeta()
    return str(metadata.creation_timestamp or ""), metadata.name or ""


def _revision(metadata: client.V1ObjectMeta) -> str | None:
    return (metadata.labels or {}).get(REVISION_LABEL)


def _said(error: ApiException) -> str:
    return f"the API server answers {error.status} {error.reason}"


def api_client() -> ApiClient:
    """From a pod's account, else from the kubeconfig. Raises ConfigException."""
    try:
        config.load_incluster_config()
    except config.ConfigException:
        config.load_kube_config()
    return ApiClient()


def main() -> int:
    parser = argparse.ArgumentParser(prog="loop rollout", description=__doc__)
    parser.add_argument("--namespace", required=True)
    parser.add_argument("--service", required=True, help="the InferenceService's name")
    parser.add_argument("--model", required=True, help="the registered model's name")
    parser.add_argument("--alias", required=True)
    parser.add_argument("--timeout", type=float, default=300, help="seconds until the rollout is given up")
    arguments = parser.parse_args()
    service = Service(arguments.namespace, arguments.service, arguments.model)
    try:
        wanted = resolve(Registry(), ModelRef(arguments.model, alias=arguments.alias))
        roll(Cluster(api_client(), service), wanted.version, arguments.timeout)
    except (RolloutError, RegistryError, config.ConfigException) as error:
        print(f"rollout: {error}", file=sys.stderr)
        return 1
    return 0
