"""How many connections a server holds, and how long one may take to say what it wants.

uvicorn sets no limit to either. Where there are too many, the one that has waited longest without a whole request makes
room: whoever holds connections open keeps nobody out, least of all the kubelet's probes.
"""

import asyncio
import itertools
from typing import Final

from uvicorn.config import HTTP_PROTOCOLS
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST: Final = 500
"""Connections of one server."""
HEAD_SECONDS: Final = 10.0
"""From its beginning to the end of its first request's headers. Later ones have uvicorn's time for idle connections."""
HEAD_BYTES: Final = 64 * 1024
"""Of a request's line and headers, which are kept until they end: one more piece than that, and the connection ends."""


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's, of which there are no more than `most`."""

    most = MOST
    head_seconds = HEAD_SECONDS
    head_bytes = HEAD_BYTES
    _numbers = itertools.count()
    """In the order of their beginning: the loop's clock is the same for all that it takes up at once."""

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
        """Whether nothing is being done for it: it has not said a whole request."""
        # None before the first request, whatever its type says.
        return not self.cycle or self.cycle.response_complete or self.cycle.more_body

    @property
    def ending(self) -> bool:
        """Whether it is closed already, and leaves only in a moment."""
        return self.transport.is_closing()

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._head.cancel()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head.cancel()
        super().connection_lost(exc)


def bound() -> None:
    """Have every server of this process use it: KServe's SDK makes uvicorn's configuration, and hands nothing on."""
    HTTP_PROTOCOLS["auto"] = f"{__name__}:{BoundedProtocol.__name__}"
