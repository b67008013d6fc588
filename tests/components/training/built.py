"""A training as its component builds it, and what tests read of it."""

from dataclasses import replace
from typing import Any

from components.training.training import Training, TrainingArgs
from settings.model import Training as TrainingSettings
from tests.components.arguments import TRAINING, training_args
from tests.components.given import providers
from tests.program.mocks import Recording, record


def build(args: TrainingArgs) -> Recording:
    return record(lambda: Training("training", args, providers()))


def with_settings(**settings: Any) -> TrainingArgs:
    """The arguments with other settings of the training."""
    return replace(training_args(), training=TrainingSettings.model_validate(TRAINING | settings))


def spec(recording: Recording) -> dict[str, Any]:
    return recording.inputs("WorkflowTemplate")["spec"]


def template(recording: Recording, name: str) -> dict[str, Any]:
    (found,) = [each for each in spec(recording)["templates"] if each["name"] == name]
    return found


def pod_templates(recording: Recording) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in spec(recording)["templates"] if "container" in each}


def environment(recording: Recording, name: str) -> dict[str, str]:
    return {each["name"]: each["value"] for each in template(recording, name)["container"]["env"]}


def rules(recording: Recording) -> dict[str, list[tuple[str, list[str]]]]:
    """Role → what it may do, besides what every step needs."""
    found: dict[str, list[tuple[str, list[str]]]] = {}
    for role in recording.of("Role"):
        results, *others = role.inputs["rules"]
        assert results == {
            "apiGroups": ["argoproj.io"],
            "resources": ["workflowtaskresults"],
            "verbs": ["create", "patch"],
        }
        found[role.inputs["metadata"]["name"]] = [
            ("/".join([*rule["resources"], *rule.get("resourceNames", [])]), rule["verbs"]) for rule in others
        ]
    return found
