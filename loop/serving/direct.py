"""v1 predictions bypass the SDK's router: most requests are these, and routing costs as much as a small model's answer.

Everything else goes to the SDK's application, and so does a body that is not JSON, which it refuses in its own words.
The model is asked by the SDK's own call, which counts and times it (`request_predict_seconds`).
"""

import re
from collections.abc import Mapping
from typing import Any, Final

import orjson
from kserve import Model
from kserve.errors import InferenceError
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from loop.model.errors import RejectedError

_PREDICT: Final = re.compile(r"/v1/models/([^/]+):predict")


class DirectPredictions:
    """ASGI middleware behind `RequestGuard`, which has read the body."""

    def __init__(self, app: ASGIApp, *, models: Mapping[str, Model]) -> None:
        self._app, self._models = app, models

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        model = self._asked(scope)
        if model is None:
            await self._app(scope, receive, send)
            return
        message = await receive()
        try:
            payload = orjson.loads(message["body"])
        except orjson.JSONDecodeError:
            await self._app(scope, _replayed(message, receive), send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        added: Mapping[str, str] = {}
        try:
            # The SDK's types do not say so, but a model may also return the headers of its answer.
            answer, added = await model(payload, headers=headers)  # pyright: ignore[reportGeneralTypeIssues, reportAssignmentType]
            status = 200
        except RejectedError as error:
            status, answer = error.status, {"error": str(error)}
        except InferenceError as error:
            status, answer = 500, {"error": str(error)}
        await _send(send, status, answer, added)

    def _asked(self, scope: Scope) -> Model | None:
        if scope["type"] != "http" or scope["method"] != "POST":
            return None
        found = _PREDICT.fullmatch(scope["path"])
        model = self._models.get(found[1]) if found else None
        return model if model is not None and model.ready else None


def _replayed(message: Message, receive: Receive) -> Receive:
    waiting = [message]

    async def replay() -> Message:
        return waiting.pop() if waiting else await receive()

    return replay


async def _send(send: Send, status: int, answer: Any, added: Mapping[str, str]) -> None:
    body = orjson.dumps(answer)
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in added.items()]
    headers += [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
