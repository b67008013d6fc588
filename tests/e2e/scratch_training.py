"""A model in a namespace of its own, trained by the very objects that the stack makes for its models."""

import json
import os
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from kubernetes import client, config, watch
from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from pulumi import Output, ResourceOptions

from components.kit.connections import Bucket, Tracking
from components.kit.labels import selector
from components.kit.namespace import RestrictedNamespace, RestrictedNamespaceArgs
from components.kit.network import Allowance
from components.kit.network import pods as pods_with
from components.tracking.mlflow import APP, PORT
from components.training.training import Training, TrainingArgs
from local.images.oci import Archive
from local.images.table import IMAGES
from local.node.node import Node
from local.paths import Paths
from local.shell import run
from settings.model import Training as TrainingSettings
from tests.e2e import store
from tests.e2e.scratch_model import TRACKING_URL
from tests.program.mocks import record

EXAMPLE: Final = {name: ["python3", "-m", f"examples.recommender.{name}"] for name in ("train", "evaluate")}
"""The commands of the example's image."""
SETTINGS: Final = {
    "image": "recommender",
    "gate": {"metric": "auc", "minimum": 0.7},
    "resources": {"requests": {"cpu": "50m", "memory": "384Mi"}, "limits": {"memory": "1536Mi"}},
    "timeout": "10m",
}


