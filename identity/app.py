"""The app that `mlflow server --app-name ml-loop-identity` serves: MLflow's own, behind the guard.

The guard is an ASGI middleware around all of it: MLflow answers some routes in FastAPI and the others in Flask, and
which is which changes from version to version.
"""

import errno
import json
import logging
import os
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

import anyio
from fastapi import FastAPI
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE, PERMISSION_DENIED, TEMPORARILY_UNAVAILABLE
from mlflow.server.fastapi_app import app
from prometheus_client import CollectorRegistry, Counter, start_http_server
from prometheus_client.multiprocess import MultiProcessCollector
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from contract import metrics
from contract.names import Env
from identity.accounts import Callers
from identity.bodies import UPLOAD_SECONDS, Bodies, BodyError, BusyError, TooLargeError, TooSlowError, drain
from identity.guard import Guard, Refusal
from identity.operations import READING, Right, right
from identity.policy import load
from identity.requests import Request

STREAMED: Final = "PUT mlflow-artifacts/artifacts/<path:artifact_path>"
"""Uploads, whose bodies are files: they are not held here."""
CODES: Final = {
    TooSlowError.status: INVALID_PARAMETER_VALUE,
    TooLargeError.status: INVALID_PARAMETER_VALUE,
    BusyError.status: TEMPORARILY_UNAVAILABLE,
}
REFUSALS: Final = Counter(metrics.REFUSALS.name, metrics.REFUSALS.help, metrics.REFUSALS.labels)
HOST: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:@/\\\s]+)(:[0-9]{1,5})?")
"""A name or an address, and maybe a port. MLflow compares by patterns, for which `80@evil` would be a port."""
log = logging.getLogger(__name__)


def create_app() -> FastAPI:
    """Called in each worker. Raises where there is no policy, no API server to ask, or no place for metrics."""
    _serve_metrics(int(os.environ[Env.IDENTITY_METRICS_PORT]))
    app.add_middleware(AuthorizationMiddleware, guard=Guard(load(), Callers()))
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


class AuthorizationMiddleware:
    """Lets a request through, or answers as MLflow itself refuses."""

    def __init__(self, inner: ASGIApp, guard: Guard) -> None:
        self.inner, self.guard, self.bodies = inner, guard, Bodies()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.inner(scope, receive, send)
            return
        request = _request(scope)
        if not all(HOST.fullmatch(value) for name, value in request.headers if name == "host"):
            await _refuse(request, Refusal("Host is no name with a port"), scope, receive, send)
            return
        if request.method not in READING and request.named == STREAMED:
            await self._hand_on(request, scope, receive, send)
            return
        with self.bodies.holding() as held:
            try:
                await held.read(receive, request.announced)
                # A request that only reads is not judged, and needs no body.
                free = request.method in READING
                refusal = None if free else await self._judged(replace(request, body=held.content()))
            except BodyError as error:
                refusal = Refusal(f"{request.named} is refused: {error}", status=error.status)
                receive = receive if error.status != TooSlowError.status else _gone
            if refusal is None:
                await self.inner(scope, held.replay(receive), send)
                return
        # A client that is still sending would take an early answer for a broken connection.
        await drain(held.replay(receive))
        await _refuse(request, refusal, scope, receive, send)

    async def _hand_on(self, request: Request, scope: Scope, receive: Receive, send: Send) -> None:
        """An upload, judged when it begins and when it ends: in between, its files may have become a version's."""
        refusal = await self._judged(request)
        if refusal is not None:
            await drain(receive)
            await _refuse(request, refusal, scope, receive, send)
            return
        upload = Upload(receive, lambda: self._judged(request))
        try:
            await self.inner(scope, upload.receive, send)
        except Exception:
            # MLflow takes it for a client that went away, and writes nothing.
            if upload.refusal is None:
                raise
            await _refuse(request, upload.refusal, scope, receive, send)

    async def _judged(self, request: Request) -> Refusal | None:
        return await anyio.to_thread.run_sync(self.guard.refusal, request)


class Upload:
    """A body that is handed on while it comes, all but its last message, which waits for the guard."""

    def __init__(self, receive: Receive, judged: Callable[[], Awaitable[Refusal | None]]) -> None:
        self._receive, self._judged = receive, judged
        self._end = anyio.current_time() + UPLOAD_SECONDS
        self._done = False
        self.refusal: Refusal | None = None

    async def receive(self) -> Message:
        if self._done:
            return await self._receive()
        message: Message = {"type": "http.disconnect"}
        with anyio.move_on_at(self._end) as patience:
            message = await self._receive()
        if patience.cancelled_caught:
            self.refusal = Refusal(f"{STREAMED} took more than {UPLOAD_SECONDS} seconds", status=TooSlowError.status)
        self._done = message["type"] != "http.request" or not message.get("more_body", False)
        if message["type"] == "http.request" and self._done:
            self.refusal = await self._judged()
        return message if self.refusal is None else {"type": "http.disconnect"}


async def _gone() -> Message:
    return {"type": "http.disconnect"}


def _request(scope: Scope) -> Request:
    headers = tuple((key.decode("latin-1"), value.decode("latin-1")) for key, value in scope["headers"])
    return Request(scope["method"].upper(), scope["path"], scope["query_string"].decode(errors="replace"), headers)


async def _refuse(request: Request, refusal: Refusal, scope: Scope, receive: Receive, send: Send) -> None:
    _report(request, refusal)
    code = CODES.get(refusal.status or 0, TEMPORARILY_UNAVAILABLE if refusal.again else PERMISSION_DENIED)
    error = MlflowException(refusal.sentence, error_code=code)
    status = refusal.status or error.get_http_status_code()
    await JSONResponse(json.loads(error.serialize_as_json()), status)(scope, receive, send)


def _report(request: Request, refusal: Refusal) -> None:
    log.warning("refused: %s", " ".join(refusal.sentence.split())[:1000])
    # The path of a closed operation may hold anything, and callers must not choose the names of metrics.
    operation = "closed" if right(request.named) is Right.CLOSED else request.named
    REFUSALS.labels(model=refusal.model, operation=operation, account=refusal.caller).inc()
