"""Connections of the model server: nobody keeps others out by holding them open."""

import asyncio
import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
import uvicorn
from serving_helpers import free_port
from starlette.types import Receive, Scope, Send

from loop.serving import connections, guard
from loop.serving.connections import BoundedProtocol
from loop.serving.guard import RequestGuard

PREDICT = "/v1/models/books:predict"
HALF = f"POST {PREDICT} HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n1".encode()


async def answering(scope: Scope, receive: Receive, send: Send) -> None:
    """Reads the body and answers `ok`; nothing else."""
    while scope["type"] == "http" and (await receive()).get("more_body"):
        pass
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})


@contextmanager
def serving(protocol: type[BoundedProtocol]) -> Generator[int]:
    """The port of a server in this process."""
    port = free_port()
    config = uvicorn.Config(answering, port=port, http=protocol, lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.01)
    yield port
    server.should_exit = True
    server.force_exit = True
    thread.join()


def opened(port: int, said: bytes) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=30)
    connection.sendall(said)
    return connection


def ended(connection: socket.socket) -> bool:
    """Waits for the server's end of a connection."""
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def cut_off(connection: socket.socket, most: int) -> bool:
    """Whether the server ends a connection that sends so many bytes."""
    try:
        for _ in range(0, most, 2**16):
            connection.sendall(b"y" * 2**16)
    except OSError:
        return True
    return False


class Few(BoundedProtocol):
    most = 3


@pytest.mark.parametrize("said", [b"", b"POST / HT", HALF], ids=["nothing", "half a head", "half a body"])
def test_whoever_waits_longest_makes_room_for_the_next(said: bytes) -> None:
    with serving(Few) as port:
        held = [opened(port, said) for _ in range(6)]
        assert httpx.get(f"http://127.0.0.1:{port}/", timeout=30).text == "ok"
        assert [ended(each) for each in held[:4]] == [True] * 4
        for each in held:
            each.close()


def test_a_connection_that_says_no_whole_head_ends() -> None:
    class Hasty(BoundedProtocol):
        head_seconds = 0.05

    with serving(Hasty) as port:
        assert ended(opened(port, b"POST / HTTP/1.1\r\nhost: x\r\n"))


def test_the_server_s_framework_uses_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connections.HTTP_PROTOCOLS, "auto", "unset")
    connections.bound()
    config = uvicorn.Config(answering)
    config.load()
    assert config.http_protocol_class is BoundedProtocol


def test_a_body_that_does_not_end_is_answered_with_408_and_the_end_of_the_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(guard, "_BODY_SECONDS", 0.01)
    sent: list[Any] = []

    async def never() -> Any:
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    scope: Scope = {"type": "http", "method": "POST", "path": PREDICT, "headers": [(b"content-length", b"9")]}
    asyncio.run(RequestGuard(answering, version="1", max_body=1024, drain_seconds=0)(scope, never, send))
    assert sent[0]["status"] == 408
    assert (b"connection", b"close") in sent[0]["headers"]
    assert sent[1]["body"] == b'{"error":"the body took more than 0.01 seconds"}'


@pytest.mark.parametrize("before", [b"", b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"], ids=["first", "second"])
def test_a_head_without_an_end_is_cut_off(before: bytes) -> None:
    with serving(BoundedProtocol) as port, opened(port, before) as connection:
        if before:
            assert connection.recv(4096).startswith(b"HTTP/1.1 200")
        connection.sendall(b"GET / HTTP/1.1\r\nx: ")
        assert cut_off(connection, 50 * 2**20)
    with serving(BoundedProtocol) as port, opened(port, b"GET / HTTP/1.1\r\nx: " + b"y" * 60_000) as connection:
        connection.sendall(b"\r\n\r\n")
        assert connection.recv(4096).startswith(b"HTTP/1.1 200")
