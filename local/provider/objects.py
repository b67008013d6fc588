"""The life of one object on the cluster: create, update, read, delete. Manifests in clear; nothing of the engine."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from local.provider.cluster import ApiError, ClusterAccess, ClusterClient, ClusterError, NotServedError
from local.provider.diff import Changes, changed_paths, owned, replacing, under
from local.provider.values import Json, with_string_data
from local.provider.waiting import NotReadyError, Report, Waiter, seconds

PATIENCE = 60.0
"""Seconds that a create waits for what another resource of the stack brings: a CRD, a namespace, a webhook's pods."""
PATCH_FORCE = "pulumi.com/patchForce"
REPLACE_UNREADY = "pulumi.com/replaceUnready"
PROPAGATION = "pulumi.com/deletionPropagationPolicy"


T = TypeVar("T")


class ObjectError(Exception):
    """What went wrong with one object, as a sentence for the user."""


class UnreadyError(ObjectError):
    """The object exists as asked for, but did not become ready."""

    def __init__(self, message: str, live: Json) -> None:
        super().__init__(message)
        self.live = live


@dataclass
class Objects:
    """Operations on one cluster, until they are cancelled."""

    access: ClusterAccess
    force: bool = False
    upsert: bool = False
    canceled: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.cluster = ClusterClient(self.access)
        self.waiter = Waiter(self.cluster, self.canceled)

    def try_create(self, manifest: Json) -> None:
        """Lets the API server judge, except where it cannot yet: no cluster, CRD or namespace, a name still taken."""
        try:
            self.cluster.try_create(manifest)
        except ClusterError:
            return
        except ApiError as error:
            if error.code not in (403, 404, 409):
                raise ObjectError(explain(manifest, error)) from None

    def try_update(self, manifest: Json, known: Json) -> None:
        """Lets the API server judge the update, where there is one."""
        try:
            self._apply(manifest, known, dry_run=True)
        except ClusterError:
            return
        except ApiError as error:
            raise ObjectError(explain(manifest, error)) from None

    def create(self, manifest: Json, timeout: float, report: Report) -> Json:
        """The live object, ready. Raises ObjectError, and UnreadyError once the object exists."""
        if not self.upsert and self._patiently(manifest, report, lambda: self.cluster.get(manifest)):
            raise ObjectError(
                f"{title(manifest)} already exists and is not in this stack: `pulumi import` it, delete it, or set "
                "`upsertExistingObjects` on the provider to take it over"
            )
        return self.update(manifest, {}, timeout, report)

    def update(self, manifest: Json, known: Json, timeout: float, report: Report) -> Json:
        """Like `create`, for an object of this stack; `known` are its inputs before, as the state has them."""
        self._patiently(manifest, report, lambda: self._apply(manifest, known))
        try:
            return self.waiter.ready(manifest, seconds(manifest, timeout), report)
        except NotReadyError as error:
            live = self.read(manifest)
            if not live:
                raise ObjectError(f"{title(manifest)} {error}") from None
            raise UnreadyError(f"{title(manifest)} {error}", live) from None

    def read(self, manifest: Json) -> Json | None:
        """The live object; None where it, or its kind, is gone."""
        try:
            return self.cluster.get(manifest)
        except NotServedError:
            return None
        except ApiError as error:
            raise ObjectError(explain(manifest, error)) from None

    def delete(self, manifest: Json, timeout: float, report: Report) -> None:
        """Returns once the object is gone. Raises ObjectError naming what holds it."""
        policy = _annotation(manifest, PROPAGATION).capitalize()
        try:
            live = self.read(manifest)
            if not live:
                return
            self.cluster.delete(manifest, policy if policy in ("Orphan", "Background") else "Foreground")
            self.waiter.gone(manifest, live["metadata"]["uid"], seconds(manifest, timeout), report)
        except NotReadyError as error:
            raise ObjectError(f"{title(manifest)} {error}") from None
        except ApiError as error:
            if error.code != 404:
                raise ObjectError(explain(manifest, error)) from None

    def refused_in_place(self, manifest: Json, changes: Changes) -> tuple[str, ...]:
        """The changed paths that the API server considers immutable; empty where it cannot be asked."""
        try:
            self.cluster.apply(manifest, dry_run=True, force=True)
        except ClusterError:
            return ()
        except ApiError as error:
            if not is_immutable(error):
                return ()
            fields = tuple(cause.get("field") or "" for cause in error.causes)
            return replacing(changes, fields) or replacing(changes, ("spec",)) or tuple(changes)
        return ()

    def wants_replacement(self, manifest: Json) -> bool:
        """Whether `pulumi.com/replaceUnready` applies: a Job that is not complete. No other kind is replaced for it."""
        if _annotation(manifest, REPLACE_UNREADY) != "true" or manifest["kind"] != "Job":
            return False
        try:
            live = self.cluster.get(manifest)
        except ClusterError:
            return False
        return live is not None and not self.waiter.verdict(live).ready

    def _apply(self, manifest: Json, known: Json, *, dry_run: bool = False) -> Json:
        """Takes a field from another manager only on request, or where a refresh has shown the user its live value."""
        force = {"true": True, "false": False}.get(_annotation(manifest, PATCH_FORCE), self.force)
        try:
            return self.cluster.apply(manifest, dry_run=dry_run, force=force)
        except ApiError as error:
            taken = [_plain(cause["field"]) for cause in conflicts(error)]
            live = self.cluster.get(manifest) if taken and known else None
            if not live:
                raise
            unseen = [_plain(path) for path in changed_paths(known, owned(known, with_string_data(live, known)))]
            if any(under(path, field) for path in unseen for field in taken):
                raise
            return self.cluster.apply(manifest, dry_run=dry_run, force=True)

    def _patiently(self, manifest: Json, report: Report, action: Callable[[], T]) -> T:
        end = time.monotonic() + PATIENCE
        while True:
            try:
                return action()
            except ApiError as error:
                if not may_pass(error) or time.monotonic() > end or self.canceled.is_set():
                    raise ObjectError(explain(manifest, error)) from None
                report(f"{error}: trying again")
                self.canceled.wait(1)


