"""What serving costs: the bare `pyfunc` model in-process, the model server over HTTP, and two others beside it.

    images/loop/.venv/bin/python benchmarks/serving.py [--requests 2000] [--rounds 3] [--kind table]

With `--stack recommender` the model is that model's version in staging, and its address in the running stack is
measured as well: through gateway, split and capture, on the clients' own machine. `make env` says where MLflow is.
`--kind` says what the model takes (`benchmarks/asked.py`). One run, one machine, one row per request. All servers run
at once and are asked in turn, so that a busy machine is busy for each. MLServer runs in an environment that `uv` makes
for it. The broker is librdkafka's own, in this process. Prints a Markdown table: the median of the rounds, and how many
times as many answers as the named baseline.
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import sklearn
from confluent_kafka import Producer
from mlflow import artifacts

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.asked import KINDS, AskedModel, of_frame  # noqa: E402
from benchmarks.load import Load  # noqa: E402
from contract.names import REFERENCE_ARTIFACT, Alias  # noqa: E402

CLIENTS = (1, 4, 16, 64)
MLSERVER = (
    "mlserver==1.7.1",
    "mlserver-mlflow==1.7.1",
    "mlflow<4",
    f"scikit-learn=={sklearn.__version__}",
    "skops",
    "setuptools<81",
)


@dataclass
class Served:
    """A server as a process of its own."""

    name: str
    command: list[str]
    path: str
    body: object
    port: int
    environment: Mapping[str, str] = field(default_factory=dict)
    folder: Path = ROOT
    host: str = "127.0.0.1"

    def load(self) -> Load:
        return Load(self.host, self.port, self.path, json.dumps(self.body).encode())

    def start(self, stack: ExitStack) -> None:
        """Starts the server and waits until it answers; it ends with the exit stack."""
        log = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115
        process = subprocess.Popen(
            self.command, cwd=self.folder, env=os.environ | dict(self.environment), stdout=log, stderr=log
        )
        stack.callback(process.wait)
        stack.callback(process.terminate)
        deadline = time.monotonic() + 600
        while True:
            try:
                self.load().run(1, 1)
                return
            except (OSError, AssertionError, EOFError):
                log.seek(0)
                assert process.poll() is None, f"{self.name} ended: {log.read().decode()[-2000:]}"
                assert time.monotonic() < deadline, f"{self.name} does not answer: {log.read().decode()[-2000:]}"
                time.sleep(0.5)


def take_model(folder: Path, name: str) -> AskedModel:
    """The version in staging, and a row of what it was trained on."""
    client = mlflow.MlflowClient()
    version = client.get_model_version_by_alias(name, Alias.STAGING)
    artifacts.download_artifacts(f"models:/{name}/{version.version}", dst_path=str(folder))
    reference = artifacts.download_artifacts(run_id=version.run_id, artifact_path=REFERENCE_ARTIFACT)
    return of_frame(folder, pd.read_csv(reference))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def ours(asked: AskedModel, name: str, broker: str = "", *options: str) -> Served:
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "loop",
        "serve",
        "--model_name=bench",
        f"--model_dir={asked.folder}",
        f"--port={port}",
    ]
    return Served(name, [*command, *options], *asked.v1, port, {"KAFKA_BOOTSTRAP_SERVERS": broker})


def mlflows(asked: AskedModel) -> Served:
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", str(asked.folder), "-p", str(port)]
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # uvicorn's folder, which it calls by name
    return Served(
        "MLflow's scoring server",
        [*command, "--env-manager", "local"],
        "/invocations",
        asked.scoring,
        port,
        {"PATH": path},
    )


def mlserver(asked: AskedModel, scratch: Path) -> Served:
    port, home = free_port(), scratch / "mlserver"
    home.mkdir()
    settings = {
        "http_port": port,
        "grpc_port": free_port(),
        "metrics_port": free_port(),
        "debug": False,
        "parallel_workers": 0,
    }
    (home / "settings.json").write_text(json.dumps({**settings, "host": "127.0.0.1"}))
    model = {
        "name": "bench",
        "implementation": "mlserver_mlflow.MLflowRuntime",
        "parameters": {"uri": str(asked.folder)},
    }
    (home / "model-settings.json").write_text(json.dumps(model))
    packages = [word for each in MLSERVER for word in ("--with", each)]
    command = ["uv", "run", "--no-project", "--python", "3.11", *packages, "mlserver", "start", "."]
    body = {"inputs": asked.inputs}
    return Served("MLServer", command, "/v2/models/bench/infer", body, port, folder=home)


def timed(call: Callable[[], object], count: int) -> list[float]:
    times: list[float] = []
    for _ in range(count):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return times


def line(name: str, clients: int, times: list[float], rate: float, ratio: float) -> str:
    p50, p99 = np.percentile(times, [50, 99]) * 1000
    return f"| {name} | {clients} | {rate:.0f} | {ratio:.2f} | {p50:.2f} | {p99:.2f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description="What serving costs, beside the bare model and two other servers.")
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--without", nargs="*", default=[], help="servers that are left out")
    parser.add_argument("--kind", choices=KINDS, default="numbers", help="what the model takes")
    parser.add_argument("--stack", help="the model of the running stack that is asked")
    parser.add_argument("--host", default="10.173.0.1", help="the gateway's, with --stack")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary, ExitStack() as stack:
        folder = Path(temporary) / "model"
        asked = take_model(folder, given.stack) if given.stack else KINDS[given.kind](folder)
        model, frame = mlflow.pyfunc.load_model(str(folder)), asked.model_input
        host = Producer({"test.mock.num.brokers": 1, "log_level": 2})
        (address,) = host.list_topics(timeout=10).brokers.values()
        servers = [
            ours(asked, "served"),
            ours(asked, "served, each by itself", "", "--batch=1"),
            ours(asked, "served, capture", f"{address.host}:{address.port}"),
            ours(asked, "served, Kafka down", "127.0.0.1:9"),
            mlflows(asked),
            mlserver(asked, Path(temporary)),
        ]
        servers = [server for server in servers if server.name not in given.without]
        for server in servers:
            server.start(stack)
        if given.stack:
            servers.append(
                Served("the stack's address", [], f"/v1/models/{given.stack}:predict", asked.v1[1], 80, host=given.host)
            )
        for server in servers:
            server.load().run(200, 4)

        def bare() -> None:
            model.predict(frame)

        timed(bare, 200)
        where = f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
        print(f"{given.stack or given.kind}, {time.strftime('%Y-%m-%d')}, {where}")
        print("| what | clients | requests/s | times the bare model | p50 ms | p99 ms |")
        print("| --- | ---: | ---: | ---: | ---: | ---: |")
        for clients in CLIENTS:
            measure(servers, clients, given.requests, given.rounds, bare)


def measure(servers: list[Served], clients: int, requests: int, rounds: int, bare: Callable[[], object]) -> None:
    """In turn: the bare model, then each server, and again."""
    rates: dict[str, list[float]] = {}
    loads = {server.name: server.load() for server in servers}
    alone: list[float] = []
    for _ in range(rounds):
        times = timed(bare, requests)
        alone += times
        rates.setdefault("bare pyfunc, in-process", []).append(requests / sum(times))
        for server in servers:
            rates.setdefault(server.name, []).append(loads[server.name].run(requests, clients))
    usual = statistics.median(rates["bare pyfunc, in-process"])
    for name, each in rates.items():
        rate = statistics.median(each)
        print(line(name, clients, loads[name].seconds if name in loads else alone, rate, rate / usual), flush=True)


if __name__ == "__main__":
    main()
