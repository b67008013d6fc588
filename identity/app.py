"""The app that `mlflow server --app-name ml-loop-identity` serves: MLflow's own, behind the guard.

The guard is an ASGI middleware around all of it: MLflow answers some routes in FastAPI and the others in Flask, and
which is which changes from version to version.
"""

import errno
import json
import logging
import os
from typing import Final

import anyio
from fastapi import FastAPI
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import PERMISSION_DENIED, TEMPORARILY_UNAVAILABLE
from mlflow.server.fastapi_app import app
from prometheus_client import CollectorRegistry, Counter, start_http_server
from prometheus_client.multiprocess import MultiProcessCollector
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from identity.accounts import Accounts
from identity.guard import Guard, Refusal
from identity.operations import READING, Right, right
from identity.policy import load
from identity.requests import Request

METRICS_PORT: Final = "ML_LOOP_IDENTITY_METRICS_PORT"
"""Environment variable with the port that Prometheus asks."""
STREAMED: Final = "PUT mlflow-artifacts/artifacts/<path:artifact_path>"
"""An upload, whose body is its file: it is not read here."""
REFUSALS: Final = Counter(
    "ml_loop_tracking_refusals",
    "Requests that the identity check of MLflow refused; account is anonymous where no token named one.",
    ["model", "operation", "account"],
)
log = logging.getLogger(__name__)


def create_app() -> FastAPI:
    """Called in each worker. Raises where there is no policy, no API server to ask, or no place for metrics."""
    _serve_metrics(int(os.environ[METRICS_PORT]))
    app.add_middleware(Gate, guard=Guard(load(), Accounts()))
    return app


def _serve_metrics(port: int) -> None:
    """What all workers counted: each writes to PROMETHEUS_MULTIPROC_DIR, and the one that has the port reads."""
    registry = CollectorRegistry()
    MultiProcessCollector(registry)
    try:
        start_http_server(port, registry=registry)
    except OSError as error:
        # Another worker has it. When that one dies, the port goes to the worker in its place.
        if error.errno != errno.EADDRINUSE:
            raise


class Gate:
    """Lets a request through, or answers as MLflow itself refuses."""

    def __init__(self, inner: ASGIApp, guard: Guard) -> None:
        self.inner, self.guard = inner, guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in READING:
            await self.inner(scope, receive, send)
            return
        request, replay = await _read(scope, receive)
        refusal = await anyio.to_thread.run_sync(self.guard.refusal, request)
        if refusal is None:
            await self.inner(scope, replay, send)
            return
        _report(request, refusal)
        code = TEMPORARILY_UNAVAILABLE if refusal.again else PERMISSION_DENIED
        error = MlflowException(refusal.sentence, error_code=code)
        # A client that is still sending takes an early answer for a broken connection.
        await _drain(replay)
        await JSONResponse(json.loads(error.serialize_as_json()), error.get_http_status_code())(scope, receive, send)


async def _read(scope: Scope, receive: Receive) -> tuple[Request, Receive]:
    """The request, and what hands its body out again."""
    headers = {key.decode("latin-1").lower(): value.decode("latin-1") for key, value in scope["headers"]}
    request = Request(scope["method"].upper(), scope["path"], scope["query_string"].decode(errors="replace"), headers)
    if request.operation == STREAMED:
        return request, receive
    messages = [message async for message in _body(receive)]
    body = b"".join(message.get("body", b"") for message in messages)

    async def replay() -> Message:
        return messages.pop(0) if messages else await receive()

    return Request(request.method, request.path, request.query, headers, body), replay


async def _body(receive: Receive):
    while True:
        message = await receive()
        yield message
        if message["type"] != "http.request" or not message.get("more_body", False):
            return


async def _drain(receive: Receive) -> None:
    async for _ in _body(receive):
        pass


def _report(request: Request, refusal: Refusal) -> None:
    log.warning("refused: %s", " ".join(refusal.sentence.split())[:1000])
    # Anything may stand in the path of what is closed, and callers must not choose what metrics are called.
    operation = "closed" if right(request.operation) is Right.CLOSED else request.operation
    REFUSALS.labels(model=refusal.model, operation=operation, account=refusal.caller).inc()
