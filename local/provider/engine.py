"""Messages to the engine that started us."""

from __future__ import annotations

from typing import Any

import grpc
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc


class EngineLog:
    """The engine's log. Without an address nothing is said; a lost engine is no reason to fail."""

    def __init__(self, address: str | None) -> None:
        self._stub: Any = engine_pb2_grpc.EngineStub(grpc.insecure_channel(address)) if address else None

    def info(self, message: str, urn: str = "") -> None:
        """A line of the update's log."""
        self._log(message, urn, ephemeral=False)

    def progress(self, message: str, urn: str) -> None:
        """What a resource is doing now, shown beside it until the next message."""
        self._log(message, urn, ephemeral=True)

    def _log(self, message: str, urn: str, *, ephemeral: bool) -> None:
        if self._stub:
            request = engine_pb2.LogRequest(severity=engine_pb2.INFO, message=message, urn=urn, ephemeral=ephemeral)
            try:
                self._stub.Log(request, timeout=5)
            except grpc.RpcError:
                self._stub = None
