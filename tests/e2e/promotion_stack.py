"""A stack of its own with one model: the loop that the program makes for each of its models, by a real `pulumi up`."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final, cast
from urllib.error import HTTPError
from urllib.request import urlopen

import pulumi_kubernetes as k8s
from mlflow import MlflowClient
from pulumi import Output, ResourceOptions, automation

from components.kit.connections import KafkaConnection, Tracking
from components.kit.labels import selector
from components.kit.namespace import RestrictedNamespace, RestrictedNamespaceArgs
from components.kit.network import Allowance, pods
from components.model import ModelLoopArgs, model_loop
from components.platform.operators import operators
from components.serving.gateway import Gateway, GatewayArgs
from components.serving.model_storage import ModelStorage, ModelStorageArgs
from components.tracking.mlflow import APP, PORT
from contract.commands import Rollout
from contract.names import PREDICTIONS_TOPIC, VERSION_ANNOTATION, VERSION_HEADER, Alias
from local.images.oci import Archive
from local.images.table import IMAGES
from local.operators.gateway import CLASS, NAMESPACE
from local.paths import REPOSITORY, Paths
from local.shell import run
from local.toolchain import pulumi as toolchain
from restore.engine import reason
from settings import KServeMode, Model, Settings, Signing
from tests.e2e import webhook
from tests.e2e.closed_loop import PUBLISH
from tests.e2e.scratch_model import BROKERS, TRACKING_URL
from tests.loop.signing_keys import new_key

CLIENTS: Final = 3
VERSIONS: Final = Path(__file__).with_name("versions_to_promote.py")
OFF: Final = {"install": False}


@dataclass
class Load:
    """What clients in a closed loop saw: (when, status, version)."""

    seen: list[tuple[float, int, str]] = field(default_factory=list[tuple[float, int, str]])

    @property
    def failed(self) -> list[tuple[float, int, str]]:
        return [each for each in self.seen if each[1] != 200]

    def only(self, version: int, since: float) -> float | None:
        """Seconds after `since` from which on no other version answered; None where none has come to that."""
        others = [when for when, status, served in self.seen if status == 200 and served != str(version)]
        last = max(others, default=since)
        return max(last - since, 0.0) if any(when > last for when, _, _ in self.seen) else None


@dataclass
class PromotionStack:
    """`production` is the number that a reviewed change moves."""

    name: str
    folder: Path
    production: int | None = None
    paths: Paths = field(default_factory=Paths.default)

    def __post_init__(self) -> None:
        environment = toolchain.environment(self.paths, sys.executable) | {
            "PULUMI_BACKEND_URL": f"file://{self.folder}"
        }
        options = automation.LocalWorkspaceOptions(
            work_dir=str(self.folder),
            project_settings=automation.ProjectSettings(
                name="promotion", runtime="python", backend=automation.ProjectBackend(f"file://{self.folder}")
            ),
            env_vars=environment,
            pulumi_command=automation.PulumiCommand(root=str(self.paths.cache)),
        )
        self.key, public_key = new_key(self.folder / "keys")
        new_key(self.folder / "another")[0].rename(f"{self.key}.foreign")
        self.signing = Signing.model_validate(
            {"keySecret": "of-no-training", "publicKey": public_key, "required": True}
        )
        self.stack = automation.create_or_select_stack(self.name, "promotion", self._program, opts=options)

    def _program(self) -> None:
        image = self._image("loop")
        cluster = k8s.Provider("cluster", kubeconfig=str(self.paths.kubeconfig), cluster_identifier=self.name)
        here = ResourceOptions(providers=[cluster])
        home = RestrictedNamespace("home", RestrictedNamespaceArgs(namespace=self.name), here)
        names = ("argoWorkflows", "argoEvents", "certManager", "cloudNativePg")
        values = {
            "cluster": {"context": "promotion"},
            "namespace": self.name,
            "artifacts": {"kind": "aws-s3", "region": "eu-west-1"},
            "platform": dict.fromkeys(names, OFF) | {"kserve": {**OFF, "mode": "standard"}},
            "trackingSecretKey": Output.secret("of no server"),
        }
        brought = operators(Settings.model_validate(values), home.name, here)
        storage = ModelStorageArgs(namespace=self.name, image=image, tracking_url=TRACKING_URL, signing=self.signing)
        shared = ModelLoopArgs(
            namespace=home.name,
            operators=brought,
            loop_image=image,
            detector_image=image,
            example_image=image,
            mode=KServeMode.STANDARD,
            signing=self.signing,
            record=None,
            storage=ModelStorage("storage", storage, here),
            tracking=Tracking(
                url=Output.from_input(TRACKING_URL),
                egress=(Allowance(ports=(PORT,), peers=(pods(selector(APP, "mlflow", "server"), "mlflow"),)),),
            ),
            gateway=Gateway("gateway", GatewayArgs(namespace=home.name, class_name=CLASS, proxies=NAMESPACE), here),
            kafka=KafkaConnection(
                bootstrap_servers=Output.from_input(BROKERS),
                tls=False,
                client_labels={},
                egress=(Allowance(ports=(9092,), peers=(pods({}, "kafka"),)),),
            ),
            bus=None,
            logs=None,
        )
        model: dict[str, Any] = {
            "training": {"image": "recommender", "gate": {"metric": "auc", "minimum": 0.5}},
            "serving": {
                "replicas": {"min": 1, "max": 1},
                "resources": {"requests": {"cpu": "50m", "memory": "256Mi"}, "limits": {"memory": "1Gi"}},
                "canaryPercent": 0,
            },
            "promotion": {"watch": "20s", "healing": True},
        }
        if self.production is not None:
            model["production"] = self.production
        made = model_loop(self.name, Model.model_validate(model), shared, here)
        assert made["predict"] is not None
        webhook.notified(self.name, home.name, self._image("page"), shared.tracking, here)

    def _image(self, name: str) -> str:
        """The reference of one of the images that `make up` has built."""
        return next(Archive(each, self.paths).reference for each in IMAGES if each.name == name)

    def up(self, production: int | None) -> None:
        """What `pulumi up` does after the change was merged. Raises CommandError."""
        self.production = production
        self.stack.up(color="never", suppress_progress=True, suppress_outputs=True)

    def refused(self, production: int) -> str:
        """The engine's own error lines of an `up` that fails."""
        try:
            self.up(production)
        except automation.CommandError as error:
            return reason(str(error))
        raise AssertionError(f"version {production} went into production")

    def kubectl(self, *arguments: str) -> str:
        command = [str(self.paths.bin / "kubectl"), f"--kubeconfig={self.paths.kubeconfig}", "-n", self.name]
        return run(*command, *arguments)

    def items(self, *arguments: str) -> list[dict[str, Any]]:
        return json.loads(self.kubectl("get", *arguments, "-o", "json"))["items"]

    def pods(self, selector: str, *arguments: str) -> dict[str, dict[str, Any]]:
        """The pods that are not on their way out, by uid."""
        found = [each["metadata"] | each for each in self.items("pods", "-l", selector, *arguments)]
        return {each["uid"]: each for each in found if "deletionTimestamp" not in each}

    def served(self, selector: str) -> set[str]:
        """The versions that these servers were made for."""
        return {each["annotations"][VERSION_ANNOTATION] for each in self.pods(selector).values()}

    def said(self, selector: str) -> str:
        """What the pods have written that run by now."""
        running = self.pods(selector, "--field-selector=status.phase=Running").values()
        return "".join(self.kubectl("logs", each["name"]) for each in running)

    def publish(self, selector: str, *messages: str) -> None:
        """Writes to `ml.predictions` as a server could whose code is hostile."""
        (pod, *_) = self.pods(selector).values()
        told = ("exec", "-i", pod["name"], "-c", "kserve-container", "--", "python3", "-c", PUBLISH, PREDICTIONS_TOPIC)
        command = [str(self.paths.bin / "kubectl"), f"--kubeconfig={self.paths.kubeconfig}", "-n", self.name]
        run(*command, *told, stdin="\n".join(messages) + "\n")

    def told(self) -> Sequence[Mapping[str, Any]]:
        """The notices that the webhook was sent."""
        return webhook.notices(self.kubectl("logs", f"deploy/{webhook.APP}"))

    @property
    def aliases(self) -> dict[str, str]:
        found = cast("dict[str, Any]", MlflowClient().get_registered_model(self.name).aliases)
        return {alias: str(version) for alias, version in found.items()}

    def rejected(self, version: int) -> str | None:
        return MlflowClient().get_model_version(self.name, str(version)).tags.get("ml-loop.rejected")

    def register(self, *kinds: str) -> None:
        """Versions 1, 2, … of these kinds."""
        command = [str(REPOSITORY / "images/loop/.venv/bin/python"), str(VERSIONS)]
        proxied = {f"MLFLOW_ENABLE_PROXY_MULTIPART_{way}LOAD": "false" for way in ("UP", "DOWN")}
        proxied["PYTHONPATH"] = str(REPOSITORY)
        subprocess.run(
            [*command, self.name, str(self.key), *kinds], cwd=REPOSITORY, env=os.environ | proxied, check=True
        )

    def stage(self, version: int) -> None:
        """What the step `register` does, and the beginning of `canary`. Raises CalledProcessError with its words."""
        MlflowClient().set_registered_model_alias(self.name, "staging", str(version))
        rollout = Rollout(namespace=self.name, service=f"{self.name}-staging", model=self.name, alias=Alias.STAGING)
        command = [sys.executable, "-m", "loop", rollout.NAME, *rollout.argv()]
        environment = os.environ | {"KUBECONFIG": str(self.paths.kubeconfig)}
        subprocess.run(command, cwd=REPOSITORY, env=environment, check=True, capture_output=True, text=True)

    def canary(self, version: int) -> dict[str, Any]:
        """The training's step of that name, in a Workflow of its own; its status once it has ended."""
        (made,) = self.items("workflowtemplates")
        template = ("--from", f"workflowtemplate/{made['metadata']['name']}", "--entrypoint", "canary")
        given = ("-p", f"version={version}", "--wait", "-o", "name")
        command = [str(self.paths.bin / "argo"), "submit", "-n", self.name, *template, *given]
        environment = os.environ | {"KUBECONFIG": str(self.paths.kubeconfig)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.stdout, done.stderr
        name = done.stdout.split()[0]
        return json.loads(self.kubectl("get", "workflow", name, "-o", "json"))["status"]

    def healed(self) -> float:
        """How often `production` was put back, as whoever looks after it says."""
        (watch,) = self.pods("app.kubernetes.io/name=alias-watch").values()
        path = f"/api/v1/namespaces/{self.name}/pods/{watch['name']}:9090/proxy/metrics"
        lines = self.kubectl("get", "--raw", path).splitlines()
        (line,) = [each for each in lines if each.startswith("ml_loop_production_healed_total{")]
        return float(line.rpartition(" ")[2])

    @property
    def host(self) -> str:
        """The gateway's address."""
        (gateway,) = self.items("gateways.gateway.networking.k8s.io")
        return gateway["status"]["addresses"][0]["value"]

    @contextmanager
    def load(self, host: str | None = None) -> Generator[Load]:
        """Clients that ask again and again while the block runs: the model's address, or one server."""
        load, stop, host = Load(), threading.Event(), host or self.host
        clients = [threading.Thread(target=self._ask, args=(load, stop, host, seed)) for seed in range(CLIENTS)]
        for client in clients:
            client.start()
        try:
            yield load
        finally:
            stop.set()
            for client in clients:
                client.join()

    def _ask(self, load: Load, stop: threading.Event, host: str, seed: int) -> None:
        rows = Random(seed)  # any rows do
        url = f"http://{host}/v1/models/{self.name}:predict"
        while not stop.wait(0.02):
            body = json.dumps({"instances": [[rows.random(), rows.random()]]}).encode()
            try:
                with urlopen(url, body, timeout=10) as answer:  # our own gateway
                    answer.read()
                    load.seen.append((time.monotonic(), answer.status, answer.headers[VERSION_HEADER]))
            except HTTPError as refused:
                load.seen.append((time.monotonic(), refused.code, str(refused.headers[VERSION_HEADER])))
            except OSError:
                load.seen.append((time.monotonic(), 0, ""))

    def delete(self) -> None:
        self.stack.destroy(color="never", suppress_progress=True, suppress_outputs=True)
        client = MlflowClient()
        for found in client.search_registered_models(f"name = '{self.name}'"):
            client.delete_registered_model(found.name)
        for experiment in client.search_experiments(filter_string=f"name = '{self.name}'"):
            client.delete_experiment(experiment.experiment_id)
