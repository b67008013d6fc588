"""The connection to one cluster: kubeconfig, discovery, the provider's verbs, and errors that a user can act on."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml
from kubernetes import client, config
from kubernetes.client.rest import ApiException
from kubernetes.config import ConfigException
from urllib3.exceptions import HTTPError

from local.provider.values import Json

FIELD_MANAGER = "pulumi"
APPLY = "application/apply-patch+yaml"


class ClusterError(Exception):
    """The cluster cannot be reached, or its kubeconfig cannot be used; the message is one sentence for the user."""


class ApiError(Exception):
    """The API server's refusal of one request."""

    def __init__(self, status: Json) -> None:
        super().__init__(status.get("message") or status.get("reason") or "the API server refused the request")
        self.code: int = status.get("code") or 0
        self.reason: str = status.get("reason") or ""
        self.causes: list[Json] = (status.get("details") or {}).get("causes") or []


class NotServedError(ApiError):
    """The API server does not serve the kind (yet)."""

    def __init__(self, api_version: str, kind: str) -> None:
        super().__init__(
            {"code": 404, "message": f"the cluster does not serve {api_version} {kind}: install its CRD first"}
        )


@dataclass(frozen=True)
class ClusterAccess:
    """Which cluster, as the provider's configuration says."""

    kubeconfig: str | None = None
    """A path, or the content itself; None for the client's default (KUBECONFIG, ~/.kube/config)."""
    context: str | None = None

    def connect(self) -> client.ApiClient:
        """Raises ClusterError when the kubeconfig or the context cannot be used. Opens no connection."""
        settings: Any = client.Configuration()
        try:
            if self.kubeconfig and "\n" in self.kubeconfig.strip():
                content = yaml.safe_load(self.kubeconfig)
                config.load_kube_config_from_dict(content, context=self.context, client_configuration=settings)
            else:
                path = str(Path(self.kubeconfig).expanduser()) if self.kubeconfig else None
                config.load_kube_config(path, context=self.context, client_configuration=settings)
        except (ConfigException, yaml.YAMLError, OSError) as error:
            where = f"context {self.context!r}" if self.context else "the current context"
            raise ClusterError(f"the kubeconfig cannot be used with {where}: {error}") from error
        settings.retries = 1
        settings.connection_pool_maxsize = 32
        return client.ApiClient(settings)


class ClusterClient:
    """Requests as plain dictionaries. Safe for use from many threads; connects at the first request."""

    def __init__(self, access: ClusterAccess) -> None:
        self._access = access
        self._client: client.ApiClient | None = None
        self._served: dict[str, dict[str, tuple[str, bool]]] = {}
        self._lock = threading.Lock()

    def get(self, manifest: Json) -> Json | None:
        """The live object; None where there is none."""
        try:
            return self.request("GET", self.path(manifest))
        except ApiError as error:
            if error.code == 404 and not isinstance(error, NotServedError):
                return None
            raise

    def apply(self, manifest: Json, *, dry_run: bool = False, force: bool = False) -> Json:
        """Server-side apply as the field manager `pulumi`, unknown and duplicate fields refused."""
        query = {"fieldManager": FIELD_MANAGER, "fieldValidation": "Strict", "force": str(force).lower()}
        if dry_run:
            query["dryRun"] = "All"
        return self.request("PATCH", self.path(manifest), query, manifest, APPLY)

    def try_create(self, manifest: Json) -> None:
        """Asks whether a create would be admitted, without creating."""
        query = {"fieldManager": FIELD_MANAGER, "fieldValidation": "Strict", "dryRun": "All"}
        self.request("POST", self.path(manifest).rpartition("/")[0], query, manifest)

    def delete(self, manifest: Json, propagation: str) -> None:
        """Asks for deletion. Raises ApiError 404 where there is nothing to delete."""
        self.request("DELETE", self.path(manifest), body={"propagationPolicy": propagation})

    def find(self, api_version: str, kind: str, namespace: str, selector: dict[str, str]) -> list[Json]:
        """Objects of one namespace whose labels match."""
        path = self.path({"apiVersion": api_version, "kind": kind, "metadata": {"namespace": namespace, "name": ""}})
        labels = ",".join(f"{key}={value}" for key, value in selector.items())
        return self.request("GET", path.rstrip("/"), {"labelSelector": labels}).get("items") or []

    def path(self, manifest: Json) -> str:
        """The object's URL path. Raises NotServedError while the kind is unknown to the API server."""
        api_version, kind, metadata = manifest["apiVersion"], manifest["kind"], manifest["metadata"]
        plural, namespaced = self._resource(api_version, kind)
        scope = f"/namespaces/{quote(metadata.get('namespace') or 'default')}" if namespaced else ""
        return f"{_root(api_version)}{scope}/{plural}/{quote(metadata['name'])}"

    def _resource(self, api_version: str, kind: str) -> tuple[str, bool]:
        """Plural and scope; a kind not seen before is asked for again, as its CRD may be new."""
        with self._lock:
            if kind not in self._served.get(api_version, {}):
                self._served[api_version] = self._discover(api_version)
            try:
                return self._served[api_version][kind]
            except KeyError:
                raise NotServedError(api_version, kind) from None

    def _discover(self, api_version: str) -> dict[str, tuple[str, bool]]:
        try:
            resources = self.request("GET", _root(api_version)).get("resources") or []
        except ApiError as error:
            if error.code == 404:
                return {}
            raise
        return {item["kind"]: (item["name"], item["namespaced"]) for item in resources if "/" not in item["name"]}

    def request(
        self,
        method: str,
        path: str,
        query: dict[str, str] | None = None,
        body: Json | None = None,
        content: str | None = None,
    ) -> Json:
        """One request, its answer decoded. Raises ApiError for a refusal, ClusterError where nothing answers."""
        headers = {"Accept": "application/json", "Content-Type": content or "application/json"}
        api = self._connect()
        try:
            answer: Any = api.call_api(
                path,
                method,
                query_params=list((query or {}).items()),
                header_params=headers,
                body=body,
                auth_settings=["BearerToken"],
                _preload_content=False,
                _return_http_data_only=True,
                _request_timeout=(5, 60),
            )
        except ApiException as error:
            raise ApiError(_status(error)) from None
        except (HTTPError, OSError) as error:
            raise ClusterError(self._unreachable(error)) from None
        return json.loads(answer.data)

    def _connect(self) -> client.ApiClient:
        if self._client is None:
            self._client = self._access.connect()
        return self._client

    def _unreachable(self, error: Exception) -> str:
        server = self._client.configuration.host if self._client else "?"
        name = f"context {self._access.context!r}" if self._access.context else "the kubeconfig's current context"
        cause = getattr(error, "reason", None) or error
        return f"the cluster of {name} at {server} does not answer: {str(cause).rpartition(': ')[2]}"


def _root(api_version: str) -> str:
    return f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"


def _status(error: ApiException) -> Json:
    """The Status object in a refusal's body; pods behind the proxy, other proxies and panics answer in plain text."""
    body: Any = error.body or ""
    text = body.decode(errors="replace") if isinstance(body, bytes) else str(body)
    try:
        status = json.loads(text)
    except ValueError:
        status = None
    said = " ".join(text.split())[:500] or error.reason
    return status if isinstance(status, dict) else {"code": error.status, "message": said}
