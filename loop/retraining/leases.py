"""Holds kept in Kubernetes Leases: compare-and-swap by resourceVersion, time by the API server's clock.

The pods' own clocks are never asked: `now` is the Date header of the answer that brought the Lease.
"""

import json
import random
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final, Protocol

from kubernetes import client
from kubernetes.client.exceptions import ApiException

from loop.retraining.decision import Decision, Ending, Event, Hold, decide, settle
from loop.runtime import pod

ANNOTATION: Final = "ml-loop.dev/"
ATTEMPTS: Final = 50


class ContendedError(RuntimeError):
    """Others changed the Lease at each attempt."""


@dataclass(frozen=True)
class Stored:
    """A hold as it was read: None when there is none yet."""

    hold: Hold | None
    version: str | None
    now: datetime


class Store(Protocol):
    """Where holds are kept."""

    def read(self, name: str) -> Stored: ...

    def write(self, name: str, hold: Hold, version: str | None, length: timedelta) -> bool:
        """Stores if no one did since `version` was read (None: if there is none). Returns False otherwise."""
        ...


def take(store: Store, name: str, event: Event, length: timedelta) -> Decision:
    """Decides about `event` and remembers it, as if no one else asked at the same time. Raises ContendedError."""
    for attempt in range(ATTEMPTS):
        stored = store.read(name)
        decision = decide(stored.hold, event, stored.now, length)
        if decision.hold is stored.hold or store.write(name, decision.hold, stored.version, length):
            return decision
        _pause(attempt)
    raise _contended(name)


def give_back(store: Store, name: str, run: str, ending: Ending, length: timedelta) -> Hold | None:
    """Settles how the run that holds it ended. Returns the hold, or None if there is none. Raises ContendedError."""
    for attempt in range(ATTEMPTS):
        stored = store.read(name)
        if stored.hold is None:
            return None
        settled = settle(stored.hold, run, ending, stored.now, length)
        if settled is stored.hold or store.write(name, settled, stored.version, length):
            return settled
        _pause(attempt)
    raise _contended(name)


def _pause(attempt: int) -> None:
    time.sleep(random.uniform(0, min(1.0, 0.01 * 2**attempt)))  # noqa: S311  # jitter


def _contended(name: str) -> ContendedError:
    return ContendedError(f"Lease {name} was changed by others at each of {ATTEMPTS} attempts")


class KubernetesStore:
    """Leases of one namespace, through a CoordinationV1Api.

    Needs get, create and update on leases.coordination.k8s.io; raises ApiException.
    """

    def __init__(self, api: Any, namespace: str, labels: dict[str, str]) -> None:
        self._api, self._namespace, self._labels = api, namespace, labels

    def read(self, name: str) -> Stored:
        try:
            lease, _, headers = self._api.read_namespaced_lease_with_http_info(name, self._namespace)
        except ApiException as error:
            if error.status != 404:
                raise
            return Stored(None, None, _date(error.headers))
        return Stored(_hold(lease), lease.metadata.resource_version, _date(headers))

    def write(self, name: str, hold: Hold, version: str | None, length: timedelta) -> bool:
        lease = _lease(name, hold, version, length, self._labels)
        try:
            if version is None:
                self._api.create_namespaced_lease(self._namespace, lease)
            else:
                self._api.replace_namespaced_lease(name, self._namespace, lease)
        except ApiException as error:
            if error.status != 409:  # AlreadyExists and Conflict both
                raise
            return False
        return True


def of_namespace(namespace: str | None) -> KubernetesStore:
    """The Leases of a namespace, or of this pod's, by the credentials that are there."""
    from kubernetes import config  # noqa: PLC0415  # only where there is a cluster

    config.load_config()
    labels = {"app.kubernetes.io/managed-by": "ml-loop"}
    return KubernetesStore(client.CoordinationV1Api(), namespace or pod.namespace(), labels)


def _date(headers: Any) -> datetime:
    return parsedate_to_datetime(headers["Date"]).astimezone(UTC)


def _lease(name: str, hold: Hold, version: str | None, length: timedelta, labels: dict[str, str]) -> client.V1Lease:
    annotations = {
        ANNOTATION + "feature": hold.feature,
        ANNOTATION + "run": hold.run,
        ANNOTATION + "granted": json.dumps(hold.granted),
        ANNOTATION + "refused": json.dumps(hold.refused),
        ANNOTATION + "refusals": str(hold.refusals),
        ANNOTATION + "settled": hold.settled,
        ANNOTATION + "failures": str(hold.failures),
        ANNOTATION + "fruitless": str(hold.fruitless),
        **({ANNOTATION + "retry": hold.retry.isoformat()} if hold.retry else {}),
    }
    # As text: the client writes whole seconds without a fraction, which Kubernetes' MicroTime refuses.
    acquired = hold.taken.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return client.V1Lease(
        api_version="coordination.k8s.io/v1",
        kind="Lease",
        metadata=client.V1ObjectMeta(name=name, resource_version=version, annotations=annotations, labels=labels),
        spec=client.V1LeaseSpec(
            holder_identity=hold.event,
            acquire_time=acquired,  # pyright: ignore[reportArgumentType]
            lease_duration_seconds=max(1, int(hold.length(length).total_seconds())),
            lease_transitions=len(hold.granted),
        ),
    )


def _hold(lease: Any) -> Hold:
    notes = lease.metadata.annotations or {}
    return Hold(
        event=lease.spec.holder_identity,
        feature=notes.get(ANNOTATION + "feature", ""),
        run=notes.get(ANNOTATION + "run", ""),
        taken=lease.spec.acquire_time,
        granted=tuple(json.loads(notes.get(ANNOTATION + "granted", "[]"))),
        refused=tuple(json.loads(notes.get(ANNOTATION + "refused", "[]"))),
        refusals=int(notes.get(ANNOTATION + "refusals", "0")),
        settled=notes.get(ANNOTATION + "settled", ""),
        failures=int(notes.get(ANNOTATION + "failures", "0")),
        fruitless=int(notes.get(ANNOTATION + "fruitless", "0")),
        retry=datetime.fromisoformat(notes[ANNOTATION + "retry"]) if ANNOTATION + "retry" in notes else None,
    )
