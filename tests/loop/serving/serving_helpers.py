"""The real servers the serving tests talk to: MLflow, and model servers as the processes they are in a pod."""

import asyncio
import os
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from loop.runtime.registry import RegistryError
from loop.serving.fetch import fetch
from loop.serving.served import NOTE

ROOT = Path(__file__).resolve().parents[3]
COLUMNS = ["price", "rating", "pages"]
VALID = {"instances": [[1, 2, 3]]}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def refusal(uri: str, folder: Path, patience: float = 5) -> str:
    with pytest.raises(RegistryError) as caught:
        fetch(uri, folder, patience)
    assert not (folder / NOTE).exists(), "a failed fetch must not look like a finished one"
    assert not list(folder.glob(".fetch-*")), "a failed fetch must leave no half model behind"
    return str(caught.value)


def wait_for(url: str, process: subprocess.Popen[bytes], log: Path, seconds: float = 180) -> None:
    for _ in range(int(seconds * 10)):
        try:
            if httpx.get(url, timeout=2).status_code == 200:
                return
        except httpx.TransportError:
            pass
        assert process.poll() is None, f"{url}: the server ended: {log.read_text()[-2000:]}"
        time.sleep(0.1)
    raise AssertionError(f"{url}: no answer in {seconds} s: {log.read_text()[-2000:]}")


class Entrance:
    """Another port of a server: refuses connections until it is opened, as a server does that restarts."""

    def __init__(self, target: int) -> None:
        self._target, self._port = target, free_port()
        self._loop = asyncio.new_event_loop()
        self.url = f"http://127.0.0.1:{self._port}"

    def open(self) -> None:
        asyncio.run_coroutine_threadsafe(asyncio.start_server(self._join, "127.0.0.1", self._port), self._loop).result()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))

    def __enter__(self) -> "Entrance":
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


@dataclass
class ModelServer:
    """`python3 -m loop serve` over a fetched model; the service is `books-production`, the model `books`."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    drain_seconds: int = 1
    port: int = field(default_factory=free_port)

    def __post_init__(self) -> None:
        self.log = self.folder.parent / f"serve-{self.port}.log"
        self.url = f"http://127.0.0.1:{self.port}"
        command = [sys.executable, "-m", "loop", "serve", "--model_name=books-production"]
        command += [f"--drain_seconds={self.drain_seconds}"]
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                [*command, f"--model_dir={self.folder}", f"--port={self.port}"],
                stdout=output,
                stderr=output,
                cwd=ROOT,
                env={k: v for k, v in os.environ.items() if k != "KAFKA_BOOTSTRAP_SERVERS"} | self.environment,
            )

    def wait(self) -> "ModelServer":
        wait_for(f"{self.url}/v1/models/books-production", self.process, self.log)
        return self

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def post(self, path: str, content: str | bytes, **headers: str) -> httpx.Response:
        return httpx.post(f"{self.url}{path}", content=content, headers=headers, timeout=10)

    def predict(self, body: object, name: str = "books", **headers: str) -> httpx.Response:
        return httpx.post(f"{self.url}/v1/models/{name}:predict", json=body, headers=headers, timeout=10)

    def metric(self, line: str) -> float:
        """The value of the one metric whose line starts so; 0 when there is none yet."""
        text = httpx.get(f"{self.url}/metrics", timeout=10).text
        values = [float(row.rsplit(" ", 1)[1]) for row in text.splitlines() if row.startswith(line)]
        assert len(values) < 2, f"{line!r} is not one metric of:\n{text}"
        return sum(values)
