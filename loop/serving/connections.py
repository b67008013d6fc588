"""How many connections a server holds, and how long one may take to send a request.

uvicorn sets no limit to either. Where there are too many, the one that has waited longest without a whole request is
closed: a client that holds connections open keeps no one out, least of all the kubelet's probes.
"""

import asyncio
import itertools
from typing import Final

from uvicorn.config import HTTP_PROTOCOLS
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST: Final = 500
"""The most connections of one server."""
HEAD_SECONDS: Final = 10.0
"""From a connection's beginning to the end of its first request's headers. Later requests have uvicorn's idle time."""
HEAD_BYTES: Final = 64 * 1024
"""The most bytes of a request's line and headers, which are kept until they end: more end the connection."""


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's protocol, of which there are no more than `most`."""

    most = MOST
    head_seconds = HEAD_SECONDS
    head_bytes = HEAD_BYTES
    _numbers = itertools.count()
    """Numbers in the order of beginning: the loop's clock is the same for all connections that it accepts at once."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        super().connection_made(transport)
        self.number = next(self._numbers)
        self._in_head, self._read = True, 0
        self._head = asyncio.get_running_loop().call_later(self.head_seconds, transport.abort)
        held = [each for each in self.connections if isinstance(each, BoundedProtocol) and not each.ending]
        if len(held) > self.most:
            waiting = (each for each in held if each.waits)
            min(waiting, key=lambda each: each.number, default=self).transport.abort()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._in_head:
            self._read += len(data)
            if self._read > self.head_bytes:
                self.transport.abort()

    def on_message_begin(self) -> None:
        self._in_head, self._read = True, 0
        super().on_message_begin()

    @property
    def waits(self) -> bool:
        """Whether nothing is being done for it, as it has not sent a whole request."""
        # None before the first request, whatever its type says.
        return not self.cycle or self.cycle.response_complete or self.cycle.more_body

    @property
    def ending(self) -> bool:
        """Whether it is closed already, and about to go."""
        return self.transport.is_closing()

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._head.cancel()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head.cancel()
        super().connection_lost(exc)


def bound() -> None:
    """Makes every server of this process use it: KServe's SDK configures uvicorn, and passes no options on."""
    HTTP_PROTOCOLS["auto"] = f"{__name__}:{BoundedProtocol.__name__}"
