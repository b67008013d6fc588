"""Where the page reads: Kubernetes' objects of the loop, MLflow's registry and runs, and what the loop's pods export.

By HTTP alone: the clients of Kubernetes and MLflow would take ten times the page's memory. Nothing is written.
"""

import json
import os
import re
import ssl
from asyncio import gather
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import httpx

from contract.looks import LOOKS_PATH, Look, LooksAnswer
from contract.messages import Malformed
from contract.names import METRICS_PORT, MODEL_LABEL, SERVER_PORT
from loop.page.asking import Answers, Away, Told

Json = dict[str, Any]

KUBERNETES: Final = "Kubernetes"
MLFLOW: Final = "MLflow"
DETECTOR: Final = "The drift detector"
PERFORMANCE: Final = "The watch over performance"
SERVERS: Final = "The model servers"
ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
API: Final = "/api/2.0/mlflow"
MOST_VERSIONS: Final = 50
"""The most versions of one model, the newest."""
SIGNATURE_FRESH: Final = 600.0
"""Seconds: a version's signature never changes."""
VERSION_FRESH: Final = 30.0
"""Seconds: what the list asks about a version changes once in its life, when a promotion takes it back."""
LOOKS_FRESH: Final = 15.0
"""Seconds: a window takes longer, and the answer is long where many columns are watched."""
SAMPLE: Final = re.compile(r"^(?P<name>\w+)(?:\{(?P<labels>.*)\})? (?P<value>\S+)", re.MULTILINE)
LABEL: Final = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
OBJECTS: Final[Mapping[str, str]] = {
    "workflows": "argoproj.io/v1alpha1",
    "inferenceservices": "serving.kserve.io/v1beta1",
    "httproutes": "gateway.networking.k8s.io/v1",
    "leases": "coordination.k8s.io/v1",
    "pods": "v1",
}
"""The kinds that are listed, and their groups."""


@dataclass(frozen=True)
class Series:
    """One number that a pod exports."""

    name: str
    labels: Mapping[str, str]
    value: float


class Sources:
    """All that the page asks. Each method returns what was found, or `Away`."""

    def __init__(self, kubernetes: httpx.AsyncClient, mlflow: httpx.AsyncClient, pods: httpx.AsyncClient) -> None:
        self._kubernetes, self._mlflow, self._pods = kubernetes, mlflow, pods
        self._answers = Answers()

    async def objects(self, kind: str, namespace: str, model: str | None = None) -> Told[list[Json]] | Away:
        """Objects of one kind in the namespace, or those that are labelled as the model's."""
        group = OBJECTS[kind]
        root = "/api" if group == "v1" else "/apis"
        query = {"labelSelector": f"{MODEL_LABEL}={model}"} if model else {}

        async def ask() -> list[Json]:
            headers = authorization()
            path = f"{root}/{group}/namespaces/{namespace}/{kind}"
            return [_needed(each) for each in (await _json(self._kubernetes, path, query, headers))["items"]]

        return await self._answers.ask(KUBERNETES, f"{kind} {model or ''}", ask)

    async def models(self) -> Told[dict[str, Json]] | Away:
        """All registered models, by name."""

        async def ask() -> dict[str, Json]:
            found = await _json(self._mlflow, f"{API}/registered-models/search", {"max_results": "1000"})
            return {each["name"]: each for each in found.get("registered_models", [])}

        return await self._answers.ask(MLFLOW, "models", ask)

    async def versions(self, model: str) -> Told[list[Json]] | Away:
        """Versions of one model, newest first, their tags as a mapping."""
        quoted = model.replace("'", "")

        async def ask() -> list[Json]:
            query = {
                "filter": f"name='{quoted}'",
                "order_by": "version_number DESC",
                "max_results": str(MOST_VERSIONS),
            }
            found = (await _json(self._mlflow, f"{API}/model-versions/search", query)).get("model_versions", [])
            return [each | {"tags": pairs(each.get("tags"))} for each in found]

        return await self._answers.ask(MLFLOW, f"versions {model}", ask)

    async def version(self, model: str, number: str) -> Told[Json] | Away:
        """One version, its tags as a mapping."""

        async def ask() -> Json:
            query = {"name": model, "version": number}
            found = (await _json(self._mlflow, f"{API}/model-versions/get", query))["model_version"]
            return found | {"tags": pairs(found.get("tags"))}

        return await self._answers.ask(MLFLOW, f"version {number} of {model}", ask, VERSION_FRESH)

    async def signature(self, model_id: str) -> Told[Mapping[str, list[Json]]] | Away:
        """Inputs and outputs of a logged model, as its MLmodel file has them."""

        async def ask() -> Mapping[str, list[Json]]:
            path = f"/ajax-api/2.0/mlflow/logged-models/{model_id}/artifacts/files"
            reply = await self._mlflow.get(path, params={"artifact_file_path": "MLmodel"})
            reply.raise_for_status()
            return signature(reply.text)

        return await self._answers.ask(MLFLOW, f"signature {model_id}", ask, SIGNATURE_FRESH)

    async def metrics(self, source: str, pods: Sequence[Json], port: int) -> Told[list[list[Series]]] | Away:
        """What each of the pods exports; away when none of them answers."""
        replies = await gather(*(self._metrics(source, each, port) for each in pods))
        known = [each.value for each in replies if isinstance(each, Told)]
        if known or not replies:
            return Told(known)
        return next(each for each in replies if isinstance(each, Away))

    async def looks(self, pods: Sequence[Json]) -> Told[Sequence[Look]] | Away:
        """What a detector saw in its last windows, oldest first: from the first pod; nothing where there is none."""
        if not pods:
            return Told(())

        async def ask() -> Sequence[Look]:
            reply = await self._pods.get(f"http://{address(pods[0])}:{METRICS_PORT}{LOOKS_PATH}")
            if reply.status_code == HTTPStatus.NOT_FOUND:
                return ()  # an older image keeps none
            reply.raise_for_status()
            found = LooksAnswer.parse(reply.content)
            if isinstance(found, Malformed):
                raise ValueError(found.reason)
            return found.looks

        return await self._answers.ask(DETECTOR, f"looks {pods[0]['metadata']['name']}", ask, LOOKS_FRESH)

    async def _metrics(self, source: str, of: Json, port: int) -> Told[list[Series]] | Away:
        async def ask() -> list[Series]:
            reply = await self._pods.get(f"http://{address(of)}:{port}/metrics")
            reply.raise_for_status()
            return series(reply.text)

        return await self._answers.ask(source, f"metrics {of['metadata']['name']}", ask)


