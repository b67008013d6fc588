"""Pods, namespaces and policies, followed: listed once, then changed as the API server tells."""

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

from kubernetes import client
from kubernetes.client.rest import ApiException
from kubernetes.watch.watch import iter_resp_lines
from urllib3.exceptions import HTTPError

from local.policies.peers import Json

log = logging.getLogger(__name__)

PODS: Final = "/api/v1/pods"
NAMESPACES: Final = "/api/v1/namespaces"
POLICIES: Final = "/apis/networking.k8s.io/v1/networkpolicies"
RENEWED: Final = 300
"""Seconds after which the API server ends a watch: a connection that died unnoticed is not waited for much longer."""


class Followed(threading.Thread):
    """The objects of one path, by uid. `changed` is called after each change, from this thread."""

    def __init__(self, api: client.ApiClient, path: str, changed: Callable[[], None]) -> None:
        super().__init__(name=path, daemon=True)
        self._api, self._path, self._changed = api, path, changed
        self._objects: dict[str, Json] = {}
        self._lock = threading.Lock()
        self.listed = threading.Event()

    def objects(self) -> list[Json]:
        """As of now; complete once `listed` is set."""
        with self._lock:
            return list(self._objects.values())

    def run(self) -> None:
        while True:
            try:
                version = self._list()
                while version is not None:
                    version = self._watch(version)
            except (ApiException, HTTPError, OSError, ValueError) as error:
                log.warning("%s: %s; asks again", self._path, " ".join(str(error).splitlines()[:2]))
                time.sleep(0.5)

    def _list(self) -> str:
        answer: Json = json.loads(self._request([]).data)
        with self._lock:
            self._objects = {each["metadata"]["uid"]: each for each in answer["items"]}
        self.listed.set()
        self._changed()
        return answer["metadata"]["resourceVersion"]

    def _watch(self, version: str) -> str | None:
        """Follows changes until the API server ends the watch. Returns the version to go on from; None: list again."""
        query = {"watch": "true", "resourceVersion": version, "allowWatchBookmarks": "true"}
        response = self._request([*query.items(), ("timeoutSeconds", str(RENEWED))])
        try:
            for event in _events(response):
                kind, each = event["type"], event["object"]
                if kind == "ERROR":
                    return None  # the version is too old, as after a long pause
                version = each["metadata"]["resourceVersion"]
                if kind != "BOOKMARK":
                    self._take(kind, each)
        finally:
            response.release_conn()
        return version

    def _take(self, kind: str, each: Json) -> None:
        with self._lock:
            if kind == "DELETED":
                self._objects.pop(each["metadata"]["uid"], None)
            else:
                self._objects[each["metadata"]["uid"]] = each
        self._changed()

    def _request(self, query: list[tuple[str, str]]) -> Any:
        return self._api.call_api(
            self._path,
            "GET",
            query_params=query,
            header_params={"Accept": "application/json"},
            auth_settings=["BearerToken"],
            _preload_content=False,
            _return_http_data_only=True,
            _request_timeout=(5, RENEWED + 30),
        )


def _events(response: Any) -> Iterator[Json]:
    for line in iter_resp_lines(response):
        if line.strip():
            yield json.loads(line)
