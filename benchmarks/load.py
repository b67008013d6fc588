"""Clients that each keep one HTTP connection and repeat one request: little work, so that the server is measured."""

import asyncio
import re
import time
from dataclasses import dataclass, field

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


@dataclass
class Load:
    """So many requests by so many clients at once."""

    host: str
    port: int
    path: str
    body: bytes
    seconds: list[float] = field(default_factory=list)
    """Seconds that each answer took."""

    @property
    def request(self) -> bytes:
        head = f"POST {self.path} HTTP/1.1\r\nHost: {self.host}\r\nContent-Type: application/json\r\n"
        return f"{head}Content-Length: {len(self.body)}\r\n\r\n".encode() + self.body

    def run(self, requests: int, clients: int) -> float:
        """Answers per second of all clients together."""
        left = [requests]
        began = time.perf_counter()

        async def clients_at_once() -> None:
            await asyncio.gather(*(self._client(left) for _ in range(clients)))

        asyncio.run(clients_at_once())
        return requests / (time.perf_counter() - began)

    async def _client(self, left: list[int]) -> None:
        reader, writer = await asyncio.open_connection(self.host, self.port)
        request = self.request
        while left[0] > 0:
            left[0] -= 1
            began = time.perf_counter()
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200"), head
            length = _LENGTH.search(head)
            assert length is not None, head
            await reader.readexactly(int(length[1]))
            self.seconds.append(time.perf_counter() - began)
        writer.close()
