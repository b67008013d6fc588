"""What the loop does meanwhile, as anyone can see it: events of `ml.drift`, trainings, versions."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from confluent_kafka import Consumer, TopicPartition
from kubernetes import client, config
from mlflow import MlflowClient

from contract.messages import EventKind
from contract.names import DRIFT_TOPIC, MODEL_LABEL, TRIGGER_LABEL, Alias, GateResult, Tag, Trigger
from loop.runtime.kafka import client_settings

ENDED: Final = frozenset({"Succeeded", "Failed", "Error"})
GROUP: Final = {"group.id": "demo", "enable.auto.commit": False}


class DriftEvents:
    """The model's events from an offset on."""

    def __init__(self, model: str) -> None:
        self._model, self._consumer = model, Consumer(client_settings(os.environ) | GROUP)

    def end(self) -> int:
        return self._consumer.get_watermark_offsets(TopicPartition(DRIFT_TOPIC, 0), timeout=30)[1]

    def since(self, offset: int) -> tuple[list[dict[str, Any]], int]:
        """The events that report something, and the next offset."""
        end, found = self.end(), list[dict[str, Any]]()
        self._consumer.assign([TopicPartition(DRIFT_TOPIC, 0, offset)])
        while offset < end and (message := self._consumer.poll(10)) is not None:
            if message.error() is None:
                offset = (message.offset() or 0) + 1
                found += self._told(message.value())
        return found, offset

    def _told(self, value: bytes | str | None) -> list[dict[str, Any]]:
        try:
            event = json.loads(value or b"")
            told = event["model"] == self._model and event["p_value"] < event["threshold"]
            return [event] if told and event["kind"] in (EventKind.DRIFT, EventKind.PERFORMANCE) else []
        except (ValueError, TypeError, KeyError):
            return []  # another model's


@dataclass(frozen=True)
class SeenTraining:
    """A Workflow that an event has started."""

    name: str
    phase: str
    message: str
    trains: bool
    """Whether its cooldown let it train."""

    @property
    def ended(self) -> bool:
        return self.phase in ENDED


def trainings(namespace: str, model: str) -> list[SeenTraining]:
    """The trainings that events have started, oldest first."""
    config.load_kube_config()
    found: Any = client.CustomObjectsApi().list_namespaced_custom_object(
        "argoproj.io",
        "v1alpha1",
        namespace,
        "workflows",
        label_selector=f"{MODEL_LABEL}={model},{TRIGGER_LABEL}={Trigger.DRIFT}",
    )
    return [_training(each) for each in sorted(found["items"], key=lambda each: each["metadata"]["creationTimestamp"])]


def _training(workflow: Mapping[str, Any]) -> SeenTraining:
    status = workflow.get("status", {})
    nodes = status.get("nodes", {}).values()
    trains = any(each.get("templateName") == "train" and each["type"] == "Pod" for each in nodes)
    said = [each.get("message", "") for each in nodes if each.get("phase") in ("Failed", "Error")]
    message = next((each for each in said if each), status.get("message", ""))
    return SeenTraining(workflow["metadata"]["name"], status.get("phase", ""), message, trains)


class SeenVersions:
    """The model's versions in MLflow."""

    def __init__(self, model: str) -> None:
        self._model, self._client = model, MlflowClient()

    def production(self) -> str | None:
        aliases: Any = self._client.get_registered_model(self._model).aliases
        found = aliases.get(str(Alias.PRODUCTION))
        return None if found is None else str(found)

    def of(self, workflow: str) -> str | None:
        """The version of a training that passed the gate."""
        for each in self._client.search_model_versions(f"name = '{self._model}'"):
            if each.tags.get(Tag.WORKFLOW) == workflow and each.tags.get(Tag.GATE) == GateResult.PASSED:
                return str(each.version)
        return None

    def gate(self, version: str) -> Mapping[str, Any]:
        """The gate's report."""
        return json.loads(self._client.get_model_version(self._model, version).tags.get(Tag.GATE_REPORT, "{}"))
