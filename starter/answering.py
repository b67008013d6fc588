"""A model server as a pod runs it, asked without a network, and what it publishes."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
from kserve.model_repository import ModelRepository
from kserve.model_server import app
from kserve.protocol.dataplane import DataPlane
from kserve.protocol.model_repository_extension import ModelRepositoryExtension
from kserve.protocol.rest.server import RESTServer

from loop.serving.server import PyfuncModel, guard


class KeptMessages:
    """Stands in for the Kafka producer: keeps what would be published."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []

    def produce(self, topic: str, value: bytes, key: bytes, *, on_delivery: Callable[[Any, Any], None]) -> None:
        self.messages.append(value)
        on_delivery(None, None)

    def poll(self, timeout: float) -> int:
        return 0

    def flush(self, timeout: float) -> int:
        return 0


class Server:
    """KServe's own application, as `loop serve` sets it up, for one model after another."""

    def __init__(self, max_body: int = 10_000_000) -> None:
        _as_new()
        self.models = ModelRepository()
        RESTServer(
            "kserve.model_server:app", DataPlane(self.models), ModelRepositoryExtension(self.models), 0
        ).create_application()
        self.direct: dict[str, PyfuncModel] = {}
        guard("1", max_body, 0.0, self.direct)

    def serve(self, model: PyfuncModel) -> None:
        self.models.update(model)
        self.direct[model.name] = model

    def ask(self, path: str, body: object) -> httpx.Response:
        async def post() -> httpx.Response:
            transport = httpx.ASGITransport(app=app)
            async with httpx.AsyncClient(transport=transport, base_url="http://model") as client:
                return await client.post(path, json=body)

        return asyncio.run(post())


def _as_new() -> None:
    """The SDK has one application for a process, which takes no further model once it has answered: make it forget."""
    app.middleware_stack = None
    app.user_middleware.clear()
    app.router.routes.clear()
    app.exception_handlers.clear()
