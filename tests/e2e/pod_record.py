"""Every pod that the cluster has had since the session began, as it was when it was first seen.

Workflow pods are collected ten minutes after they end, and namespaces of tests go with all that is in them: what is
judged at the end must not depend on how long ago it ran.
"""

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import yaml
from kubernetes import client, config, watch
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

Manifest = dict[str, Any]
WATCH: Final = 60
"""Seconds after which a watch is begun anew, from where it was."""
PAUSE: Final = 0.5
"""Seconds between two attempts to reach an API server that is not there yet, or was killed."""


class PodRecord:
    """Follows pods and namespaces in threads, from before the cluster is up until the process ends."""

    def __init__(self, kubeconfig: Path) -> None:
        self._kubeconfig = kubeconfig
        self._stop = threading.Event()
        self._pods: dict[str, Manifest] = {}
        self._labels: dict[str, dict[str, str]] = {}
        followers = (self._follow_pods, self._follow_namespaces)
        self._threads = [threading.Thread(target=follow, daemon=True) for follow in followers]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stop.set()

    def pods(self) -> list[Manifest]:
        """All of them, those that are there now included."""
        assert all(thread.is_alive() for thread in self._threads), "the record has a gap: a thread of it has died"
        for pod in listed(self.core().list_pod_for_all_namespaces)["items"]:
            self._note_pod(pod)
        return list(self._pods.values())

    def namespaces(self) -> dict[str, dict[str, str]]:
        """The labels of every namespace that there was."""
        for namespace in listed(self.core().list_namespace)["items"]:
            self._note_namespace(namespace)
        return dict(self._labels)

    def core(self) -> client.CoreV1Api:
        return client.CoreV1Api(config.new_client_from_config(str(self._kubeconfig)))

    def _note_pod(self, pod: Manifest) -> None:
        self._pods.setdefault(pod["metadata"]["uid"], pod)

    def _note_namespace(self, namespace: Manifest) -> None:
        self._labels[namespace["metadata"]["name"]] = namespace["metadata"].get("labels") or {}

    def _follow_pods(self) -> None:
        self._follow("list_pod_for_all_namespaces", self._note_pod)

    def _follow_namespaces(self) -> None:
        self._follow("list_namespace", self._note_namespace)

    def _follow(self, call: str, note: Callable[[Manifest], None]) -> None:
        """Lists, then watches from there on; lists again only where the API server has forgotten what came between."""
        while not self._stop.wait(PAUSE):
            try:
                ask = getattr(self.core(), call)
                found = listed(ask)
                for item in found["items"]:
                    note(item)
                version = found["metadata"]["resourceVersion"]
                while not self._stop.is_set():
                    it: Any = watch.Watch()
                    # Without the second, a connection that a kill left half open would be waited on for ever.
                    patience = {"timeout_seconds": WATCH, "_request_timeout": WATCH + 30}
                    for event in it.stream(ask, resource_version=version, **patience):
                        note(event["raw_object"])
                    version = it.resource_version or version
            except (config.ConfigException, yaml.YAMLError, ApiException, HTTPError, OSError, ValueError):
                continue  # not up yet, killed, stopped, or too long ago


def listed(ask: Callable[..., Any]) -> Manifest:
    return json.loads(ask(_preload_content=False, _request_timeout=10).data)