def clients(environment: Mapping[str, str] = os.environ) -> Sources:
    """The sources as a pod reaches them."""
    # One for all: each client would load all public authorities by itself, a fifth of the page's memory.
    trusted = _trusted()
    return Sources(
        kubernetes(environment, trusted),
        httpx.AsyncClient(base_url=environment["MLFLOW_TRACKING_URI"], verify=trusted, trust_env=False),
        httpx.AsyncClient(verify=trusted, trust_env=False),
    )


def kubernetes(environment: Mapping[str, str] = os.environ, trusted: ssl.SSLContext | None = None) -> httpx.AsyncClient:
    """A client of the API server; each request must have `authorization`."""
    host, port = environment["KUBERNETES_SERVICE_HOST"], environment["KUBERNETES_SERVICE_PORT"]
    here = f"[{host}]" if ":" in host else host
    return httpx.AsyncClient(base_url=f"https://{here}:{port}", verify=trusted or _trusted(), trust_env=False)


def authorization() -> dict[str, str]:
    """The header by which the API server knows the pod."""
    return {"Authorization": f"Bearer {_token()}"}


def _trusted() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt"))


def address(of: Json) -> str:
    """A pod's address, as URLs have it."""
    ip = of["status"]["podIP"]
    return f"[{ip}]" if ":" in ip else ip


def ready(of: Json) -> bool:
    """Whether the kubelet considers the pod ready, and it is not about to end."""
    conditions = of.get("status", {}).get("conditions", [])
    well = any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
    return well and "deletionTimestamp" not in of["metadata"]


def _needed(found: Json) -> Json:
    """An object without what the page never shows: most of a pod's and of a workflow's size."""
    found["metadata"].pop("managedFields", None)
    if "containers" in found.get("spec", {}):
        del found["spec"]
    found.get("status", {}).pop("storedWorkflowTemplateSpec", None)
    return found


def pairs(tags: Sequence[Json] | None) -> dict[str, str]:
    """MLflow's list of tags as a mapping."""
    return {str(each["key"]): str(each.get("value", "")) for each in tags or []}


def series(text: str) -> list[Series]:
    """The loop's own numbers in what a pod exports: Python's and the process's are left out."""
    return [
        Series(found["name"], dict(LABEL.findall(found["labels"] or "")), float(found["value"]))
        for found in SAMPLE.finditer(text)
        if found["name"].startswith(("ml_loop_", "alibi_"))
    ]


def signature(text: str) -> dict[str, list[Json]]:
    """The signature in an MLmodel file: its values are JSON, in one line each, in YAML's quotes."""
    found: dict[str, list[Json]] = {}
    block = text.partition("\nsignature:\n")[2]
    for key in ("inputs", "outputs"):
        if match := re.search(rf"^  {key}: '(.*?)'\n", block, re.MULTILINE | re.DOTALL):
            joined = re.sub(r"\n\s+", " ", match[1]).replace("''", "'")
            found[key] = json.loads(joined)
    return found


async def _json(
    client: httpx.AsyncClient, path: str, query: Mapping[str, str], headers: Mapping[str, str] | None = None
) -> Json:
    reply = await client.get(path, params=dict(query), headers=dict(headers or {}))
    reply.raise_for_status()
    return reply.json()


def _token() -> str:
    """The token, read each time, as the kubelet renews it."""
    return (ACCOUNT / "token").read_text("utf-8").strip()


PORTS: Final = {SERVERS: SERVER_PORT, DETECTOR: METRICS_PORT}
