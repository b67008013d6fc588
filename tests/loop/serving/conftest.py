"""A registry with two versions of one model, a broker, and model servers started side by side."""

import sys
from collections.abc import Iterator
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from confluent_kafka import Producer
from mlflow import MlflowClient
from mlflow.models import infer_signature
from mlflow.sklearn import log_model
from mlflow_server import MlflowServer
from sklearn.linear_model import LinearRegression

from loop.serving.fetch import fetch

sys.path.insert(0, str(Path(__file__).parent))  # in every import mode of pytest
from serving_helpers import COLUMNS, ModelServer, free_port


@pytest.fixture(scope="session")
def registry(mlflow_server: MlflowServer) -> Iterator[MlflowServer]:
    """Model `books`: versions 1 and 2 answer 1 and 2 times the price; `production` is 1, `staging` 2."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", mlflow_server.url)
        patch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
        patch.delenv("ML_LOOP_MODEL_VERSION", raising=False)
        mlflow.set_tracking_uri(mlflow_server.url)
        frame = pd.DataFrame(np.random.default_rng(0).normal(size=(50, 3)), columns=COLUMNS)
        for factor in (1, 2):
            model = LinearRegression().fit(frame, frame["price"] * factor)
            with mlflow.start_run():
                log_model(
                    model,
                    name="model",
                    signature=infer_signature(frame, model.predict(frame)),
                    registered_model_name="books",
                    pip_requirements=["scikit-learn"],
                )
        client = MlflowClient()
        client.set_registered_model_alias("books", "production", "1")
        client.set_registered_model_alias("books", "staging", "2")
        yield mlflow_server


@pytest.fixture(scope="session")
def fetched(registry: MlflowServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `fetch` filled with version 1."""
    folder = tmp_path_factory.mktemp("served") / "models"
    fetch("mlflow://books@production", folder)
    return folder


@pytest.fixture(scope="session")
def broker() -> Iterator[str]:
    """The address of librdkafka's own broker: Kafka's protocol over TCP, in this process."""
    host = Producer({"test.mock.num.brokers": 1, "log_level": 2})
    (address,) = host.list_topics(timeout=10).brokers.values()
    yield f"{address.host}:{address.port}"
    host.flush(1)


@pytest.fixture(scope="session")
def servers(fetched: Path, broker: str) -> Iterator[tuple[ModelServer, ModelServer]]:
    """Version 1 of `books` twice, with a broker and with one that is down, started side by side.

    The second goes on answering for as long as a test may take, once it is told to end: no look of it comes too late.
    """
    started = (
        ModelServer(fetched, {"KAFKA_BOOTSTRAP_SERVERS": broker}),
        ModelServer(fetched, {"KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{free_port()}"}, drain_seconds=3600),
    )
    try:
        yield started[0].wait(), started[1].wait()
    finally:
        for server in started:
            server.kill()


@pytest.fixture(scope="session")
def server(servers: tuple[ModelServer, ModelServer]) -> ModelServer:
    return servers[0]


@pytest.fixture(scope="session")
def no_broker(servers: tuple[ModelServer, ModelServer]) -> ModelServer:
    return servers[1]
