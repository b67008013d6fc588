"""A loop as the page's sources tell it: everything a case does not change is well."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx

from contract.looks import LOOKS_PATH, Histogram, Look, LooksAnswer
from contract.messages import DriftEvent, Window
from contract.page import PageContent, PageModel
from loop.page.sources import Sources

NAMESPACE = "loop"
MODEL = "recommender"
Json = dict[str, Any]

SERVED = """\
# HELP ml_loop_served_model_info The model version this pod serves
ml_loop_served_model_info{{model="recommender",run_id="r",version="{version}"}} 1.0
ml_loop_requests_total{{code="200",protocol="v1"}} {requests}
ml_loop_requests_total{{code="500",protocol="v1"}} {errors}
ml_loop_answer_seconds_bucket{{le="0.01",version="{version}"}} 900.0
ml_loop_answer_seconds_bucket{{le="0.1",version="{version}"}} 1000.0
ml_loop_answer_seconds_bucket{{le="+Inf",version="{version}"}} 1000.0
"""
WATCHED = """\
ml_loop_drift_reference_version{model="recommender"} 3.0
ml_loop_drift_reference_up_to_date{model="recommender"} 1.0
ml_loop_drift_windows_total{model="recommender"} 12.0
ml_loop_drift_open_window_rows{model="recommender"} 250.0
alibi_drift_score{feature="price",model="recommender"} 0.41
ml_loop_drift_p_value{feature="price",model="recommender"} 1.2e-08
ml_loop_drift_smallest_distance{feature="price",model="recommender"} 0.12
ml_loop_drift_effective_rows{feature="price",model="recommender"} 812.0
ml_loop_drift_broken_feature{feature="price",model="recommender"} 0.0
ml_loop_drift_known_by_version{feature="price",model="recommender"} 0.0
ml_loop_drift_events_total{drift="true",feature="price",model="recommender"} 1.0
alibi_drift_score{feature="pages",model="recommender"} 0.03
ml_loop_drift_p_value{feature="pages",model="recommender"} 1.0
ml_loop_drift_smallest_distance{feature="pages",model="recommender"} 0.12
ml_loop_drift_effective_rows{feature="pages",model="recommender"} 990.0
"""
MLMODEL = """\
artifact_path: model
signature:
  inputs: '[{"type": "double", "name": "price", "required": true}, {"type": "long", "name":
    "pages", "required": true}]'
  outputs: '[{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1,
    2]}}]'
  params: null
