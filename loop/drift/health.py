"""The detector's metrics and its addresses: /metrics, /healthz (is it alive), /readyz (does it work, in words)."""

import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CONTENT_TYPE_LATEST, Counter, Gauge, generate_latest

from loop.contract import Alias

SCORE = Gauge(
    "alibi_drift_score", "Distance of the last window to the reference (KS; MMD for feature *)", ["model", "feature"]
)
P_VALUE = Gauge("ml_loop_drift_p_value", "Adjusted p-value of the last window", ["model", "feature"])
EVENTS = Counter("ml_loop_drift_events_total", "Tests published to ml.drift", ["model", "feature", "drift"])
WINDOWS = Counter("ml_loop_drift_windows_total", "Windows compared and published", ["model"])
MESSAGES = Counter("ml_loop_drift_messages_total", "Messages read: used, malformed, other_model", ["model", "outcome"])
OPEN_ROWS = Gauge("ml_loop_drift_open_window_rows", "Rows in the open window", ["model"])
EXPIRED = Counter(
    "ml_loop_drift_expired_messages_total", "Messages of an open window that Kafka had already deleted", ["model"]
)
REFERENCE = Gauge("ml_loop_drift_reference_version", "Version whose reference is used; 0: none", ["model"])
REFERENCE_OK = Gauge(
    "ml_loop_drift_reference_up_to_date", "1: MLflow answers and its reference is the one used", ["model"]
)
ALIAS = Gauge("ml_loop_alias_version", "Version that an alias names in the registry; 0: none", ["model", "alias"])
UNEXPLAINED = Gauge(
    "ml_loop_production_unexplained", "1: the alias production names another version than the stack's", ["model"]
)
KAFKA_ERRORS = Counter("ml_loop_drift_kafka_errors_total", "Errors the Kafka client reported and works on", ["model"])


def show_aliases(model: str, aliases: Mapping[str, str], approved: str | None) -> None:
    """`approved` is the version that the stack's settings put in production; None: none."""
    for alias in Alias:
        ALIAS.labels(model, alias).set(float(aliases.get(alias, 0)))
    UNEXPLAINED.labels(model).set(aliases.get(Alias.PRODUCTION) != approved)


Check = Callable[[], tuple[bool, str]]
"""Whether it is well, and one sentence for whoever asks."""


def serve(port: int, alive: Check, ready: Check) -> ThreadingHTTPServer:
    """Answer on all interfaces from a thread of its own."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            checks = {"/healthz": alive, "/readyz": ready}
            if self.path == "/metrics":
                self._answer(200, CONTENT_TYPE_LATEST, generate_latest())
            elif check := checks.get(self.path):
                well, sentence = check()
                self._answer(200 if well else 503, "text/plain; charset=utf-8", (sentence + "\n").encode())
            else:
                self._answer(404, "text/plain; charset=utf-8", b"/metrics, /healthz or /readyz\n")

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
