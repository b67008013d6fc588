"""An InferenceService as the loop uses it: what it should serve, its Deployment, its pods, their answers.

The version is an annotation of the predictor, and the image it was trained in the image of the predictor's model, which
KServe prefers to the runtime's in both modes. Both are set by server-side apply under a field manager of our own, so
that neither Pulumi nor the user's `kubectl apply` takes them away.
"""

from dataclasses import dataclass
from typing import Any

import urllib3
from kubernetes import client, config
from kubernetes.client.api_client import ApiClient
from kubernetes.client.exceptions import ApiException

from contract.names import SERVER_PORT, VERSION_ANNOTATION, VERSION_HEADER
from loop.runtime.pin import Pin

GROUP, VERSION, PLURAL = "serving.kserve.io", "v1beta1", "inferenceservices"
FIELD_MANAGER = "ml-loop-rollout"
SERVICE_LABEL = f"{GROUP}/inferenceservice"
"""KServe puts it on Deployments and Pods, in Standard and in Knative mode."""
REVISION_LABEL = "serving.knative.dev/revision"
"""In Knative mode each rollout has a Deployment of its own, and those of earlier ones stay."""


class RolloutError(Exception):
    """The service does not serve the version. One sentence for the workflow's log."""


@dataclass(frozen=True)
class Deployment:
    """The predictor's Deployment, with the fields that the API server always sends."""

    generation: int
    wanted: int
    """Number of pods."""
    status: client.V1DeploymentStatus
    revision: str | None
    """Knative's name of it; None in Standard mode."""


@dataclass(frozen=True)
class Pod:
    """One of the predictor's pods, with the fields that the API server always sends."""

    name: str
    status: client.V1PodStatus
    revision: str | None

    @property
    def ready(self) -> bool:
        """Whether the kubelet considers it ready."""
        return any(c.type == "Ready" and c.status == "True" for c in self.status.conditions or [])


class InferenceService:
    """One InferenceService, and the registered model behind it."""

    def __init__(self, api: ApiClient, *, namespace: str, name: str, model: str) -> None:
        self._api, self._namespace, self._name, self.model = api, namespace, name, model
        self._http = urllib3.PoolManager(retries=False, timeout=2.0)

    def pinned(self) -> tuple[Pin | None, str]:
        """What the running rollout serves, None before the first rollout; and the object's resource version.

        Raises RolloutError: no such service.
        """
        try:
            found = client.CustomObjectsApi(self._api).get_namespaced_custom_object(
                GROUP, VERSION, self._namespace, PLURAL, self._name
            )
        except ApiException as error:
            raise RolloutError(f"InferenceService {self._where()}: {said(error)}") from error
        predictor: dict[str, Any] = found["spec"]["predictor"]
        version = predictor.get("annotations", {}).get(VERSION_ANNOTATION)
        pin = Pin(version, predictor.get("model", {}).get("image")) if version else None
        return pin, found["metadata"]["resourceVersion"]

    def tell(self, pin: Pin | None, at: str | None = None) -> None:
        """Takes ownership of version and image with these values, or gives it up (None).

        With `at`, only at that resource version.
        """
        expected = {} if at is None else {"resourceVersion": at}
        body = {
            "apiVersion": f"{GROUP}/{VERSION}",
            "kind": "InferenceService",
            "metadata": {"name": self._name, "namespace": self._namespace, **expected},
            "spec": {"predictor": _predictor(pin)},
        }
        try:
            # CustomObjectsApi offers no apply patch: its content type is fixed to a merge patch.
            self._api.call_api(  # pyright: ignore[reportAttributeAccessIssue]  # public, but not in the stubs
                f"/apis/{GROUP}/{VERSION}/namespaces/{self._namespace}/{PLURAL}/{self._name}",
                "PATCH",
                query_params=[("fieldManager", FIELD_MANAGER), ("force", "true")],
                header_params={"Content-Type": "application/apply-patch+yaml", "Accept": "application/json"},
                body=body,
                response_type="object",
                auth_settings=["BearerToken"],
            )
        except ApiException as error:
            raise RolloutError(f"changing InferenceService {self._where()}: {said(error)}") from error

    def deployment(self, version: str) -> Deployment | None:
        """The predictor's newest Deployment, once it has this version: in Knative mode an older one may have it too."""
        found = client.AppsV1Api(self._api).list_namespaced_deployment(
            self._namespace, label_selector=f"{SERVICE_LABEL}={self._name}"
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
            self._namespace, label_selector=f"{SERVICE_LABEL}={self._name}"
        )
        return [
            Pod(each.metadata.name or "", each.status, _revision(each.metadata))
            for each in found.items
            if each.metadata and _annotated(each.metadata, version) and each.metadata.deletion_timestamp is None
            if each.status and each.status.phase in {"Pending", "Running"}
        ]

    def answers(self, pod: Pod) -> str | None:
        """The version that a pod says it serves; None when it does not answer."""
        url = f"http://{pod.status.pod_ip}:{SERVER_PORT}/v1/models/{self.model}"
        try:
            response = self._http.request("GET", url)
        except urllib3.exceptions.HTTPError:
            return None
        return response.headers.get(VERSION_HEADER) if response.status == 200 else None

    def _where(self) -> str:
        return f"{self._namespace}/{self._name}"


def _predictor(pin: Pin | None) -> dict[str, Any]:
    if pin is None:
        return {}
    annotations = {"annotations": {VERSION_ANNOTATION: pin.version}}
    return annotations | ({"model": {"image": pin.image}} if pin.image else {})


def _annotated(metadata: client.V1ObjectMeta | None, version: str) -> bool:
    return metadata is not None and (metadata.annotations or {}).get(VERSION_ANNOTATION) == version


def _made(deployment: client.V1Deployment) -> tuple[str, str]:
    """Sorts Deployments by age, and those made in the same second by Knative's number."""
    metadata = deployment.metadata or client.V1ObjectMeta()
    return str(metadata.creation_timestamp or ""), metadata.name or ""


def _revision(metadata: client.V1ObjectMeta) -> str | None:
    return (metadata.labels or {}).get(REVISION_LABEL)


def said(error: ApiException) -> str:
    """The API server's refusal in words."""
    return f"the API server answers {error.status} {error.reason}"


def api_client() -> ApiClient:
    """A client with a pod's account, else with the kubeconfig. Raises ConfigException."""
    try:
        config.load_incluster_config()
    except config.ConfigException:
        config.load_kube_config()
    return ApiClient()
