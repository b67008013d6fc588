"""One loop of a model on the built-in cluster, followed from outside: what `latency` measures."""

import json
import re
import statistics
import subprocess
import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any, Final, TypeVar

from contract.messages import EVENT_ID_IN_NAME
from contract.metrics import DRIFT_WINDOWS, OPEN_ROWS, CounterMetric, GaugeMetric
from contract.names import DRIFT_TOPIC, VERSION_HEADER, Alias, Env, Tag, Trigger
from local import check, stack
from local.check.drift import PUBLISH, synthetic
from local.check.live import RunningStack
from local.paths import Paths

T = TypeVar("T")
BATCH: Final = 50
"""Rows in one request."""
PAUSE: Final = 0.2
QUIET: Final = 15.0
"""Seconds in which an event that was published becomes a Workflow that is seen to run."""
TOOK: Final = re.compile(r"^the (?:train|evaluate) command took ([0-9.]+) s$", re.MULTILINE)
EVENTS: Final = """\
import os, sys
from confluent_kafka import Consumer, TopicPartition
from loop.runtime.kafka import client_settings
consumer = Consumer(client_settings(os.environ) | {"group.id": "latency", "enable.auto.commit": False})
topic, wanted = sys.argv[1:]
start, end = consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=30)
consumer.assign([TopicPartition(topic, 0, max(start, end - 500))])
left = min(500, end - start)
while left > 0:
    for message in consumer.consume(left, 1):
        left -= 1
        # As text: the topic holds whatever was ever published to it.
        if f'"id": "{wanted}"' in message.value().decode(errors="replace"):
            print(message.timestamp()[1] / 1000)
            sys.exit()
sys.exit(f"no event {wanted}")
"""


@dataclass(frozen=True, kw_only=True)
class LoopMoments:
    """Moments of one loop, in seconds since 1970, and two lengths."""

    predicted: float
    """The answer to the last prediction of the window."""
    event: float
    """When the event was published, by Kafka."""
    running: float
    trained: float
    registered: float
    moved: float
    answered: float
    """The first answer by the new version after which no other version answered."""
    ended: float
    users: float
    """Seconds in which a command of the user's ran: train, then the longer of two evaluations."""
    watch: float