@dataclass
class ScratchTraining:
    """The trainings of one namespace. The example model is named like the namespace."""

    namespace: str
    node: Node = field(default_factory=lambda: Node(Paths.default()))
    models: list[str] = field(default_factory=list[str])
    templates: dict[str, str] = field(default_factory=dict[str, str])
    """Model → the WorkflowTemplate that trains it."""

    def image(self, name: str) -> str:
        return next(Archive(image, self.node.paths).reference for image in IMAGES if image.name == name)

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        return run(*self.node.kubectl, "--namespace", self.namespace, *arguments, stdin=stdin)

    def items(self, kind: str, *arguments: str) -> list[dict[str, Any]]:
        return json.loads(self.kubectl("get", kind, *arguments, "-o", "json"))["items"]

    def declare(self, model: str, commands: dict[str, list[str]] = EXAMPLE, **settings: str) -> None:
        """Applies the component's objects as Pulumi's provider does."""
        self.models.append(model)

        def build() -> None:
            opts = ResourceOptions()
            home = RestrictedNamespace("home", RestrictedNamespaceArgs(namespace=self.namespace), opts)
            args = TrainingArgs(
                model=model,
                namespace=home.name,
                loop_image=self.image("loop"),
                image=self.image("recommender"),
                tracking=Tracking(
                    url=Output.from_input(TRACKING_URL),
                    egress=(Allowance(ports=(PORT,), peers=(pods_with(selector(APP, "mlflow", "server"), "mlflow"),)),),
                ),
                training=TrainingSettings.model_validate(SETTINGS | settings | {"commands": commands}),
                cooldown=timedelta(hours=6),
                logs=Bucket(
                    name=Output.from_input(store.LOGS),
                    region="us-east-1",
                    endpoint=Output.from_input(store.ENDPOINT),
                    credentials_secret=Output.from_input(store.SECRET),
                    client_labels={},
                    egress=(Allowance(ports=(7070,), peers=(pods_with({}, "mlflow"),)),),
                ),
            )
            Training(f"{model}-training", args, opts)

        made = record(build)
        self.templates[model] = made.inputs("WorkflowTemplate")["metadata"]["name"]
        for each in made.resources:
            package, kind = each.type.split(":")[0], each.type.split(":")[1:]
            if package == "kubernetes":
                manifest = {"apiVersion": kind[0].removeprefix("core/"), "kind": kind[1]} | each.inputs
                apply = ("apply", "--server-side", "--field-manager=pulumi", "-f", "-")
                self.kubectl(*apply, stdin=json.dumps(manifest))
        self._lend_key()

    def _lend_key(self) -> None:
        """The stack's own, with which the loop's namespace adds logs to the store."""
        metadata = {"name": store.SECRET}
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": store.key(self.node)}
        self.kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(secret))

    def argo(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(self.node.paths.bin / "argo"), *arguments, "-n", self.namespace]
        environment = os.environ | {"KUBECONFIG": str(self.node.paths.kubeconfig)}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    def can(self, account: str, verb: str, resource: str) -> bool:
        """Whether a service account of the namespace may do it."""
        question = ("auth", "can-i", verb, resource, f"--as=system:serviceaccount:{self.namespace}:{account}")
        command = [*self.node.kubectl, "--namespace", self.namespace, *question]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() == "yes"

    def submit(self, model: str, **parameters: str) -> str:
        """Starts a training. Returns the workflow's name."""
        given = [word for name, value in parameters.items() for word in ("-p", f"{name}={value}")]
        done = self.argo("submit", "--from", f"workflowtemplate/{self.templates[model]}", "-o", "name", *given)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def workflow(self, name: str) -> dict[str, Any]:
        return json.loads(self.kubectl("get", "workflow", name, "-o", "json"))

    def phase(self, name: str) -> str:
        return self.workflow(name).get("status", {}).get("phase", "")

    def ended(self, name: str) -> bool:
        return self.phase(name) in ("Succeeded", "Failed", "Error")

    def attempts(self, name: str) -> dict[str, list[str]]:
        """Template → the phases of the pods it had."""
        found: dict[str, list[str]] = {}
        for node in self.workflow(name).get("status", {}).get("nodes", {}).values():
            if node["type"] == "Pod":
                found.setdefault(node["templateName"], []).append(node["phase"])
        return found

    def pods(self, name: str, template: str) -> list[dict[str, Any]]:
        return self.items("pods", "-l", of(name, template))

    def running(self, name: str, template: str) -> list[dict[str, Any]]:
        """The pods whose command of that template is at work."""
        return [pod for pod in self.pods(name, template) if is_at_work(pod)]

    def at_work(self, name: str, template: str, seconds: int = 300) -> dict[str, Any]:
        """The first pod whose command of that template is at work. Watched for: some work for two seconds only."""
        core = client.CoreV1Api(config.new_client_from_config(str(self.node.paths.kubeconfig)))
        selected = {"namespace": self.namespace, "label_selector": of(name, template), "timeout_seconds": seconds}
        stream: Any = watch.Watch().stream(core.list_namespaced_pod, **selected)
        for event in stream:
            if is_at_work(event["raw_object"]):
                return event["raw_object"]
        raise AssertionError(f"{template} of {name} is not at work after {seconds} s")

    def versions(self, workflow: str) -> list[ModelVersion]:
        """What the workflow registered."""
        return list(MlflowClient().search_model_versions(f"tags.`ml-loop.workflow` = '{workflow}'"))

    def delete(self) -> None:
        self.kubectl("delete", "namespace", self.namespace, "--ignore-not-found", "--wait=false")
        for model in self.models:
            try:
                MlflowClient().delete_registered_model(model)
            except MlflowException:  # it never got as far
                continue


def of(workflow: str, template: str) -> str:
    """Selects a workflow's pods of a template."""
    return f"workflows.argoproj.io/workflow={workflow},app.kubernetes.io/component={template}"


def is_at_work(pod: dict[str, Any]) -> bool:
    """Whether its command runs, and nobody has deleted it."""
    states = [each["state"] for each in pod["status"].get("containerStatuses", []) if each["name"] == "main"]
    return any("running" in state for state in states) and "deletionTimestamp" not in pod["metadata"]


@contextmanager
def scratch_training(namespace: str) -> Generator[ScratchTraining]:
    """The namespace and its models' registry entries go afterwards, whatever happened."""
    training = ScratchTraining(namespace)
    try:
        yield training
    finally:
        training.delete()
