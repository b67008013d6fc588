"""`python3 -m loop take-outcomes`: `POST /v1/models/NAME:outcome` to `ml.outcomes`.

An answer of 200 means that Kafka has all outcomes of the request. After anything else the client sends all of them
again: an outcome that comes twice counts once. Whether there was such a prediction is not asked here, for an outcome
may come before it; the join counts outcomes without a prediction.
"""

import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from contract import metrics
from contract.names import OUTCOMES_TOPIC
from contract.outcome_commands import TakeOutcomes
from contract.outcomes import read_body
from loop.runtime import log, probes
from loop.runtime.kafka import client_settings
from loop.runtime.metrics import counter
from loop.runtime.publishing import PATIENCE, Publisher

TAKEN = counter(metrics.OUTCOMES_TAKEN)

MAX_BODY: Final = 1024 * 1024
_DISCARDED: Final = 32 * 1024 * 1024
"""Bytes of an oversized body that are still read: a client that is still sending would see a reset, not the answer."""


def application(models: Sequence[str], publish: Callable[[str, Sequence[tuple[bytes, bytes]]], bool]) -> Starlette:
    """The HTTP side, for these models."""

    async def outcome(request: Request) -> Response:
        model = request.path_params["model"]
        if model not in models:
            return _answer(404, f"no outcomes of {model[:64]!r} are taken; they are of {', '.join(models)}")
        body = await _body(request)
        if body is None:
            return _answer(413, f"the body is larger than {MAX_BODY} bytes: send fewer outcomes at once")
        try:
            outcomes = read_body(body, model=model, now=datetime.now(UTC))
        except ValueError as error:
            TAKEN.labels(model, "refused").inc()
            return _answer(400, str(error))
        if not await run_in_threadpool(
            publish, OUTCOMES_TOPIC, [(each.id.encode(), each.encode()) for each in outcomes]
        ):
            TAKEN.labels(model, "undelivered").inc(len(outcomes))
            return _answer(503, "Kafka has not taken all of the outcomes: send the request again", {"Retry-After": "5"})
        TAKEN.labels(model, "taken").inc(len(outcomes))
        return JSONResponse({"accepted": len(outcomes)})

    async def other(_: Request, __: Exception) -> Response:
        return _answer(404, "POST /v1/models/NAME:outcome is served, and nothing else")

    handlers: dict[Any, Callable[[Request, Exception], Awaitable[Response]]] = {404: other, 405: other}
    return Starlette(
        routes=[Route("/v1/models/{model}:outcome", outcome, methods=["POST"])], exception_handlers=handlers
    )


async def _body(request: Request) -> bytes | None:
    """None when there is too much of it."""
    parts, size = list[bytes](), 0
    async for part in request.stream():
        size += len(part)
        if size <= MAX_BODY:
            parts.append(part)
        if size > _DISCARDED:
            break
    return b"".join(parts) if size <= MAX_BODY else None


def _answer(status: int, sentence: str, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"error": sentence}, status, headers)


def main() -> int:
    given = TakeOutcomes.parse(sys.argv[1:])
    log.to_stderr()
    import uvicorn  # noqa: PLC0415  # --help need not wait for it
    from confluent_kafka import Producer  # noqa: PLC0415

    producer = Producer(
        client_settings(os.environ)
        | {
            "client.id": "ml-loop-outcomes",
            "acks": "all",
            "enable.idempotence": True,
            "linger.ms": 5,
            "message.timeout.ms": int(PATIENCE * 1000),
        }
    )
    for model in given.models:
        for result in ("taken", "refused", "undelivered"):
            TAKEN.labels(model, result)
    metrics_server = probes.serve(given.metrics_port, alive=lambda: (True, "alive"), ready=lambda: (True, "ready"))
    uvicorn.run(
        application(given.models, Publisher(producer)), host="", port=given.port, log_level="warning", access_log=False
    )
    metrics_server.shutdown()
    return 0
