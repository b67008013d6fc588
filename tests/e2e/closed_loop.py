"""The example model's way from predictions to a training, as the tests see it from outside: topics, pods, Workflows."""

import json
import re
import secrets
import statistics
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, Final

import yaml
from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts
from mlflow.entities.model_registry import ModelVersion

from benchmarks.looking import recipe_patch
from contract.names import DRIFT_TOPIC, PREDICTIONS_TOPIC, REFERENCE_ARTIFACT, Alias, Env, Tag
from local.node.node import Node
from local.paths import REPOSITORY, Paths
from local.shell import run
from tests.e2e.kafka import READ
from tests.e2e.scratch_model import eventually

MODEL: Final = "recommender"
CONFIG: Final = yaml.safe_load((REPOSITORY / "Pulumi.local.yaml").read_text(encoding="utf-8"))["config"]
NAMESPACE: Final = CONFIG["ml-loop:namespace"]
FEATURES: Final[list[str]] = CONFIG["ml-loop:models"][MODEL]["drift"]["features"]
WINDOW: Final[int] = CONFIG["ml-loop:models"][MODEL]["drift"]["window"]
DRIFT_OF_MODEL: Final = f"ml-loop.dev/trigger=drift,ml-loop.dev/model={MODEL}"
PODS: Final = {
    "detector": (NAMESPACE, "app.kubernetes.io/name=drift-detector"),
    "source": (NAMESPACE, f"eventsource-name={MODEL}-drift"),
    "bus": (NAMESPACE, "app.kubernetes.io/instance=event-bus-nats,app.kubernetes.io/component=server"),
    "sensor": (NAMESPACE, f"sensor-name={MODEL}-drift"),
    "workflow controller": ("argo", "app=workflow-controller"),
    "event controller": ("argo-events", "app=controller-manager"),
}
"""Every part between a prediction and the training: namespace and selector of its pod."""
PUBLISH: Final = """\
import os, sys
from confluent_kafka import Producer
from loop.runtime.kafka import client_settings
producer = Producer(client_settings(os.environ))
for line in sys.stdin:
    producer.produce(sys.argv[1], line.rstrip("\\n").encode(), key=b"e2e")
    producer.poll(0)
sys.exit(producer.flush(30))
"""


