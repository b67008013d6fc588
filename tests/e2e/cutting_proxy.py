"""An API server that lets one client do so many changes, and at the next one kills it: before or after the change."""

import os
import signal
import ssl
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from typing import Any, Final

import urllib3

CHANGES: Final = ("POST", "PUT", "PATCH", "DELETE")


@dataclass
class Cut:
    """When whom."""

    pid: int = 0
    """The client, with all that it started; 0 for nobody."""
    after: int = 0
    """How many changes are let through."""
    told: bool = False
    """Whether the change at which the client dies still reaches the API server."""
    done: bool = False
    lock: Lock = field(default_factory=Lock)

    def reached(self) -> bool:
        """Counts a change; whether it is the one."""
        with self.lock:
            self.after -= 1
            return self.pid != 0 and self.after < 0 and not self.done

    def kill(self) -> None:
        with self.lock:
            self.done = True
            for pid in reversed(_family(self.pid)):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def _family(pid: int) -> list[int]:
    """A process and all that descend from it."""
    found = [pid]
    for parent in found:
        for children in Path(f"/proc/{parent}/task").glob("*/children"):
            with suppress(OSError):
                found += [int(child) for child in children.read_text().split()]
    return found


@contextmanager
def cutting(server: str, authority: Path, cut: Cut) -> Generator[str]:
    """The address of a proxy on the loopback before the API server."""
    context = ssl.create_default_context(cafile=str(authority))
    pool = urllib3.PoolManager(ssl_context=context, maxsize=32)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.0"  # an answer ends with its connection, watches too

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            last = self.command in CHANGES and "dryRun" not in self.path and cut.reached()
            if last and not cut.told:
                cut.kill()
                return
            kept = {key: value for key, value in self.headers.items() if key.lower() not in ("host", "connection")}
            found = pool.request(self.command, server + self.path, body=body, headers=kept, preload_content=False)
            if last:
                found.read()
                cut.kill()
                return
            with suppress(OSError):
                self.send_response(found.status)
                self.send_header("Content-Type", found.headers.get("Content-Type", "application/json"))
                self.end_headers()
                while chunk := found.read1():
                    self.wfile.write(chunk)
                    self.wfile.flush()
            found.close()

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  as the base names it
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as proxy:
        Thread(target=proxy.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{proxy.server_address[1]}"
        proxy.shutdown()