"""


def content(**changes: Any) -> PageContent:
    """What the stack says of itself. Keys of the model are changed under `model`."""
    of_model: Json = {
        "name": MODEL,
        "production": "3",
        "canary_percent": 10,
        "submit": "argo submit --from workflowtemplate/recommender-train-1 -n loop --wait",
        "predict": "http://192.0.2.1/v1/models/recommender:predict",
        "logs": "s3://logs/recommender",
        "gate": json.dumps([{"metric": "auc", "bound": 0.7, "direction": "higher", "tolerance": 0.0}]),
        "features": ("price", "pages"),
        "window": 1000,
        "min_effect": 0.1,
        "cooldown": 21600.0,
        **changes.pop("model", {}),
    }
    values: Json = {
        "stack": "local",
        "namespace": NAMESPACE,
        "apply": "make up",
        "settings": "Pulumi.local.yaml",
        "tracking_url": "http://192.0.2.1:30500",
        "hosts": ("testserver",),
        "models": (PageModel(**of_model),),
        **changes,
    }
    return PageContent(**values)


def workflow(name: str, phase: str, nodes: Json | None = None, **arguments: str) -> Json:
    status: Json = {"phase": phase, "startedAt": "2026-11-27T06:00:00Z", "nodes": nodes or {}}
    if phase in {"Succeeded", "Failed"}:
        status["finishedAt"] = "2026-11-27T06:01:30Z"
    return {
        "metadata": {
            "name": name,
            "creationTimestamp": "2026-11-27T06:00:00Z",
            "labels": {"ml-loop.dev/model": MODEL},
        },
        "spec": {"arguments": {"parameters": [{"name": key, "value": value} for key, value in arguments.items()]}},
        "status": status,
    }


def refused(name: str, sentence: str) -> Json:
    said = {"granted": "false", "message": sentence}
    parameters = [{"name": key, "value": value} for key, value in said.items()]
    nodes = {"n": {"type": "Pod", "displayName": "cooldown(0)", "outputs": {"parameters": parameters}}}
    return workflow(name, "Succeeded", nodes, trigger="drift", feature="price", p_value="1e-08")


def version(number: str, *, run: str = "", **tags: str) -> Json:
    report = {
        "metric": "auc",
        "direction": "higher",
        "candidate": 0.941,
        "minimum": 0.7,
        "production": 0.93,
        "production_version": "3",
        "reason": "auc 0.9410 meets the minimum 0.7",
    }
    every = {
        "ml-loop.gate": "passed",
        "ml-loop.gate-report": json.dumps(report),
        "ml-loop.trigger": "manual",
        "ml-loop.workflow": f"train-{number}",
        **{key.replace("_", "-").replace("ml-loop-", "ml-loop."): text for key, text in tags.items()},
    }
    return {
        "name": MODEL,
        "version": number,
        "run_id": run or f"run{number}",
        "source": f"models:/m-{number}",
        "creation_timestamp": 1795759200000,
        "tags": [{"key": key, "value": text} for key, text in every.items()],
    }


def pod(name: str, ip: str, **labels: str) -> Json:
    return {
        "metadata": {"name": name, "labels": {key.replace("__", "/"): text for key, text in labels.items()}},
        "status": {"podIP": ip, "conditions": [{"type": "Ready", "status": "True"}]},
    }


def server(slot: str, ip: str) -> Json:
    found = pod(f"recommender-{slot}-1", ip)
    found["metadata"]["labels"]["serving.kserve.io/inferenceservice"] = f"recommender-{slot}"
    return found


def watcher(app: str, instance: str, ip: str) -> Json:
    found = pod(instance, ip)
    found["metadata"]["labels"] = {"app.kubernetes.io/name": app, "app.kubernetes.io/instance": instance}
    return found


def lease(feature: str, taken: str, seconds: int, refusals: int = 2) -> Json:
    notes = {"ml-loop.dev/feature": feature, "ml-loop.dev/refusals": str(refusals), "ml-loop.dev/fruitless": "1"}
    return {
        "metadata": {"name": f"retrain-{MODEL}-{feature}", "annotations": notes},
        "spec": {"acquireTime": taken, "leaseDurationSeconds": seconds},
    }


ROUTE = {
    "metadata": {"name": MODEL},
    "spec": {
        "rules": [
            {
                "backendRefs": [
                    {"name": "recommender-production-predictor", "weight": 90},
                    {"name": "recommender-staging-predictor", "weight": 10},
                ]
            }
        ]
    },
}


def look(feature: str, distance: float, smallest: float, *shares: tuple[float, ...]) -> Look:
    at = datetime(2026, 11, 27, 6, 0, tzinfo=UTC)
    event = DriftEvent(
        id=f"{int(100 * distance):032x}",
        model=MODEL,
        feature=feature,
        distance=distance,
        p_value=0.5,
        threshold=0.05,
        window=Window(start=at, end=at, rows=1000),
        reference_version="3",
        at=at,
    )
    bins = Histogram(bins=("below 5", "5 and above", "(missing)"), edges=(5.0,), reference=shares[0], window=shares[1])
    return Look(event=event, smallest=smallest, histogram=bins)


LOOKS = (
    look("price", 0.05, 0.2, (0.5, 0.5, 0.0), (0.52, 0.48, 0.0)),
    look("price", 0.41, 0.2, (0.5, 0.5, 0.0), (0.09, 0.91, 0.0)),
)


@dataclass
class World:
    """What each source answers. A source in `away` does not."""

    workflows: list[Json] = field(
        default_factory=lambda: [
            workflow("train-4", "Succeeded", trigger="drift", feature="price", p_value="1.2e-08"),
            refused("train-5", "skipped: cooling down until 2026-11-27T12:00:00Z"),
        ]
    )
    routes: list[Json] = field(default_factory=lambda: [ROUTE])
    leases: list[Json] = field(default_factory=lambda: [lease("price", "2099-11-27T06:00:00.000000Z", 21600)])
    pods: list[Json] = field(
        default_factory=lambda: [
            server("production", "10.0.0.1"),
            server("staging", "10.0.0.2"),
            watcher("drift-detector", "recommender-drift", "10.0.0.3"),
            watcher("alias-watch", "recommender", "10.0.0.4"),
        ]
    )
    versions: list[Json] = field(default_factory=lambda: [version("4", ml_loop_trigger="drift:price"), version("3")])
    aliases: Mapping[str, str] = field(default_factory=lambda: {"production": "3", "staging": "4"})
    model_tags: Mapping[str, str] = field(default_factory=lambda: {"ml-loop.production": "3"})
    exported: Mapping[str, str] = field(
        default_factory=lambda: {
            "10.0.0.1": SERVED.format(version="3", requests=1800.0, errors=0.0),
            "10.0.0.2": SERVED.format(version="4", requests=199.0, errors=1.0),
            "10.0.0.3": WATCHED,
            "10.0.0.4": 'ml_loop_production_unexplained{model="recommender"} 0.0\n',
        }
    )
    looks: LooksAnswer | None = field(default_factory=lambda: LooksAnswer(model=MODEL, looks=LOOKS))
    """None: the detector's image keeps none."""
    mlmodel: str = MLMODEL
    away: set[str] = field(default_factory=set[str])
    """Of kubernetes, mlflow, pods."""
    asked: list[str] = field(default_factory=list[str])

    def sources(self) -> Sources:
        return Sources(*(self._client(name) for name in ("kubernetes", "mlflow", "pods")))

    def _client(self, name: str) -> httpx.AsyncClient:
        answer: Callable[[httpx.Request], httpx.Response] = getattr(self, f"_{name}")

        def handle(request: httpx.Request) -> httpx.Response:
            self.asked.append(str(request.url))
            assert request.method == "GET"
            if name in self.away:
                raise httpx.ConnectError("refused", request=request)
            return answer(request)

        return httpx.AsyncClient(base_url=f"http://{name}", transport=httpx.MockTransport(handle))

    def _kubernetes(self, request: httpx.Request) -> httpx.Response:
        kind = request.url.path.rpartition("/")[2]
        held = {"workflows": self.workflows, "httproutes": self.routes, "leases": self.leases, "pods": self.pods}
        return httpx.Response(200, json={"items": held[kind]})

    def _mlflow(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if path.endswith("registered-models/search"):
            model = {
                "name": MODEL,
                "tags": [{"key": key, "value": text} for key, text in self.model_tags.items()],
                "aliases": [{"alias": key, "version": number} for key, number in self.aliases.items()],
            }
            return httpx.Response(200, json={"registered_models": [model] if self.versions else []})
        if path.endswith("model-versions/get"):
            number = request.url.params["version"]
            return httpx.Response(200, json={"model_version": next(v for v in self.versions if v["version"] == number)})
        if path.endswith("model-versions/search"):
            return httpx.Response(200, json={"model_versions": self.versions} if self.versions else {})
        return httpx.Response(200, text=self.mlmodel)

    def _pods(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == LOOKS_PATH:
            return httpx.Response(200, content=self.looks.encode()) if self.looks else httpx.Response(404)
        return httpx.Response(200, text=self.exported[request.url.host])