@dataclass
class ClosedLoop:
    """Publishes and reads from the detector's pod, which knows the way to the brokers. Each topic has one partition."""

    node: Node = field(default_factory=lambda: Node(Paths.default()))
    until: datetime = field(default_factory=lambda: datetime.now(UTC) - timedelta(hours=30))
    """Event time of the last prediction published."""

    def kubectl(self, *arguments: str, stdin: str | None = None, namespace: str = NAMESPACE) -> str:
        return run(*self.node.kubectl, "--namespace", namespace, *arguments, stdin=stdin)

    def items(self, kind: str, *arguments: str, namespace: str = NAMESPACE) -> list[dict[str, Any]]:
        return json.loads(self.kubectl("get", kind, *arguments, "-o", "json", namespace=namespace))["items"]

    # Kafka

    def _in_detector(self, script: str, *arguments: str, stdin: str = "") -> str:
        pod = ("exec", "-i", f"deployment/{MODEL}-drift", "--")
        return self.kubectl(*pod, "python3", "-c", script, *arguments, stdin=stdin)

    def predict(self, rows: list[list[float]], until: datetime) -> None:
        """Publishes predictions for rows of features, evenly spread over the time since the last ones."""
        step = (until - self.until) / len(rows)
        times = [self.until + step * (n + 1) for n in range(len(rows))]
        plain = {"tenant": "e2e", "user_id": "e2e", "predictions": [0.5], "model": MODEL, "version": "1"}
        lines = [
            json.dumps({**plain, "features": row, "at": at.isoformat()}) for row, at in zip(rows, times, strict=True)
        ]
        self._in_detector(PUBLISH, PREDICTIONS_TOPIC, stdin="\n".join(lines) + "\n")
        self.until = until

    def send(self, *events: dict[str, Any] | str) -> None:
        """Publishes to `ml.drift`, in order."""
        lines = [each if isinstance(each, str) else json.dumps(each) for each in events]
        self._in_detector(PUBLISH, DRIFT_TOPIC, stdin="\n".join(lines) + "\n")

    def end(self) -> int:
        """Where the next event will be."""
        return json.loads(self._in_detector(READ, DRIFT_TOPIC, "-1"))["end"]

    def tested(self, start: int) -> list[dict[str, Any]]:
        """What the detector has published from there on, drift or not."""
        texts = json.loads(self._in_detector(READ, DRIFT_TOPIC, str(start)))["texts"]
        return [json.loads(text) for text in texts]

    def drift_of(self, rows: list[list[float]], start: int) -> dict[str, Any]:
        """Publishes a window; returns the one event that says it drifted."""
        self.predict(rows, datetime.now(UTC))
        eventually(lambda: len(self.tested(start)) >= len(FEATURES), "the window's tests", 120)
        (event,) = [each for each in self.tested(start) if each["p_value"] < each["threshold"]]
        return event

    # Kubernetes

    def counter(self, part: str, port: int, metric: str) -> float:
        """A counter of a part's only pod: 0 before it has counted anything. `metric` is a pattern, labels included."""
        (pod,) = self.pods(part)
        path = f"/api/v1/namespaces/{PODS[part][0]}/pods/{pod['metadata']['name']}:{port}/proxy/metrics"
        found = re.findall(rf"^{metric}\S* (\S+)$", self.kubectl("get", "--raw", path), re.MULTILINE)
        return sum(float(value) for value in found)

    def pods(self, part: str) -> list[dict[str, Any]]:
        """Those that are not on their way out."""
        namespace, selector = PODS[part]
        found = self.items("pods", "-l", selector, namespace=namespace)
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def kill(self, *parts: str) -> None:
        """Without a goodbye: the processes get no signal that they could act on."""
        for part in parts:
            namespace, selector = PODS[part]
            now = ("--grace-period=0", "--force", "--wait=false")
            self.kubectl("delete", "pod", "-l", selector, *now, namespace=namespace)

    def wait_ready(self, part: str) -> None:
        def ready() -> bool:
            conditions = [each for pod in self.pods(part) for each in pod["status"].get("conditions", [])]
            return any((each["type"], each["status"]) == ("Ready", "True") for each in conditions)

        eventually(ready, f"the {part} is ready", 180)

    def workflows(self) -> dict[str, dict[str, Any]]:
        """Those that drift has started, by name."""
        return {each["metadata"]["name"]: each for each in self.items("workflows", "-l", DRIFT_OF_MODEL)}

    def told(self, sent: dict[str, Any]) -> str:
        """What `argo list` says of an event's Workflow."""
        return self.workflows()[name_of(sent)].get("status", {}).get("message", "")

    def phase(self, event: dict[str, Any]) -> str:
        """Of the event's Workflow; empty while there is none, or none that the controller has seen."""
        return self.workflows().get(name_of(event), {}).get("status", {}).get("phase", "")

    def wait_for(self, event: dict[str, Any], *phases: str, seconds: float = 240) -> float:
        """Waits for the event's Workflow, in one of the phases if there are any; returns how long it took."""
        if phases:
            return eventually(lambda: self.phase(event) in phases, f"{event['id']} {' or '.join(phases)}", seconds)
        return eventually(lambda: name_of(event) in self.workflows(), f"a Workflow for {event['id']}", seconds)

    def leases(self) -> list[dict[str, Any]]:
        found = self.items("leases", "-l", "app.kubernetes.io/managed-by=ml-loop")
        return [each for each in found if each["metadata"]["name"].startswith(f"retrain-{MODEL}")]

    def refusals(self) -> int:
        """How many events the cooldown has refused."""
        return sum(int(lease["metadata"]["annotations"]["ml-loop.dev/refusals"]) for lease in self.leases())

    def move_cooldown_back(self, by: timedelta) -> None:
        """As if every training had begun that much earlier."""
        for lease in self.leases():
            acquired = datetime.fromisoformat(lease["spec"]["acquireTime"]) - by
            spec = {"acquireTime": acquired.strftime("%Y-%m-%dT%H:%M:%S.%fZ")}
            self.kubectl("patch", "lease", lease["metadata"]["name"], "--type=merge", "-p", json.dumps({"spec": spec}))

    def recipes(self) -> dict[str, str]:
        """Recipe of the model's trainings, by template; one that an earlier stack left may have none."""
        found = {each["metadata"]["name"]: recipe_of(each) for each in self.items("workflowtemplates")}
        return {name: recipe for name, recipe in found.items() if recipe and name.startswith(f"{MODEL}-train-")}

    def change_recipes(self, recipes: dict[str, str]) -> None:
        """The example's rows never change, and drift trains no model of the same rows by the same code again."""
        for name, recipe in recipes.items():
            template = json.loads(self.kubectl("get", "workflowtemplate", name, "-o", "json"))
            patch = json.dumps(recipe_patch(template, recipe))
            self.kubectl("patch", "workflowtemplate", name, "--type=json", "-p", patch)

    def learn_anew(self) -> None:
        """As if the model's code had changed."""
        self.change_recipes(dict.fromkeys(self.recipes(), f"e2e-{secrets.token_hex(8)}"))

    def forget_workflows(self) -> None:
        """Deletes what earlier events started, their pods first."""
        self.kubectl("delete", "workflows", "-l", DRIFT_OF_MODEL, "--cascade=foreground")

    def forget(self) -> None:
        """Deletes what earlier events started, and what the cooldown remembers of them."""
        self.forget_workflows()
        for lease in self.leases():
            self.kubectl("delete", "lease", lease["metadata"]["name"])


