"""The addresses of a process that watches: /metrics, /healthz (is it alive), /readyz (does it work, in words).

A process may have further pages, of JSON.
"""

import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

Check = Callable[[], tuple[bool, str]]
"""Whether it is well, and one sentence for the reader."""
Pages = Mapping[str, Callable[[], bytes]]
"""Path -> its JSON."""


def serve(port: int, alive: Check, ready: Check, pages: Pages | None = None) -> ThreadingHTTPServer:
    """Answers on all interfaces from a thread of its own."""
    there = dict(pages or {})
    known = ", ".join(["/metrics", "/healthz", *there]) + " or /readyz\n"

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            checks = {"/healthz": alive, "/readyz": ready}
            if self.path == "/metrics":
                self._answer(200, CONTENT_TYPE_LATEST, generate_latest())
            elif page := there.get(self.path):
                self._answer(200, "application/json", page())
            elif check := checks.get(self.path):
                well, sentence = check()
                self._answer(200 if well else 503, "text/plain; charset=utf-8", (sentence + "\n").encode())
            else:
                self._answer(404, "text/plain; charset=utf-8", known.encode())

        def _answer(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing: probes come every few seconds."""

    server = ThreadingHTTPServer(("", port), Handler)
    threading.Thread(target=server.serve_forever, name="http", daemon=True).start()
    return server
