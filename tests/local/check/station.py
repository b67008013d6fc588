"""A stack as the questions see it, in which everything is well; a test breaks one thing of it."""

import json
from collections import Counter
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from local.check.live import Reply, RunningStack
from local.steps import StepError
from settings import Model

PREDICT = "http://models/v1/models/m:predict"
ROWS = "a,b\n" + "".join(f"{number},{2 * number}\n" for number in range(100))
METRICS = """\
# TYPE ml_loop_drift_messages_total counter
ml_loop_drift_messages_total{model="m",outcome="used"} 2990.0
ml_loop_drift_messages_total{model="m",outcome="malformed"} 10.0
ml_loop_drift_messages_total{model="other",outcome="used"} 7.0
ml_loop_drift_windows_total{model="m"} 3.0
ml_loop_drift_reference_version{model="m"} 2.0
ml_loop_drift_reference_up_to_date{model="m"} 1.0
"""
ALIASES = """\
# TYPE ml_loop_production_unexplained gauge
ml_loop_production_unexplained{model="other"} 1.0
ml_loop_production_unexplained{model="m"} 0.0
"""


def version(number: int, trigger: str = "manual", gate: str = "passed") -> dict[str, Any]:
    report = json.dumps({"reason": f"auc 0.8 is {gate}"})
    tags = {"workflow": f"m-train-{number}", "trigger": trigger, "gate": gate, "gate-report": report}
    listed = [{"key": f"ml-loop.{key}", "value": value} for key, value in tags.items()]
    return {"version": str(number), "run_id": f"run{number}", "source": f"models:/m-{number}", "tags": listed}


def workflow(name: str, phase: str, created: str, **parameters: str) -> dict[str, Any]:
    arguments = {"parameters": [{"name": key, "value": value} for key, value in parameters.items()]}
    metadata = {"name": name, "creationTimestamp": created}
    return {"metadata": metadata, "spec": {"arguments": arguments}, "status": {"phase": phase, "message": "why"}}


