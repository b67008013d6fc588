"""Waiting until an object is ready, or gone; ends at once when the engine cancels."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

from local.provider import readiness, waitfor
from local.provider.cluster import ApiError, ClusterClient, ClusterError
from local.provider.readiness import READY, Readiness, waiting
from local.provider.values import Json

DEFAULT_TIMEOUT = 600.0
"""Seconds, as in Pulumi's plugin."""
SKIP_AWAIT = "pulumi.com/skipAwait"
WAIT_FOR = "pulumi.com/waitFor"
TIMEOUT_SECONDS = "pulumi.com/timeoutSeconds"
AGAIN = 30.0
"""Seconds after which a reason that is still the same is reported again, so that long waits are explained."""

Report = Callable[[str], None]
"""Shows what is being waited for."""


class NotReadyError(Exception):
    """The wait ended without the object being ready (or gone): failed, timed out or canceled."""


@dataclass(frozen=True)
class Waiter:
    """Waits on one cluster."""

    cluster: ClusterClient
    canceled: threading.Event

    def ready(self, manifest: Json, timeout: float, report: Report) -> Json:
        """The live object once it is ready. Raises NotReadyError with the reason, as far as pods tell it."""

        def probe() -> tuple[Readiness, Json | None]:
            live = self.cluster.get(manifest)
            return (self.verdict(live) if live else readiness.failed("it was deleted meanwhile")), live

        verdict, live = self._poll(probe, timeout, report, lambda: self._trouble(manifest))
        if verdict.ready and live:
            return live
        raise NotReadyError(f"is not ready: {verdict.reason}")

    def gone(self, manifest: Json, uid: str | None, timeout: float, report: Report) -> None:
        """Returns when no object of that name and uid is left. Raises NotReadyError naming what holds it."""

        def probe() -> tuple[Readiness, Json | None]:
            live = self.cluster.get(manifest)
            if not live or (uid and live["metadata"]["uid"] != uid):
                return READY, None
            return waiting(_held_by(live)), live

        verdict, _ = self._poll(probe, timeout, report, lambda: None)
        if not verdict.ready:
            raise NotReadyError(f"is not gone: {verdict.reason}")

    def verdict(self, live: Json) -> Readiness:
        """The readiness by the annotations, else by the rule of the kind; those without one are ready at once."""
        annotations = live["metadata"].get("annotations") or {}
        if annotations.get(SKIP_AWAIT) == "true":
            return READY
        if text := annotations.get(WAIT_FOR):
            open_ones = [item.text for item in waitfor.parse(text) if not item.met(live)]
            return waiting(f"waiting for {', '.join(open_ones)}") if open_ones else READY
        rule = readiness.RULES.get((live["apiVersion"], live["kind"]))
        verdict = rule(live) if rule else READY
        if live["kind"] == "PersistentVolumeClaim" and not verdict.ready and self._binds_with_pod(live):
            return READY
        if (
            live["kind"] == "Service"
            and live["apiVersion"] == "v1"
            and verdict.ready
            and readiness.needs_endpoints(live)
        ):
            return self._endpoints(live)
        return verdict

    def _poll(
        self,
        probe: Callable[[], tuple[Readiness, Json | None]],
        timeout: float,
        report: Report,
        trouble: Callable[[], str | None],
    ) -> tuple[Readiness, Json | None]:
        end, pause, shown, at = time.monotonic() + timeout, 0.25, "", 0.0
        while True:
            verdict, live = probe()
            if verdict.ready:
                return verdict, live
            reason = "; ".join(filter(None, [verdict.reason, trouble() if pause >= 2 or verdict.failed else None]))
            if verdict.failed:
                return readiness.failed(reason), live
            if time.monotonic() > end:
                return waiting(f"{'; '.join(filter(None, [verdict.reason, trouble()]))} (after {timeout:.0f} s)"), live
            if reason != shown or time.monotonic() > at + AGAIN:
                report(reason)
                shown, at = reason, time.monotonic()
            if self.canceled.wait(min(pause, max(end - time.monotonic(), 0.05))):
                return waiting(f"canceled while {reason}"), live
            pause = min(pause * 1.5, 2)

    def _trouble(self, manifest: Json) -> str | None:
        """Why the first of the workload's pods that does not run does not."""
        selector = ((manifest.get("spec") or {}).get("selector") or {}).get("matchLabels")
        if manifest["kind"] == "Job":
            selector = {"batch.kubernetes.io/job-name": manifest["metadata"]["name"]}
        if not selector or manifest["apiVersion"] not in ("apps/v1", "batch/v1"):
            return None
        pods = self.cluster.find("v1", "Pod", manifest["metadata"]["namespace"], selector)
        # The youngest first: the last attempt of a Job says why it failed.
        pods.sort(key=lambda pod: pod["metadata"].get("creationTimestamp") or "", reverse=True)
        trouble = next(filter(None, map(readiness.pod_trouble, pods)), None) or next(
            filter(None, map(self._unready, pods)), None
        )
        return trouble or (None if pods else self._refusal(manifest))

    def _unready(self, pod: Json) -> str | None:
        """How a running container that is not ready answers its probe; None where all are ready or none says why."""
        name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
        for container, probe in readiness.unready_probes(pod):
            try:
                self.cluster.request(
                    "GET", f"/api/v1/namespaces/{namespace}/pods/{name}:{probe['port']}/proxy{probe['path']}"
                )
            except ApiError as error:
                if error.code == HTTPStatus.SERVICE_UNAVAILABLE:
                    return f"pod {name}, container {container} is not ready: {error}"
            except (ClusterError, ValueError):  # asked in passing: no answer, or it is ready by now
                continue
        return None

    def _refusal(self, manifest: Json) -> str | None:
        """Why no pod exists: Jobs and StatefulSets say it in an event only (quota, Pod Security, a webhook)."""
        events = self.cluster.find("v1", "Event", manifest["metadata"]["namespace"], {})
        name, kind = manifest["metadata"]["name"], manifest["kind"]
        mine = [
            e for e in events if e["involvedObject"].get("name") == name and e["involvedObject"].get("kind") == kind
        ]
        return next((e["message"] for e in reversed(mine) if e.get("reason") == "FailedCreate"), None)

    def _binds_with_pod(self, live: Json) -> bool:
        name = live["spec"].get("storageClassName")
        storage = {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": name}}
        found = self.cluster.get(storage) if name else None
        return bool(found) and found.get("volumeBindingMode") == "WaitForFirstConsumer"

    def _endpoints(self, live: Json) -> Readiness:
        metadata = live["metadata"]
        labels = {"kubernetes.io/service-name": metadata["name"]}
        slices = self.cluster.find("discovery.k8s.io/v1", "EndpointSlice", metadata["namespace"], labels)
        endpoints = [endpoint for part in slices for endpoint in part.get("endpoints") or []]
        if any((endpoint.get("conditions") or {}).get("ready") for endpoint in endpoints):
            return READY
        return waiting("no pod behind it is ready" if endpoints else "no pod matches its selector")


def _held_by(live: Json) -> str:
    """What keeps an object from going away: its finalizers, or a Namespace's conditions."""
    finalizers = live["metadata"].get("finalizers") or (live.get("spec") or {}).get("finalizers") or []
    said = [
        item["message"]
        for item in (live.get("status") or {}).get("conditions") or []
        if live["kind"] == "Namespace" and item.get("status") == "True"
    ]
    held = f"held by finalizers {', '.join(finalizers)}" if finalizers else "still terminating"
    return "; ".join([held, *said])


def seconds(manifest: Json, requested: float) -> float:
    """The program's custom timeout, else the annotation, else ten minutes."""
    annotations = manifest["metadata"].get("annotations") or {}
    return requested or float(annotations.get(TIMEOUT_SECONDS) or DEFAULT_TIMEOUT)
