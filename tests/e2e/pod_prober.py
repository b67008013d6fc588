"""Runs in a pod's network: answers at the ports, and calls whomever a line of its input names."""

import asyncio
import itertools
import json
import sys

SOURCES = itertools.count(20_000)
"""Ports that calls come from, each once: one that the kernel still tracks would pass as a part of an older call."""


class Echo(asyncio.DatagramProtocol):
    def connection_made(self, transport: asyncio.DatagramTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.transport.sendto(data, addr)


class Caller(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.answer = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if not self.answer.done():
            self.answer.set_result(data)

    def error_received(self, exc: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(exc)


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(await reader.readexactly(4))
    writer.close()


async def calls(address: str, kind: str, port: int, patience: float) -> bool:
    try:
        async with asyncio.timeout(patience):
            return await (by_tcp if kind == "TCP" else by_udp)(address, port)
    except (TimeoutError, OSError, asyncio.IncompleteReadError):
        return False


async def by_tcp(address: str, port: int) -> bool:
    reader, writer = await asyncio.open_connection(address, port, local_addr=("0.0.0.0", next(SOURCES)))  # noqa: S104
    try:
        writer.write(b"ping")
        return await reader.readexactly(4) == b"ping"
    finally:
        writer.close()


async def by_udp(address: str, port: int) -> bool:
    loop = asyncio.get_running_loop()
    source = ("0.0.0.0", next(SOURCES))  # noqa: S104  # its network is its own
    transport, caller = await loop.create_datagram_endpoint(Caller, local_addr=source, remote_addr=(address, port))
    try:
        transport.sendto(b"ping")
        return await caller.answer == b"ping"
    finally:
        transport.close()


async def main() -> None:
    loop = asyncio.get_running_loop()
    for port in (80, 81):
        await asyncio.start_server(answer, "0.0.0.0", port)  # noqa: S104  # its network is its own
        await loop.create_datagram_endpoint(Echo, local_addr=("0.0.0.0", port))  # noqa: S104
    print("ready", flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        asked = json.loads(line)
        answered = await asyncio.gather(*(calls(*call) for _, *call in asked))
        told = [[who, kind, port] for (who, _, kind, port, _), good in zip(asked, answered, strict=True) if good]
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
