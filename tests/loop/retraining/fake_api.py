"""An API server's Leases over HTTP: resourceVersion checks, MicroTime's format, and a Date on each answer."""

import re
import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

from json_handler import JsonHandler, JsonServer
from kubernetes import client
from kubernetes.client.api_client import ApiClient
from kubernetes.client.configuration import Configuration

from loop.retraining.cooldown import ask
from loop.retraining.decision import Event
from loop.retraining.leases import KubernetesStore

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOURS = timedelta(hours=1)
MICRO_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


class LeaseServer(JsonServer):
    """Serves the Leases of any namespace until closed."""

    def __init__(self) -> None:
        self.leases: dict[str, dict[str, Any]] = {}
        self.conflicts = 0
        self.date: str | None = None
        """What the server's clock says, as an HTTP date; None: the real time."""
        self._version = 0
        self._lock = threading.Lock()
        outer = self

        class Handler(JsonHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                lease = outer.leases.get(self.path.rsplit("/", 1)[1])
                self.answer(*((200, lease) if lease else (404, {"reason": "NotFound"})))

            def do_POST(self) -> None:
                self.answer(*outer.store(self.body(), create=True))

            def do_PUT(self) -> None:
                self.answer(*outer.store(self.body(), create=False))

            def date_time_string(self, timestamp: float | None = None) -> str:
                return outer.date or super().date_time_string(timestamp)

        super().__init__(Handler)

    def store(self, lease: dict[str, Any], *, create: bool) -> tuple[int, dict[str, Any]]:
        name = lease["metadata"]["name"]
        if not MICRO_TIME.fullmatch(lease["spec"]["acquireTime"]):
            return 400, {"reason": "BadRequest", "message": f"acquireTime {lease['spec']['acquireTime']}"}
        with self._lock:
            known = self.leases.get(name)
            if create and known:
                self.conflicts += 1
                return 409, {"reason": "AlreadyExists"}
            if not create and (
                not known or known["metadata"]["resourceVersion"] != lease["metadata"]["resourceVersion"]
            ):
                self.conflicts += 1
                return 409, {"reason": "Conflict"}
            self._version += 1
            lease["metadata"]["resourceVersion"] = str(self._version)
            self.leases[name] = lease
        return (201 if create else 200), lease


def store(server: LeaseServer) -> KubernetesStore:
    api = ApiClient(Configuration(host=server.url))
    return KubernetesStore(client.CoordinationV1Api(api), "ml", {"app": "ml-loop"})


def at(server: LeaseServer, moment: datetime) -> None:
    server.date = format_datetime(moment, usegmt=True)


def request(server: LeaseServer, event: str, feature: str = "age", run: str = "") -> tuple[bool, str]:
    return ask(store(server), "recommender", Event(event, feature, run or event), 6 * HOURS)
