"""What stands before the KServe endpoints: limits, the version header, request counts, and a clean end.

The SDK's app also offers loading and unloading models and CloudEvents, and reads binary tensors unchecked; these would
let anyone unload the model, or turn a malformed request into a 500. Only the routes the loop needs pass, and binary
tensors become JSON first.
"""

import asyncio
import re
import signal
import time
from types import FrameType

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from contract import metrics
from contract.names import REQUEST_ID_HEADER, TENANT_HEADER, USER_HEADER, VERSION_HEADER
from loop.model.errors import RejectedError
from loop.runtime.metrics import counter, histogram
from loop.serving import binary

REQUESTS = counter(metrics.REQUESTS)
ANSWERS = histogram(metrics.ANSWERS)
ANSWERS_SQUARED = counter(metrics.ANSWERS_SQUARED)

_PREDICT = re.compile(r"/v1/models/[^/]+:predict|/v2/models/[^/]+/infer")
_DISCARDED = 32 * 1024 * 1024
"""Bytes of an oversized body that are still read: a client that is still sending would see a reset, not the answer."""
_BODY_SECONDS = 10.0
"""Seconds until the end of a body."""
_ONCE = {name.lower().encode() for name in (TENANT_HEADER, USER_HEADER, REQUEST_ID_HEADER)} | {binary.HEADER}
"""Headers that decide whose a prediction is, which one, and where its tensors begin: of two, one would be believed."""
_ALIVE = {"/", "/metrics", "/v2/health/live"}
"""Answered until the end: a liveness probe must not kill a pod that is finishing its requests."""


class RequestGuard:
    """ASGI middleware; see the module's docstring."""

    def __init__(self, app: ASGIApp, *, version: str, max_body: int, drain_seconds: float) -> None:
        self._app, self._version, self._max_body, self._drain_seconds = app, version, max_body, drain_seconds
        self._draining = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            self._drain_on_sigterm()
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        predict = scope["method"] == "POST" and _PREDICT.fullmatch(scope["path"]) is not None
        began = time.perf_counter()

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (VERSION_HEADER.lower().encode(), self._version.encode())]
                if self._draining:  # routers keep connections open: this moves them to another pod
                    message["headers"].append((b"connection", b"close"))
                if predict:
                    REQUESTS.labels(scope["path"][1:3], message["status"]).inc()
                    if message["status"] == 200:  # errors are quick, and would flatter the latency
                        seconds = time.perf_counter() - began
                        ANSWERS.labels(self._version).observe(seconds)
                        ANSWERS_SQUARED.labels(self._version).inc(seconds**2)
            await send(message)

        try:
            if predict:
                receive = await self._checked_body(scope, receive)
            else:
                self._check_other(scope["method"], scope["path"])
        except RejectedError as error:
            await _refuse(answer, error)
            return
        await self._app(scope, receive, answer)

    def _check_other(self, method: str, path: str) -> None:
        if method not in {"GET", "HEAD"}:
            raise RejectedError(
                f"{method} {path} is not served: POST /v1/models/NAME:predict and /v2/models/NAME/infer are", 404
            )
        if self._draining and path not in _ALIVE:
            raise RejectedError("the server is shutting down", 503)

    async def _checked_body(self, scope: Scope, receive: Receive) -> Receive:
        """Reads the body up to the limit, and has the SDK read it as JSON whatever the client's content type."""
        named = [name for name, _ in scope["headers"] if name in _ONCE]
        if len(set(named)) < len(named):
            twice = next(name for name in named if named.count(name) > 1).decode()
            raise RejectedError(f"the header {twice} is sent twice: send it once, as the two may say different things")
        headers = dict(scope["headers"])
        if any(name.startswith(b"ce-") for name in headers) or b"cloudevents" in headers.get(b"content-type", b""):
            raise RejectedError("CloudEvents are not accepted: send the JSON body of the v1 or v2 protocol", 415)
        json_length = headers.pop(binary.HEADER, None)
        if json_length is not None and scope["path"].startswith("/v1/"):
            raise RejectedError("binary tensors are the v2 protocol's: send them to /v2/models/NAME/infer", 415)
        headers[b"content-type"] = b"application/json"  # curl declares a form by default
        scope["headers"] = list(headers.items())
        declared = int(headers.get(b"content-length", b"0"))
        try:
            async with asyncio.timeout(_BODY_SECONDS):
                body = await self._read(receive, declared)
        except TimeoutError:
            raise RejectedError(f"the body took more than {_BODY_SECONDS:g} seconds", 408) from None
        if json_length is not None:
            body = binary.as_json(body, json_length)
            headers[b"content-length"] = str(len(body)).encode()
            scope["headers"] = list(headers.items())
        replayed = False

        async def replay() -> Message:
            nonlocal replayed
            if replayed:
                return await receive()
            replayed = True
            return {"type": "http.request", "body": body, "more_body": False}

        return replay

    async def _read(self, receive: Receive, declared: int) -> bytes:
        size, body, more = 0, b"", declared <= _DISCARDED
        while more:
            message = await receive()
            size += len(message.get("body", b""))
            body = body + message.get("body", b"") if size <= self._max_body else b""
            more = message.get("more_body", False) and size <= _DISCARDED
        if max(size, declared) > self._max_body:
            raise RejectedError(f"the body is larger than {self._max_body} bytes: send fewer rows at once", 413)
        return body

    def _drain_on_sigterm(self) -> None:
        """On SIGTERM, keeps answering for a while: endpoints learn of a pod's end later than the pod does.

        Called at the ASGI start-up, when uvicorn has set its own handlers; the second signal, or the end of that time,
        reaches them.
        """
        loop, stop = asyncio.get_running_loop(), signal.getsignal(signal.SIGTERM)
        if not callable(stop):
            return  # without uvicorn, the process just ends

        def drain(number: int, frame: FrameType | None) -> None:
            again, self._draining = self._draining, True
            pause = 0 if again else self._drain_seconds
            loop.call_soon_threadsafe(loop.call_later, pause, stop, number, frame)

        signal.signal(signal.SIGTERM, drain)


async def _refuse(send: Send, error: RejectedError) -> None:
    body = orjson.dumps({"error": str(error)})
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if error.status in (408, 413):  # the rest of a late body, or of one larger than `_DISCARDED`, is not read
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