@dataclass(frozen=True)
class Reference:
    """The rows that the detector compares with."""

    rows: list[list[float]]

    @classmethod
    def current(cls) -> "Reference":
        aliases = MlflowClient().get_registered_model(MODEL).aliases
        version = aliases.get(Alias.PRODUCTION) or aliases[Alias.STAGING]
        run_id = MlflowClient().get_model_version(MODEL, version).run_id
        with TemporaryDirectory() as folder:
            path = download_artifacts(run_id=run_id, artifact_path=REFERENCE_ARTIFACT, dst_path=folder)
            header, *lines = Path(path).read_text("utf-8").splitlines()
        assert header.split(",") == FEATURES
        return cls([[float(value) for value in line.split(",")] for line in lines])

    def draw(self, windows: float, seed: int) -> list[list[float]]:
        return Random(seed).choices(self.rows, k=int(windows * WINDOW))  # a sample, no secret

    def drifted(self, seed: int) -> list[list[float]]:
        """A window whose first feature is one standard deviation higher."""
        deviation = statistics.pstdev(row[0] for row in self.rows)
        return [[first + deviation, *others] for first, *others in self.draw(1, seed)]


def versions(**tags: str) -> list[ModelVersion]:
    """The model's versions with all these tags, named as in `Tag`."""
    wanted = [f"tags.`{Tag[name.upper()]}` = '{value}'" for name, value in tags.items()]
    return list(MlflowClient().search_model_versions(" and ".join([f"name = '{MODEL}'", *wanted])))


def event(**changes: object) -> dict[str, Any]:
    """What the detector writes when it sees drift, with changes."""
    return {
        "id": secrets.token_hex(16),
        "model": MODEL,
        "feature": FEATURES[0],
        "ks": 0.31,
        "p_value": 0.01,
        "threshold": 0.05,
        "window": {"from": "2026-01-01T00:00:00Z", "to": "2026-01-01T01:00:00Z", "n": WINDOW},
        "reference_version": "1",
        "at": "2026-01-01T01:00:00Z",
        **changes,
    }


def recipe_of(template: dict[str, Any]) -> str:
    env = [each for one in template["spec"]["templates"] for each in one.get("container", {}).get("env", [])]
    return next((each["value"] for each in env if each["name"] == Env.RECIPE), "")


def name_of(event: dict[str, Any]) -> str:
    return f"{MODEL}-drift-{event['id'][:16]}"


def parameters(workflow: dict[str, Any]) -> dict[str, str]:
    return {each["name"]: each["value"] for each in workflow["spec"]["arguments"]["parameters"]}


def steps(workflow: dict[str, Any]) -> set[str]:
    """Templates that the workflow has run a pod of."""
    nodes = workflow.get("status", {}).get("nodes", {}).values()
    return {node["templateName"] for node in nodes if node["type"] == "Pod"}


def outputs(workflow: dict[str, Any]) -> dict[str, dict[str, str]]:
    """What the pods of each template have handed on."""
    nodes = workflow.get("status", {}).get("nodes", {}).values()
    named = [(n["templateName"], n.get("outputs", {}).get("parameters", [])) for n in nodes if n["type"] == "Pod"]
    return {name: {each["name"]: each["value"] for each in given} for name, given in named}
