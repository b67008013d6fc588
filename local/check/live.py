"""The running stack as the questions see it: HTTP to its addresses, kubectl to its objects, its applied settings."""

import json
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, Protocol

from contract.names import METRICS_PORT, MODEL_LABEL, REFERENCE_ARTIFACT, Alias
from local.check.reference import Value, typed_rows
from restore.database import Kubectl
from settings import Model

PATIENCE: Final = 10.0
"""Seconds for one answer."""
API: Final = "/api/2.0/mlflow"
LOGGED_MODELS: Final = "/ajax-api/2.0/mlflow/logged-models"
"""Their files have no other path."""
SAMPLE: Final = re.compile(r"^(?P<name>\w+)\{(?P<labels>[^}]*)\} (?P<value>\S+)$", re.MULTILINE)
LABEL: Final = re.compile(r'(\w+)="([^"]*)"')


@dataclass(frozen=True)
class Reply:
    """An HTTP answer, whatever its status."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: str

    def json(self) -> Any:
        return json.loads(self.body)


class Http(Protocol):
    """Sends a request; OSError when nothing answers."""

    def __call__(self, url: str, body: object = None) -> Reply: ...


def send(url: str, body: object = None) -> Reply:
    """A GET, or a POST of JSON; it carries no identity."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})  # noqa: S310  # a stack output
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310
            return _reply(answer.status, answer.headers, answer.read())
    except urllib.error.HTTPError as error:
        return _reply(error.code, error.headers, error.read())


def _reply(status: int, headers: Any, body: bytes) -> Reply:
    return Reply(status, {name.lower(): value for name, value in headers.items()}, body.decode(errors="replace"))


@dataclass(frozen=True)
class RunningStack:
    """A stack and one of its models. Reads each thing once, so that the answers of one run are about one moment."""

    model: str
    settings: Model
    """The settings that the last `up` applied."""
    namespace: str
    tracking_url: str
    predict_url: str | None
    template: str
    """The WorkflowTemplate that trains the model."""
    kubectl: Kubectl
    http: Http = field(default=send)

    @cached_property
    def aliases(self) -> Mapping[str, str] | None:
        """Alias -> version; None: the registry has no such model. Raises OSError when it does not answer either."""
        reply = self.http(self.registry("registered-models/get", name=self.model))
        if reply.status == 404:
            return None
        model = _content(reply, "registered-models/get")["registered_model"]
        return {each["alias"]: str(each["version"]) for each in model.get("aliases", [])}

    @cached_property
    def versions(self) -> list[dict[str, Any]]:
        """Versions of the model, newest first, with `tags` as a mapping; at most the newest 200.

        Raises OSError when MLflow does not say.
        """
        query = {"filter": f"name='{self.model}'", "order_by": "version_number DESC", "max_results": "200"}
        reply = self.http(self.registry("model-versions/search", **query))
        found = _content(reply, "model-versions/search").get("model_versions", [])
        return [
            each | {"tags": {tag["key"]: tag["value"] for tag in each.get("tags", [])}}
            for each in sorted(found, key=lambda each: -int(each["version"]))
        ]

    def version(self, number: str | None) -> dict[str, Any] | None:
        return next((each for each in self.versions if each["version"] == number), None)

    def registry(self, path: str, **query: str) -> str:
        return f"{self.tracking_url}{API}/{path}" + (f"?{urllib.parse.urlencode(query)}" if query else "")

    def metrics(self, app: str, instance: str) -> Mapping[str, float] | None:
        """What a watcher of the model exports, summed over other labels than `alias`; None: no pod of it is ready.

        Names of metrics with an alias are `name@alias`.
        """
        pods = self.objects("pods", f"app.kubernetes.io/name={app}", f"app.kubernetes.io/instance={instance}")
        ready = [pod["metadata"]["name"] for pod in pods if _is_ready(pod)]
        if not ready:
            return None
        path = f"/api/v1/namespaces/{self.namespace}/pods/{ready[0]}:{METRICS_PORT}/proxy/metrics"
        found: dict[str, float] = {}
        for sample in SAMPLE.finditer(self.kubectl("get", "--raw", path)):
            labels: dict[str, str] = dict(LABEL.findall(sample["labels"]))
            if labels.get("model") == self.model:
                key = sample["name"] + (f"@{labels['alias']}" if "alias" in labels else "")
                found[key] = found.get(key, 0.0) + float(sample["value"])
        return found

    @cached_property
    def rows(self) -> list[list[Value]]:
        """Rows of the reference of the version that serves: requests made of them are not drift."""
        aliases = self.aliases or {}
        version = self.version(aliases.get(Alias.PRODUCTION) or aliases.get(Alias.STAGING))
        if version is None:
            return []
        query = urllib.parse.urlencode({"path": REFERENCE_ARTIFACT, "run_uuid": version["run_id"]})
        reply = self.http(f"{self.tracking_url}/get-artifact?{query}")
        if reply.status != 200:
            raise OSError(f"MLflow answers {reply.status} to the request for version {version['version']}'s reference")
        return typed_rows(reply.body, self._description(version))

    def _description(self, version: Mapping[str, Any]) -> str | None:
        """The file `MLmodel` of a version; None where MLflow has it elsewhere than a training of the loop puts it."""
        scheme, _, logged = str(version.get("source", "")).partition(":/")
        if scheme != "models":
            return None
        query = urllib.parse.urlencode({"artifact_file_path": "MLmodel"})
        reply = self.http(f"{self.tracking_url}{LOGGED_MODELS}/{logged}/artifacts/files?{query}")
        return reply.body if reply.status == 200 else None

    def objects(self, kind: str, *selector: str) -> list[dict[str, Any]]:
        arguments = ("-n", self.namespace, "get", kind, *(("-l", ",".join(selector)) if selector else ()))
        return json.loads(self.kubectl(*arguments, "-o", "json"))["items"]

    def object(self, kind: str, name: str) -> dict[str, Any]:
        return json.loads(self.kubectl("-n", self.namespace, "get", kind, name, "-o", "json"))

    def workflows(self, *selector: str) -> list[dict[str, Any]]:
        """The model's trainings that the cluster still keeps, newest first."""
        found = self.objects("workflows", f"{MODEL_LABEL}={self.model}", *selector)
        return sorted(found, key=lambda each: each["metadata"]["creationTimestamp"], reverse=True)


def _content(reply: Reply, path: str) -> dict[str, Any]:
    """MLflow's answer. Raises OSError for an error, and for anything but JSON, which a proxy may answer."""
    try:
        if reply.status == 200:
            return reply.json()
    except ValueError:
        pass
    raise OSError(f"MLflow answers {reply.status} to {path}: {reply.body[:200]}")


def _is_ready(pod: dict[str, Any]) -> bool:
    conditions = pod.get("status", {}).get("conditions", [])
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def eventually(condition: Callable[[], bool], seconds: float, pause: float = 1.0) -> float | None:
    """Waits until something holds. Returns how long that took, or None when it did not hold in time."""
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began >= seconds:
            return None
        time.sleep(pause)
    return time.monotonic() - began
