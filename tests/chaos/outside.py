"""What is there, asked from outside: while the run goes on to prepare it, and once all is quiet to judge it."""

import base64
import json
import os
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from contract.messages import EVENT_ID_LENGTH
from contract.names import NOTHING_NEW, SERVER_PORT, VERSION_HEADER, Alias, Env, Tag
from local import check, stack
from local.check.live import RunningStack, send
from local.node.node import Node
from local.paths import Paths
from local.shell import run
from local.steps import StepError
from settings.problem import PROJECT
from tests.chaos import in_loop
from tests.chaos.checker import ENDED, EndState, RecordedRow, TrainingRun
from tests.chaos.plan import MODEL, PODS

QUIET: Final = 600.0
"""Seconds in which trainings that were asked for end, and every part is there again."""
RECORDED: Final = 180.0
ANSWER: Final = 30.0
"""Seconds for the API server to say what is there."""


@dataclass
class Outside:
    """The built-in stack, without what a fault could be hidden by."""

    paths: Paths
    node: Node

    def look(self) -> RunningStack:
        applied = stack.applied(stack.BUILT_IN, self.paths)
        return check.look_at(MODEL, applied, stack.outputs(stack.BUILT_IN, self.paths), self.paths)()

    def items(self, kind: str, namespace: str, selector: str = "") -> list[dict[str, Any]]:
        chosen = ("-l", selector) if selector else ()
        found = run(*self.node.kubectl, "-n", namespace, "get", kind, *chosen, "-o", "json", timeout=ANSWER)
        return json.loads(found)["items"]

    def pods(self, namespace: str, selector: str) -> list[dict[str, Any]]:
        return [pod for pod in self.items("pods", namespace, selector) if "deletionTimestamp" not in pod["metadata"]]

    def uids(self) -> list[str]:
        """Of all pods that a fault may hit."""
        hit = [pod for part in PODS.values() for pod in self.pods(part.namespace, part.selector)]
        return [pod["metadata"]["uid"] for pod in hit]

    def forget_cooldown(self, namespace: str) -> None:
        """So that the first event trains."""
        for lease in self.items("leases", namespace, "app.kubernetes.io/managed-by=ml-loop"):
            name = lease["metadata"]["name"]
            if name.startswith(f"retrain-{MODEL}"):
                run(*self.node.kubectl, "-n", namespace, "delete", "lease", name)

    def environment(self) -> Mapping[str, str]:
        """Of a process on this machine that reaches Kafka and the store."""
        config = stack.applied(stack.BUILT_IN, self.paths)
        address = config[f"{PROJECT}:cluster"]["nodeAddress"]
        port = config[f"{PROJECT}:kafka"]["nodePort"]
        keys = self._object("secret", "artifacts-s3-root")["data"]
        service = self._object("service", "s3")["spec"]
        return os.environ | {
            "KAFKA_BOOTSTRAP_SERVERS": f"{address}:{port}",
            "AWS_ENDPOINT_URL_S3": f"http://{service['clusterIP']}:{service['ports'][0]['port']}",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": base64.b64decode(keys["access-key-id"]).decode(),
            "AWS_SECRET_ACCESS_KEY": base64.b64decode(keys["secret-access-key"]).decode(),
            str(Env.RECORD): f"s3://ml-loop-record/{MODEL}",
        }

    def _object(self, kind: str, name: str) -> dict[str, Any]:
        return json.loads(run(*self.node.kubectl, "-n", "mlflow", "get", kind, name, "-o", "json"))

    def end(self, began: float, prefix: str, outcomes: set[str]) -> EndState:
        """Once all is quiet, or as it is after `QUIET`. `outcomes` are those that the record must get."""
        live = self.look()
        wait(lambda: not self._unhealthy(), QUIET)
        wait(lambda: all(run.phase in ENDED for run in self._runs(live, began)), QUIET)
        wait(lambda: outcomes <= {row.id for row in self._recorded(prefix)["outcomes"]}, RECORDED)
        rows = self._recorded(prefix)
        live, runs = self.look(), self._runs(live, began)
        names = {run.name for run in runs}
        made = {each["version"]: each["tags"].get(Tag.WORKFLOW, "") for each in live.versions}
        return EndState(
            runs=runs,
            versions={version: workflow for version, workflow in made.items() if workflow in names},
            aliases={alias: version for alias, version in (live.aliases or {}).items() if alias in list(Alias)},
            served={str(slot): self._served(live, slot) for slot in (Alias.STAGING, Alias.PRODUCTION)},
            predictions=rows["predictions"],
            outcomes=rows["outcomes"],
            mended=self._unhealthy(),
        )

    def _runs(self, live: RunningStack, began: float) -> list[TrainingRun]:
        found: list[TrainingRun] = []
        for each in live.workflows():
            if _seconds(each["metadata"]["creationTimestamp"]) < began - 1:
                continue
            given = {
                one["name"]: one.get("value", "") for one in each["spec"].get("arguments", {}).get("parameters", [])
            }
            status = each.get("status", {})
            said = {one["name"]: one.get("value") for one in status.get("outputs", {}).get("parameters", [])}
            event = given.get("event_id", "")
            found.append(
                TrainingRun(
                    name=each["metadata"]["name"],
                    phase=status.get("phase", ""),
                    event=event if len(event) == EVENT_ID_LENGTH else "",
                    feature=given.get("feature", ""),
                    granted=not event or said.get("granted") == "true",
                    learned=NOTHING_NEW not in _said(status),
                )
            )
        return found

    def _served(self, live: RunningStack, slot: Alias) -> list[str]:
        """What each ready server of the slot answers with."""
        found: list[str] = []
        for pod in self.pods(live.namespace, f"serving.kserve.io/inferenceservice={MODEL}-{slot}"):
            if _ready(pod):
                try:
                    reply = send(f"http://{pod['status']['podIP']}:{SERVER_PORT}/v1/models/{MODEL}")
                except OSError:
                    continue
                found.append(reply.headers.get(VERSION_HEADER.lower(), f"no version ({reply.status})"))
        return found

    def _recorded(self, prefix: str) -> dict[str, list[RecordedRow]]:
        command, environment = in_loop.command("recorded", f"{prefix}-"), in_loop.environment(self.environment())
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise StepError(f"the record cannot be read: {done.stderr.strip()[-300:]}")
        found: dict[str, list[tuple[str, int, int]]] = json.loads(done.stdout)
        return {
            kind: [RecordedRow(id=name, partition=partition, offset=offset) for name, partition, offset in rows]
            for kind, rows in found.items()
        }

    def _unhealthy(self) -> dict[str, str]:
        """Part -> why; empty once each has a pod that is ready. A training's steps come and go."""
        found: dict[str, str] = {}
        for part, where in PODS.items():
            if part == "training step":
                continue
            pods = self.pods(where.namespace, where.selector)
            running = [pod for pod in pods if pod["status"].get("phase") != "Succeeded"]
            if not running or not all(_ready(pod) for pod in running):
                found[part] = f"{sum(map(_ready, running))} of {len(running)} pods are ready"
        return found


def wait(until: Callable[[], bool], seconds: float) -> None:
    """Returns when it is so, or when the time is up: what is then there is judged. What cannot be asked is not so."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if until():
                return
        except (OSError, StepError):
            pass
        time.sleep(2)


def _said(status: Mapping[str, Any]) -> set[str]:
    """The values that the steps of a Workflow have handed on."""
    outputs = [each.get("outputs", {}).get("parameters", []) for each in status.get("nodes", {}).values()]
    return {str(one.get("value")) for each in outputs for one in each}


def _ready(pod: dict[str, Any]) -> bool:
    conditions = pod.get("status", {}).get("conditions", [])
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