def title(manifest: Json) -> str:
    """Kind, namespace and name, as in `Deployment mlflow/mlflow`."""
    return f"{manifest['kind']} {identity(manifest)}"


def identity(manifest: Json) -> str:
    """The engine's id of the object: `namespace/name`, or `name`."""
    metadata = manifest["metadata"]
    return "/".join(filter(None, [metadata.get("namespace"), metadata["name"]]))


def _annotation(manifest: Json, name: str) -> str:
    return ((manifest.get("metadata") or {}).get("annotations") or {}).get(name) or ""


def may_pass(error: ApiError) -> bool:
    """Whether a refusal ends by itself while a stack comes up."""
    text = str(error)
    return (
        isinstance(error, NotServedError)
        or (error.code == 404 and text.startswith("namespaces "))
        or any(cause.get("reason") == "NamespaceTerminating" for cause in error.causes)
        or "failed calling webhook" in text
    )


def is_immutable(error: ApiError) -> bool:
    """Whether only a new object can have these fields."""
    said = [str(error), *(cause.get("message") or "" for cause in error.causes)]
    return error.code == 422 and any("immutable" in text or "Forbidden: updates to" in text for text in said)


def conflicts(error: ApiError) -> list[Json]:
    """The causes of a refusal that are fields of other managers."""
    return [cause for cause in error.causes if cause.get("reason") == "FieldManagerConflict"]


def explain(manifest: Json, error: ApiError) -> str:
    """The refusal with the object's name, and for a field conflict who owns the field and what to do."""
    if not conflicts(error):
        return f"{title(manifest)}: {error}"
    owners = "; ".join(f"{cause['field']}: {cause['message']}" for cause in conflicts(error))
    return (
        f"{title(manifest)} has fields that another manager changed ({owners}): see them with `pulumi refresh`, "
        f'leave them to it with `ignore_changes`, or take them with the annotation {PATCH_FORCE}: "true"'
    )


def _plain(path: str) -> str:
    """A path without list keys, which the engine and the API server write in different ways."""
    return re.sub(r"\[[^]]*\]", "", path).lstrip(".")
