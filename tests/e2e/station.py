"""What the end-to-end tests ask the running station, and the record that they expect to find again."""

import hashlib
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts

from local.paths import REPOSITORY, Paths

LOCAL = (sys.executable, "-m", "local")
NAMESPACE = "mlflow"
PATIENCE = 300
"""Seconds after which a wait counts as hanging."""
PARAMS: Final = {"rank": "16", "note": "café = 100 %"}
METRICS: Final = {"auc": 0.8125, "loss": 0.1}
ALIAS: Final = "staging"
FILE: Final = "weights.bin"
FILE_SIZE: Final = 50 << 20

Object = Mapping[str, Any]


class Timed(Protocol):
    """Notes how long a block takes, for the summary at the end."""

    def __call__(self, what: str) -> AbstractContextManager[None]: ...


@dataclass(frozen=True)
class Station:
    """The tracking station on the built-in cluster."""

    paths: Paths

    @property
    def url(self) -> str:
        """Where clients on this machine reach MLflow."""
        return os.environ["MLFLOW_TRACKING_URI"]

    def make(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs a command of the driver, as the Makefile does; it must succeed."""
        done = subprocess.run(
            [*LOCAL, *arguments], cwd=REPOSITORY, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{' '.join(arguments)} failed:\n{done.stdout}{done.stderr}"
        return done

    def kubectl(self, *arguments: str) -> str:
        argv = [str(self.paths.bin / "kubectl"), f"--kubeconfig={self.paths.kubeconfig}", *arguments]
        return subprocess.run(argv, check=True, capture_output=True, text=True).stdout

    @contextmanager
    def acting_as(self, account: str, namespace: str, audience: str | None = "mlflow") -> Generator[None]:
        """MLflow's client calls as a service account; without an audience its token is for the API server."""
        options = [f"--audience={audience}"] if audience else []
        os.environ["MLFLOW_TRACKING_TOKEN"] = self.kubectl(
            "create", "token", account, "-n", namespace, *options
        ).strip()
        try:
            yield
        finally:
            del os.environ["MLFLOW_TRACKING_TOKEN"]

    def objects(self, *arguments: str) -> list[Object]:
        """What `kubectl get` finds."""
        return json.loads(self.kubectl("get", *arguments, "-o", "json"))["items"]

    def running_pods(self, selector: str = "") -> dict[str, Object]:
        """The station's pods that are not finished Jobs', by uid."""
        found = self.objects("pods", "-n", NAMESPACE, "-l", selector, "--field-selector=status.phase!=Succeeded")
        return {pod["metadata"]["uid"]: pod for pod in found}

    @contextmanager
    def without(self, namespace: str, workload: str) -> Generator[None]:
        """Takes a part of the platform away; puts it back, ready, whatever happens meanwhile."""
        replicas = self.kubectl("get", workload, "-n", namespace, "-o", "jsonpath={.spec.replicas}")
        self.kubectl("scale", workload, "-n", namespace, "--replicas=0")
        try:
            found = json.loads(self.kubectl("get", workload, "-n", namespace, "-o", "json"))
            selector = ",".join(f"{key}={value}" for key, value in found["spec"]["selector"]["matchLabels"].items())
            self.kubectl("wait", "pod", "-n", namespace, "-l", selector, "--for=delete", "--timeout=90s")
            yield
        finally:
            self.kubectl("scale", workload, "-n", namespace, f"--replicas={replicas}")
            self.kubectl("rollout", "status", workload, "-n", namespace, "--timeout=180s")

    def is_ready(self) -> bool:
        """Whether all pods of the station are there and answer."""
        deployments = self.objects("deployments", "-n", NAMESPACE)
        clusters = self.objects("clusters.postgresql.cnpg.io", "-n", NAMESPACE)
        wanted = [(item["spec"]["replicas"], item["status"].get("readyReplicas", 0)) for item in deployments]
        wanted += [(item["spec"]["instances"], item["status"].get("readyInstances", 0)) for item in clusters]
        return bool(deployments and clusters) and all(want == ready for want, ready in wanted)


@dataclass(frozen=True, kw_only=True)
class Record:
    """A run with its artifact, and a registered model version that points at it."""

    run: str
    model: str
    version: str
    digest: str
    """SHA-256 of the artifact."""

    @classmethod
    def write(cls, folder: Path) -> "Record":
        """Logs the run and registers its model, as training would."""
        client, name = MlflowClient(), f"e2e-{time.time_ns()}"
        file = folder / FILE
        file.write_bytes(random.Random(name).randbytes(FILE_SIZE))  # any bytes do
        run = client.create_run(client.create_experiment(name)).info.run_id
        for key, param in PARAMS.items():
            client.log_param(run, key, param)
        for key, metric in METRICS.items():
            client.log_metric(run, key, metric)
        client.log_artifact(run, str(file), "model")
        client.set_terminated(run)
        client.create_registered_model(name)
        source = f"{client.get_run(run).info.artifact_uri}/model"
        version = client.create_model_version(name, source, run).version
        client.set_registered_model_alias(name, ALIAS, version)
        return cls(run=run, model=name, version=str(version), digest=sha256(file))

    def check(self, folder: Path) -> None:
        """Fails unless all of it is there, the artifact byte for byte."""
        client = MlflowClient()
        run = client.get_run(self.run)
        assert run.data.params == PARAMS
        assert run.data.metrics == METRICS
        assert run.info.status == "FINISHED"
        version = client.get_model_version_by_alias(self.model, ALIAS)
        assert (str(version.version), version.run_id) == (self.version, self.run)
        artifact = download_artifacts(run_id=self.run, artifact_path=f"model/{FILE}", dst_path=str(folder))
        assert sha256(Path(artifact)) == self.digest


def sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def until(condition: Callable[[], bool], what: str) -> None:
    """Waits for something; gives up where it would hang."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {PATIENCE} s"
        time.sleep(1)
