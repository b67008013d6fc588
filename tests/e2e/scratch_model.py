"""A small model in a namespace of its own, served by the very objects that the stack makes for its models."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple
from urllib.error import HTTPError

from mlflow import MlflowClient
from pulumi import Output, ResourceOptions

from components.kit.connections import KafkaConnection, Tracking
from components.kit.labels import selector
from components.kit.namespace import RestrictedNamespace, RestrictedNamespaceArgs
from components.kit.network import Allowance, pods
from components.kit.pod import SCRATCH, resources
from components.kit.restricted import container_security_context, pod_security_context
from components.serving.gateway import Gateway, GatewayArgs
from components.serving.model_storage import ModelStorage, ModelStorageArgs
from components.serving.serving import Serving, ServingArgs
from components.serving.traffic_split import TrafficSplit, TrafficSplitArgs
from components.tracking.mlflow import APP, PORT
from contract.commands import Rollout
from contract.names import (
    PREDICTIONS_TOPIC,
    REQUEST_ID_HEADER,
    SERVER_PORT,
    VERSION_ANNOTATION,
    VERSION_HEADER,
    Alias,
)
from local.images.oci import Archive
from local.images.table import IMAGES
from local.node.node import Node
from local.operators.gateway import CLASS, NAMESPACE
from local.paths import REPOSITORY, Paths
from local.shell import run
from tests.e2e.kafka import READ
from tests.program.mocks import record

VERSION: Final = VERSION_HEADER
TRACKING_URL: Final = "http://mlflow.mlflow.svc.cluster.local:5000"
BROKERS: Final = "kafka.kafka.svc.cluster.local:9092"
ROWS: Final = [[1.0, 2.0], [3.0, 4.0]]
LOG_TWO_VERSIONS: Final = """\
import os, sys, mlflow, numpy, pandas
from sklearn.linear_model import LinearRegression
mlflow.set_experiment(sys.argv[1])
rows = pandas.DataFrame({"a": numpy.arange(10.0), "b": numpy.arange(10.0) ** 2})
for factor in (1, 2):
    with mlflow.start_run():
        model = LinearRegression().fit(rows, factor * rows["a"])
        mlflow.sklearn.log_model(model, name="model", registered_model_name=sys.argv[1], input_example=rows.head(2))
