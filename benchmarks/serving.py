"""What serving costs: the bare `pyfunc` model in-process against the model server over HTTP, without and with capture.

    images/loop/.venv/bin/python benchmarks/serving.py [--requests 2000]

One run, one machine, one row per request; the broker is librdkafka's own, in this process. Prints a Markdown table.
"""

import argparse
import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
from confluent_kafka import Producer
from mlflow.models import infer_signature
from mlflow.sklearn import save_model as save_sklearn
from sklearn.linear_model import LogisticRegression

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from loop.serving.served import ServedModel  # noqa: E402

COLUMNS = [f"f{index}" for index in range(8)]
ROW = [0.1] * len(COLUMNS)
WARM_UP = 100


def save_model(folder: Path) -> None:
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(500, len(COLUMNS))), columns=COLUMNS)
    model = LogisticRegression().fit(frame, frame["f0"] > 0)
    signature = infer_signature(frame, model.predict(frame))
    save_sklearn(model, str(folder), signature=signature, pip_requirements=["scikit-learn"])
    ServedModel("bench", "1", "run", None).write(folder)


@contextmanager
def served(folder: Path, broker: str) -> Generator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = [sys.executable, "-m", "loop", "serve", "--model_name=bench", f"--model_dir={folder}", f"--port={port}"]
    environment = os.environ | {"KAFKA_BOOTSTRAP_SERVERS": broker}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)
    try:
        while True:
            try:
                request(http.client.HTTPConnection("127.0.0.1", port))
                break
            except ConnectionRefusedError:
                assert process.poll() is None, "the model server ended"
                time.sleep(0.2)
        yield port
    finally:
        process.kill()
        process.wait()


BODY = json.dumps({"instances": [ROW]})


def request(connection: http.client.HTTPConnection) -> None:
    connection.request("POST", "/v1/models/bench:predict", BODY, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    answer.read()
    assert answer.status == 200, answer.status


def timed(call: Callable[[], object], count: int) -> list[float]:
    for _ in range(WARM_UP):
        call()
    times = []
    for _ in range(count):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return times


def over_http(port: int, count: int, clients: int) -> tuple[list[float], float]:
    """All latencies, and requests per second of all clients together."""

    def client(_: int) -> tuple[list[float], float]:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        times = timed(lambda: request(connection), count // clients)
        return times, len(times) / sum(times)

    with ThreadPoolExecutor(clients) as pool:
        results = list(pool.map(client, range(clients)))
    return [t for times, _ in results for t in times], sum(rate for _, rate in results)


def line(name: str, times: list[float], rate: float) -> str:
    p50, p99 = np.percentile(times, [50, 99]) * 1000
    return f"| {name} | {rate:.0f} | {p50:.2f} | {p99:.2f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=2000)
    count = parser.parse_args().requests
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "model"
        save_model(folder)
        model = mlflow.pyfunc.load_model(str(folder))
        frame = pd.DataFrame([ROW], columns=COLUMNS)

        def predict() -> None:
            model.predict(frame)

        bare = timed(predict, count)
        rows = [line("bare pyfunc, in-process", bare, len(bare) / sum(bare))]
        host = Producer({"test.mock.num.brokers": 1, "log_level": 2})
        (address,) = host.list_topics(timeout=10).brokers.values()
        for name, broker in (
            ("", ""),
            (", capture", f"{address.host}:{address.port}"),
            (", Kafka down", "127.0.0.1:9"),
        ):
            with served(folder, broker) as port:
                rows += [line(f"served{name}, {n} client(s)", *over_http(port, count, n)) for n in (1, 4)]
    print("| what | requests/s | p50 ms | p99 ms |\n| --- | ---: | ---: | ---: |", *rows, sep="\n")


if __name__ == "__main__":
    main()
