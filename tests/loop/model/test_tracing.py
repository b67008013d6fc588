"""MLflow traces agents by itself: a server that may write no trace must not try with each answer."""

import threading
from collections.abc import Generator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import mlflow
import pytest
from mlflow import tracing
from mlflow.pyfunc.model import ResponsesAgent
from mlflow.types.responses import ResponsesAgentRequest, ResponsesAgentResponse
from mlflow.types.responses_helpers import OutputItem

from loop.model.pyfunc import ServableModel

ROW = {"input": [{"role": "user", "content": "hello"}]}


class Shouting(ResponsesAgent):
    def predict(self, request: ResponsesAgentRequest) -> ResponsesAgentResponse:
        text = str(request.model_dump()["input"][-1]["content"]).upper()
        return ResponsesAgentResponse(output=[OutputItem(**self.create_text_output_item(text=text, id="1"))])


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Generator[list[str]]:
    """What a tracking server is asked that refuses everything."""
    paths: list[str] = []

    class Refusing(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            paths.append(self.path)
            self.send_error(403)

        do_GET = do_POST  # the handler's own names

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_TRACE_SAMPLING_RATIO", "1.0")
    tracing.reset()
    yield paths
    mlflow.set_tracking_uri(before)
    tracing.reset()
    server.shutdown()


def test_an_agent_answers_without_a_word_to_the_tracking_server(asked: list[str], tmp_path: Path) -> None:
    mlflow.pyfunc.save_model(str(tmp_path / "m"), python_model=Shouting(), pip_requirements=[])
    traced = mlflow.pyfunc.load_model(str(tmp_path / "m"))
    traced.predict(ROW)
    mlflow.flush_trace_async_logging()
    assert asked, "MLflow does not trace agents by itself any more: nothing to prove"
    tracing.reset()
    asked.clear()
    model = ServableModel(tmp_path / "m", 10)
    (answer,), _ = model.answer(model.check.rows([ROW]))
    mlflow.flush_trace_async_logging()
    assert answer["output"][0]["content"][0]["text"] == "HELLO"
    assert asked == []


def test_a_process_that_has_served_a_model_may_log_another(
    asked: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # where MLflow keeps artifacts beside such a database
    mlflow.pyfunc.save_model(str(tmp_path / "m"), python_model=Shouting(), pip_requirements=[])
    ServableModel(tmp_path / "m", 10)
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path / 'mlflow.db'}")
    logging = threading.Thread(target=_log, daemon=True)
    logging.start()
    logging.join(120)
    assert not logging.is_alive(), "MLflow waits for its own lock"


def _log() -> None:
    with mlflow.start_run():
        mlflow.pyfunc.log_model(name="model", python_model=Shouting(), pip_requirements=[])