@dataclass
class FollowedModel:
    """One model, and what is known of its Workflows by now."""

    look: Callable[[], RunningStack]
    paths: Paths
    running: dict[str, float] = field(default_factory=dict[str, float])
    ended: dict[str, tuple[float, str]] = field(default_factory=dict[str, tuple[float, str]])
    """Workflow -> when it ended, and how."""

    @classmethod
    def of(cls, model: str) -> "FollowedModel":
        paths = Paths.default()
        outputs, applied = stack.outputs(stack.BUILT_IN, paths), stack.applied(stack.BUILT_IN, paths)
        return cls(check.look_at(model, applied, outputs, paths), paths)

    @contextmanager
    def watched(self) -> Generator[None]:
        """Notes while the block runs when a Workflow is first seen in a phase."""
        live = self.look()
        shown = "{.metadata.name} {.status.phase}{'\\n'}"
        command = [self.paths.bin / "kubectl", f"--kubeconfig={self.paths.kubeconfig}", "-n", live.namespace]
        asked = ["get", "workflows", "--watch", "-o", f"jsonpath={shown}"]
        process = subprocess.Popen([*command, *asked], stdout=subprocess.PIPE, text=True)

        def read() -> None:
            assert process.stdout is not None
            for line in process.stdout:
                name, _, phase = line.strip().partition(" ")
                if phase == "Running":
                    self.running.setdefault(name, time.time())
                elif phase in {"Succeeded", "Failed", "Error"}:
                    self.ended.setdefault(name, (time.time(), phase))

        threading.Thread(target=read, daemon=True).start()
        try:
            yield
        finally:
            process.terminate()
            process.wait()

    def event_alone(self, seconds: float) -> float:
        """Publishes an event; how long its Workflow took to run. The cooldown refuses it, or not."""
        live = self.look()
        event = synthetic(live)
        self._in_detector(live, PUBLISH, DRIFT_TOPIC, event.encode().decode(), live.model)
        name = f"{live.model}-{Trigger.DRIFT}-{event.id[:EVENT_ID_IN_NAME]}"
        self._until(lambda: name in self.ended, f"{name} ends", seconds)
        return self.running[name] - self._published(live, event.id)

    def settle(self, seconds: float) -> None:
        """Closes the window that is open, whose rows are anybody's, and waits for the trainings that this starts."""
        closed = self._counted(DRIFT_WINDOWS)
        self._close_window(self.look(), Random(time.time_ns()))
        self._until(lambda: self._counted(DRIFT_WINDOWS) > closed, "the open window is closed", seconds)
        time.sleep(QUIET)
        self._until(lambda: set(self.running) <= set(self.ended), "what runs already ends", seconds)

    def once(self, seed: int, seconds: float) -> LoopMoments:
        """Closes the loop once."""
        live, chance = self.look(), Random(time.time_ns() + seed)
        self._forget_cooldown(live)
        self._other_recipe(live)
        before, plain = set(self.running), _plain(live)
        self._close_window(live, chance)
        deviation, window = statistics.pstdev(row[0] for row in plain), _window(live)
        predicted = self._predict(live, [[row[0] + deviation, *row[1:]] for row in chance.choices(plain, k=window)])
        prefix = f"{live.model}-{Trigger.DRIFT}-"
        name = self._until(lambda: next((n for n in set(self.running) - before if n.startswith(prefix)), None),
                           "drift starts a Workflow", seconds)  # fmt: skip
        staged = (live.aliases or {}).get(Alias.STAGING)
        moved = answered = 0.0
        while name not in self.ended:
            if not moved and (self.look().aliases or {}).get(Alias.STAGING) != staged:
                moved = time.time()
            if moved:
                # Any row: many copies of one in the next window would be drift.
                came = self._answered_by(live, chance.choice(plain))
                answered = (answered or time.time()) if came not in (None, staged) else 0.0
            time.sleep(PAUSE)
        if self.ended[name][1] != "Succeeded" or not answered:
            raise SystemExit(f"{name} {self.ended[name][1]}: see kubectl -n {live.namespace} get workflow {name}")
        return self._seen(live, name, predicted, moved, answered)

    def _seen(self, live: RunningStack, name: str, predicted: float, moved: float, answered: float) -> LoopMoments:
        found = live.object("workflow", name)
        given = {each["name"]: each.get("value", "") for each in found["spec"]["arguments"]["parameters"]}
        nodes = [each for each in found["status"]["nodes"].values() if each["type"] == "Pod"]
        trained = max(_moment(n["finishedAt"]) for n in nodes if n["templateName"] == "train")
        version = next(each for each in self.look().versions if each["tags"].get(Tag.WORKFLOW) == name)
        watch = live.settings.promotion.watch.total_seconds() if live.settings.serving else 0.0
        return LoopMoments(
            predicted=predicted,
            event=self._published(live, given["event_id"]),
            running=self.running[name],
            trained=trained,
            registered=int(version["creation_timestamp"]) / 1000,
            moved=moved,
            answered=answered,
            ended=self.ended[name][0],
            users=sum(self._took(live, name, step) for step in ("train", "evaluate")),
            watch=watch,
        )

    def _took(self, live: RunningStack, workflow: str, step: str) -> float:
        """Seconds of the user's command, as the step said; the longest of those at the same time."""
        selector = f"workflows.argoproj.io/workflow={workflow},app.kubernetes.io/component={step}"
        said = live.kubectl("-n", live.namespace, "logs", "-l", selector, "-c", "main", "--tail=-1")
        return max((float(each) for each in TOOK.findall(said)), default=0.0)

    def _close_window(self, live: RunningStack, chance: Random) -> None:
        """With rows of the reference."""
        missing = _window(live) - int(self._counted(OPEN_ROWS)) % _window(live)
        self._predict(live, chance.choices(_plain(live), k=missing))

    def _counted(self, metric: CounterMetric | GaugeMetric) -> float:
        live = self.look()
        return (live.metrics("drift-detector", f"{live.model}-drift") or {}).get(metric.name, 0.0)

    def _predict(self, live: RunningStack, rows: list[list[float]]) -> float:
        """When the last of them was answered."""
        for start in range(0, len(rows), BATCH):
            reply = live.http(live.predict_url or "", {"instances": rows[start : start + BATCH]})
            assert reply.status == 200, reply.body[:200]
        return time.time()

    def _answered_by(self, live: RunningStack, row: list[float]) -> str | None:
        try:
            reply = live.http(live.predict_url or "", {"instances": [row]})
        except OSError:
            return None
        return reply.headers.get(VERSION_HEADER.lower()) if reply.status == 200 else None

    def _published(self, live: RunningStack, event: str) -> float:
        return float(self._in_detector(live, EVENTS, DRIFT_TOPIC, event))

    def _in_detector(self, live: RunningStack, script: str, *arguments: str) -> str:
        pod = ("-n", live.namespace, "exec", f"deployment/{live.model}-drift", "--", "python3", "-c")
        return live.kubectl(*pod, script, *arguments)

    def _leases(self, live: RunningStack) -> list[dict[str, Any]]:
        found = live.objects("leases", "app.kubernetes.io/managed-by=ml-loop")
        return [each for each in found if each["metadata"]["name"].startswith(f"retrain-{live.model}")]

    def _forget_cooldown(self, live: RunningStack) -> None:
        for lease in self._leases(live):
            live.kubectl("-n", live.namespace, "delete", "lease", lease["metadata"]["name"])

    def _other_recipe(self, live: RunningStack) -> None:
        """As if its code were another: the model's rows never change, and the same again is not trained for drift."""
        for template in live.objects("workflowtemplates"):
            name = template["metadata"]["name"]
            if name.startswith(f"{live.model}-train-"):
                patch = json.dumps(recipe_patch(template, f"latency-{time.time_ns()}"))
                live.kubectl("-n", live.namespace, "patch", "workflowtemplate", name, "--type=json", "-p", patch)

    def _until(self, found: Callable[[], T | None], what: str, seconds: float) -> T:
        deadline = time.monotonic() + seconds
        while not (value := found()):
            if time.monotonic() > deadline:
                raise SystemExit(f"not within {seconds:.0f} s: {what}")
            time.sleep(PAUSE)
        return value


def _plain(live: RunningStack) -> list[list[float]]:
    return [[float(value or 0) for value in row] for row in live.rows]


def _window(live: RunningStack) -> int:
    assert live.settings.drift, f"{live.model} has no ml-loop:models.{live.model}.drift, so no loop to close"
    return live.settings.drift.window


def recipe_patch(template: Mapping[str, Any], recipe: str) -> list[dict[str, Any]]:
    """The JSON patch by which a WorkflowTemplate's models are made by another recipe (`Env.RECIPE`)."""
    return [
        {"op": "replace", "path": f"/spec/templates/{at}/container/env/{number}/value", "value": recipe}
        for at, each in enumerate(template["spec"]["templates"])
        for number, variable in enumerate(each.get("container", {}).get("env", []))
        if variable["name"] == Env.RECIPE
    ]


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
