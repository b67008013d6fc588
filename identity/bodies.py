"""Bodies of requests: how much of one is read, for how long, and how far it may inflate."""

import gzip
import io
import zlib
from collections.abc import AsyncIterator, Generator
from contextlib import contextmanager
from typing import ClassVar, Final

import anyio
from starlette.types import Message, Receive

LIMIT: Final = 10 * 2**20
"""Bytes of one body, and of what it inflates to: MLflow's own limit for what it takes in one piece."""
HELD: Final = 64 * 2**20
"""The most bytes that one worker holds of all bodies together."""
PIECES: Final = 1_000_000
"""The most pieces of one JSON document: each takes some sixty bytes once it is read, and as little as two on the way.
"""
SECONDS: Final = 60
"""Time limit of a body. A file that is streamed has `UPLOAD_SECONDS`."""
UPLOAD_SECONDS: Final = 600
"""How long an upload may take: as long as a token lasts."""


class BodyError(Exception):
    """One clause: why a body is not read to its end. The classes below also say why by `status`."""

    status: ClassVar[int]


class TooLargeError(BodyError):
    """Too large, as it comes or once it is read."""

    status = 413


class TooSlowError(BodyError):
    """It did not come in time."""

    status = 408


class BusyError(BodyError):
    """This worker holds as much as it may; the same request may pass in a moment."""

    status = 503


class Bodies:
    """What one worker holds of the bodies of its requests."""

    def __init__(self) -> None:
        self.held = 0

    @contextmanager
    def holding(self) -> Generator["Held"]:
        """One more body, until its request is answered."""
        held = Held(self)
        try:
            yield held
        finally:
            self.held -= held.size


class Held:
    """One body, as the messages that it came in."""

    def __init__(self, bodies: Bodies) -> None:
        self._bodies, self._messages, self.size = bodies, list[Message](), 0

    async def read(self, receive: Receive, announced: int) -> None:
        """Reads it to its end. Raises `BodyError` where it is too large, too slow, or too much beside the others."""
        self._check(announced)
        try:
            with anyio.fail_after(SECONDS):
                async for message in body(receive):
                    self._messages.append(message)
                    length = len(message.get("body", b""))
                    self.size += length
                    self._bodies.held += length
                    self._check(0)
        except TimeoutError:
            raise TooSlowError(f"its body took more than {SECONDS} seconds") from None

    def _check(self, announced: int) -> None:
        if max(self.size, announced) > LIMIT:
            raise TooLargeError(f"its body has more than {LIMIT} bytes")
        if self._bodies.held + announced > HELD:
            raise BusyError("the server holds as many bodies as it can, try again")

    def content(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self._messages)

    def replay(self, receive: Receive) -> Receive:
        """A `receive` that hands out the body again, and after it whatever comes."""

        async def again() -> Message:
            return self._messages.pop(0) if self._messages else await receive()

        return again


async def body(receive: Receive) -> AsyncIterator[Message]:
    """A body's messages, up to the last one or the end of the connection."""
    while True:
        message = await receive()
        yield message
        if message["type"] != "http.request" or not message.get("more_body", False):
            return


async def drain(receive: Receive) -> None:
    """Lets a client send the rest: one that is still sending would take an early answer for a broken connection."""
    with anyio.move_on_after(SECONDS):
        async for _ in body(receive):
            pass


def check_pieces(document: bytes) -> None:
    """Raises `TooLargeError` for a document that would take far more memory than its text."""
    if sum(map(document.count, (b",", b"[", b"{"))) > PIECES:
        raise TooLargeError(f"its body has more than {PIECES} pieces")


def inflated(raw: bytes, encoding: str | None) -> bytes:
    """A body without its Content-Encoding, if it is one that MLflow accepts. Raises for any other, and for too much."""
    match (encoding or "").lower():
        case "":
            found = raw
        case "gzip":
            with gzip.GzipFile(fileobj=io.BytesIO(raw)) as file:
                found = file.read(LIMIT + 1)
        case "deflate":
            found = _deflated(raw)
        case other:
            raise ValueError(f"MLflow does not know the Content-Encoding {other[:40]}")
    if len(found) > LIMIT:
        raise TooLargeError(f"its body inflates to more than {LIMIT} bytes")
    return found


def _deflated(raw: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(raw, LIMIT + 1)
    except zlib.error:
        # Some clients send it without its header, and MLflow accepts that.
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(raw, LIMIT + 1)