"""
"""Version N answers N times the first column."""


class Answer(NamedTuple):
    """What came back, from which version, and under which id."""

    status: int
    version: str | None
    text: str
    request: str | None = None


@dataclass
class ScratchModel:
    """One model: `declare` is what `pulumi up` does, `move` and `roll` are what the loop's workflows do."""

    name: str
    node: Node = field(default_factory=lambda: Node(Paths.default()))

    @property
    def image(self) -> str:
        return next(Archive(image, self.node.paths).reference for image in IMAGES if image.name == "loop")

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        return run(*self.node.kubectl, "--namespace", self.name, *arguments, stdin=stdin)

    def items(self, kind: str) -> list[dict[str, Any]]:
        return json.loads(self.kubectl("get", kind, "-o", "json"))["items"]

    def servers(self, slot: str) -> dict[str, dict[str, Any]]:
        """A service's pods that are not on their way out, by uid."""
        pods = [pod for pod in self.items("pods") if "deletionTimestamp" not in pod["metadata"]]
        named = {pod["metadata"]["uid"]: pod for pod in pods}
        return {
            uid: pod for uid, pod in named.items() if pod["metadata"]["labels"]["app.kubernetes.io/component"] == slot
        }

    def versions(self, slot: str) -> set[str]:
        """The versions that a service's pods were made for, those on their way out included."""
        mine = [each["metadata"] for each in self.items("pods")]
        return {
            each["annotations"][VERSION_ANNOTATION]
            for each in mine
            if each["labels"].get("app.kubernetes.io/component") == slot
        }

    def ready(self, slot: str) -> int:
        """How many of them answer."""
        conditions = [pod["status"].get("conditions", []) for pod in self.servers(slot).values()]
        return sum(any((each["type"], each["status"]) == ("Ready", "True") for each in found) for found in conditions)

    def autoscaler(self, slot: str) -> dict[str, tuple[str, str]]:
        """What the autoscaler of a service says of itself: condition → (status, reason)."""
        (found,) = [each for each in self.items("hpa") if each["metadata"]["name"] == f"{self.name}-{slot}-predictor"]
        conditions = found.get("status", {}).get("conditions") or []
        return {each["type"]: (each["status"], each["reason"]) for each in conditions}

    def said(self, slot: str, container: str) -> str:
        """What a container of a service's pods has logged; nothing while it has not started."""
        pods = [pod["metadata"]["name"] for pod in self.servers(slot).values()]
        asked = [[*self.node.kubectl, "-n", self.name, "logs", pod, "-c", container] for pod in pods]
        return "".join(subprocess.run(each, capture_output=True, text=True, check=False).stdout for each in asked)

    def captured(self, start: int) -> tuple[int, list[dict[str, Any]]]:
        """The end of `ml.predictions`, and the messages of this model from `start` on; none for -1."""
        pod = next(pod["metadata"]["name"] for pod in self.servers("staging").values())
        run_in = ("exec", pod, "-c", "kserve-container", "--", "python3", "-c", READ, PREDICTIONS_TOPIC, str(start))
        read = json.loads(self.kubectl(*run_in))
        messages = [json.loads(text) for text in read["texts"]]
        return read["end"], [message for message in messages if message["model"] == self.name]

    def metric(self, address: str, line: str) -> float:
        """The metric of one server whose line starts so; 0 when there is none yet."""
        with urllib.request.urlopen(f"http://{address}:{SERVER_PORT}/metrics", timeout=10) as answer:
            rows = answer.read().decode().splitlines()
        return sum(float(row.rsplit(" ", 1)[1]) for row in rows if row.startswith(line))

    def declare(self, *, in_production: bool, replicas: int = 1, at_most: int | None = None) -> None:
        """Applies the components' objects as Pulumi's provider does: server-side, taking no field by force."""

        def build() -> None:
            opts = ResourceOptions()
            home = RestrictedNamespace("home", RestrictedNamespaceArgs(namespace=self.name), opts)
            gateway = Gateway("gateway", GatewayArgs(namespace=home.name, class_name=CLASS, proxies=NAMESPACE), opts)
            storage = ModelStorage(
                "storage", ModelStorageArgs(namespace=self.name, image=self.image, tracking_url=TRACKING_URL), opts
            )
            args = ServingArgs(
                namespace=home.name,
                model=self.name,
                image=self.image,
                storage=storage.name,
                in_production=in_production,
                min_replicas=replicas,
                max_replicas=at_most or replicas,
                resources=resources(cpu="50m", memory="256Mi", memory_limit="1Gi"),
                gateway=gateway,
                kafka=KafkaConnection(
                    bootstrap_servers=Output.from_input(BROKERS), tls=False, client_labels={}, egress=()
                ).access,
                tracking=Tracking(
                    url=Output.from_input(TRACKING_URL),
                    egress=(Allowance(ports=(PORT,), peers=(pods(selector(APP, "mlflow", "server"), "mlflow"),)),),
                ),
            )
            serving = Serving("serving", args, opts)
            TrafficSplit("front", TrafficSplitArgs(gateway=gateway, serving=serving, canary_percent=10), opts)

        made = [each for each in record(build).resources if each.type.startswith("kubernetes:")]
        for each in made:
            token = each.type.split(":")
            manifest = {"apiVersion": token[1].removeprefix("core/"), "kind": token[2]} | each.inputs
            self.kubectl("apply", "--server-side", "--field-manager=pulumi", "-f", "-", stdin=json.dumps(manifest))

    def log_two_versions(self) -> None:
        """Trains and registers in a pod, as the loop's steps do: versions 1 and 2, no alias."""
        container = {
            "name": "log",
            "image": self.image,
            "command": ["python3", "-c", LOG_TWO_VERSIONS, self.name],
            "env": [{"name": "MLFLOW_TRACKING_URI", "value": TRACKING_URL}, {"name": "HOME", "value": SCRATCH}]
            + [{"name": f"MLFLOW_ENABLE_PROXY_MULTIPART_{way}LOAD", "value": "false"} for way in ("UP", "DOWN")],
            "securityContext": container_security_context(),
            "volumeMounts": [{"name": "tmp", "mountPath": SCRATCH}],
        }
        spec = {
            "automountServiceAccountToken": False,
            "restartPolicy": "Never",
            "securityContext": pod_security_context(),
            "containers": [container],
            "volumes": [{"name": "tmp", "emptyDir": {}}],
        }
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "log"}, "spec": spec}
        self.kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(pod))
        self.kubectl("wait", "pod/log", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=180s")
        self.kubectl("delete", "pod", "log")

    def move(self, alias: str, version: int) -> None:
        MlflowClient().set_registered_model_alias(self.name, alias, str(version))

    def roll(self, alias: str) -> str:
        """The step `rollout` of the loop's workflows. Returns what it said."""
        rollout = Rollout(namespace=self.name, service=f"{self.name}-{alias}", model=self.name, alias=Alias(alias))
        command = [sys.executable, "-m", "loop", rollout.NAME, *rollout.argv()]
        environment = os.environ | {"KUBECONFIG": str(self.node.paths.kubeconfig)}
        done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @property
    def host(self) -> str:
        """The gateway's address."""
        (gateway,) = self.items("gateways.gateway.networking.k8s.io")
        return gateway["status"]["addresses"][0]["value"]

    def ask(self, host: str, rows: object = ROWS) -> Answer:
        """Predictions from the gateway or from one server."""
        return self.send(host, json.dumps({"instances": rows}).encode())

    def send(self, host: str, body: bytes, model: str | None = None, **headers: str) -> Answer:
        """Any body at all."""
        request = urllib.request.Request(f"http://{host}/v1/models/{model or self.name}:predict", body, headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310  the gateway's address
                said = answer.headers
                return Answer(answer.status, said[VERSION], answer.read().decode(), said[REQUEST_ID_HEADER])
        except HTTPError as refused:
            return Answer(refused.code, refused.headers[VERSION], refused.read().decode())

    def delete(self) -> None:
        self.kubectl("delete", "namespace", self.name, "--ignore-not-found", "--wait=false")
        self.kubectl("delete", "clusterstoragecontainer", f"mlflow-{self.name}", "--ignore-not-found")
        client = MlflowClient()
        for found in client.search_registered_models(f"name = '{self.name}'"):
            client.delete_registered_model(found.name)
        for experiment in client.search_experiments(filter_string=f"name = '{self.name}'"):
            client.delete_experiment(experiment.experiment_id)


@contextmanager
def scratch_model(name: str) -> Generator[ScratchModel]:
    """The model's objects and its registry entry go afterwards, whatever happened."""
    model = ScratchModel(name)
    try:
        yield model
    finally:
        model.delete()


def eventually(holds: Callable[[], bool], what: str, seconds: float = 120) -> float:
    """Waits until `holds()` is true; returns how long it took."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() < began + seconds, f"{what}: not within {seconds:.0f} s"
        time.sleep(0.5)
    return time.monotonic() - began