@dataclass
class Station:
    """Version 2 in production, 3 in staging, a tenth of the requests to it; drift has trained version 3."""

    aliases: dict[str, str] | None = field(default_factory=lambda: {"production": "2", "staging": "3"})
    versions: list[dict[str, Any]] = field(default_factory=lambda: [version(2), version(3, "drift:a")])
    weights: dict[str, int] = field(default_factory=lambda: {"production": 90, "staging": 10})
    served: dict[str, int] = field(default_factory=lambda: {"2": 90, "3": 10})
    """Version -> share of the answers."""
    workflows: list[dict[str, Any]] = field(
        default_factory=lambda: [
            workflow("m-train-2", "Failed", "2026-01-01T00:00:00Z"),
            workflow("m-drift-1", "Succeeded", "2026-01-02T00:00:00Z", feature="a", p_value="0.01", event_id="e1"),
        ]
    )
    metrics: str = METRICS
    watched: str | None = ALIASES
    """What whoever watches the aliases exports; None: nobody does."""
    ready: bool = True
    reference: str = ROWS
    signature: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    """Inputs of the version that serves, as MLflow writes them; none: its `MLmodel` cannot be had."""
    alias_status: int = 403
    predict: Reply | None = None
    """The answer to every prediction; None: those of `served`."""
    settings: dict[str, Any] = field(
        default_factory=lambda: {
            "training": {"image": "recommender", "gate": {"metric": "auc", "minimum": 0.7}},
            "serving": {"canaryPercent": 10},
            "drift": {"features": ["a", "b"]},
            "retraining": {"cooldown": "6h"},
            "production": 2,
        }
    )
    on_create: Any = None
    """Called with the Workflow that somebody creates."""
    on_event: Any = None
    """Called with the drift event that somebody publishes."""
    asked: list[list[float]] = field(default_factory=list[list[float]])
    answered: Counter[str] = field(default_factory=Counter[str])
    lock: Any = field(default_factory=Lock)
    written: list[dict[str, str]] = field(default_factory=list[dict[str, str]])

    def live(self) -> RunningStack:
        return RunningStack(
            model="m",
            settings=Model.model_validate(self.settings),
            namespace="ml",
            tracking_url="http://mlflow",
            predict_url=PREDICT,
            template="m-train-0a1b2c3d",
            kubectl=self.kubectl,
            http=self.http,
        )

    def http(self, url: str, body: Any = None) -> Reply:
        path = url.removeprefix("http://mlflow").removeprefix("/api/2.0/mlflow/")
        if url == PREDICT:
            self.asked.append(body["instances"][0])
            return self.predict or self.prediction()
        if path == "registered-models/alias":
            self.written.append(body)
            return Reply(self.alias_status, {}, "{}")
        if path == "registered-models/get?name=m":
            listed = [{"alias": alias, "version": number} for alias, number in (self.aliases or {}).items()]
            status = 404 if self.aliases is None else 200
            return Reply(status, {}, json.dumps({"registered_model": {"aliases": listed}}))
        if path.startswith("model-versions/search?"):
            return Reply(200, {}, json.dumps({"model_versions": self.versions}))
        aliases = self.aliases or {}
        served = aliases.get("production") or aliases["staging"]
        if path == f"/ajax-api/2.0/mlflow/logged-models/m-{served}/artifacts/files?artifact_file_path=MLmodel":
            written = json.dumps({"signature": {"inputs": json.dumps(self.signature)}})
            return Reply(200, {}, written) if self.signature else Reply(404, {}, "{}")
        assert path == f"/get-artifact?path=reference%2Fwindow.csv&run_uuid=run{served}"
        return Reply(200, {}, self.reference)

    def prediction(self) -> Reply:
        """The version that lags furthest behind its share answers."""
        with self.lock:
            due = min(self.served, key=lambda each: (self.answered[each] + 1) / max(self.served[each], 1e-9))
            self.answered[due] += 1
        return Reply(200, {"x-model-version": due}, '{"predictions": [0.5]}')

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:  # noqa: PLR0911  # one per command
        match arguments:
            case ("create", "-f", "-", "-o", "json"):
                return json.dumps(self.on_create(self, json.loads(stdin or "")))
            case ("-n", "ml", "exec", "deployment/m-drift", "--", "python3", "-c", _, "ml.drift", event, "m"):
                self.on_event(self, json.loads(event))
                return ""
            case ("get", "--raw", "/api/v1/namespaces/ml/pods/m-drift-0:9090/proxy/metrics"):
                return self.metrics
            case ("get", "--raw", "/api/v1/namespaces/ml/pods/m-aliases-0:9090/proxy/metrics"):
                return self.watched or ""
            case ("-n", "ml", "get", "pods", "-l", selector, "-o", "json") if "alias-watch" in selector:
                status = {"conditions": [{"type": "Ready", "status": "True"}]}
                return items([{"metadata": {"name": "m-aliases-0"}, "status": status}] if self.watched else [])
            case ("-n", "ml", "get", "workflows", "-l", selector, "-o", "json"):
                drifted = "trigger=drift" in selector
                return items(each for each in self.workflows if "-drift-" in each["metadata"]["name"] or not drifted)
            case ("-n", "ml", "get", "workflow", name, "-o", "json"):
                return json.dumps(next(each for each in self.workflows if each["metadata"]["name"] == name))
            case ("-n", "ml", "get", "pods", "-l", _, "-o", "json"):
                status = {"conditions": [{"type": "Ready", "status": str(self.ready)}]}
                return items([{"metadata": {"name": "m-drift-0"}, "status": status}])
            case ("-n", "ml", "get", "httproute", "m", "-o", "json"):
                backends = [{"name": f"m-{slot}-predictor", "weight": weight} for slot, weight in self.weights.items()]
                return json.dumps({"spec": {"rules": [{"backendRefs": backends}]}})
            case _:
                raise StepError(f"kubectl {' '.join(arguments)} … failed:\nno such thing")


def items(found: Any) -> str:
    return json.dumps({"items": list(found)})
