"""Checking a resource's inputs: kind, namespace, name and annotations, before anything is asked of the cluster."""

from __future__ import annotations

import hashlib
import secrets

from local.provider import kinds, waitfor
from local.provider.diff import AUTONAMED
from local.provider.values import UNKNOWNS, Json, conceal_secret_body, reveal
from local.provider.waiting import TIMEOUT_SECONDS, WAIT_FOR


class InputError(ValueError):
    """A bad input: the property, and a sentence on what is wrong and what is allowed."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def check(news: Json, olds: Json, *, token: str, resource: str, seed: bytes, namespace: str) -> Json:
    """The inputs as they will be kept: with a name, a namespace, and a Secret's body marked secret.

    `resource` is the resource's name in the program, `namespace` the provider's default.
    Raises InputError or UnsupportedError.
    """
    api_version, kind = news.get("apiVersion"), news.get("kind")
    if not isinstance(api_version, str) or not isinstance(kind, str):
        raise kinds.not_served(token)
    kinds.check_type(token, kind)
    namespaced = kinds.is_namespaced(api_version, kind)
    metadata = news.get("metadata") or {}
    if not isinstance(metadata, dict):
        return conceal_secret_body(news)
    old = olds.get("metadata")
    metadata = _named(metadata, old if isinstance(old, dict) else {}, resource, seed)
    if namespaced:
        metadata = metadata | {"namespace": metadata.get("namespace") or namespace}
    elif metadata.get("namespace"):
        raise InputError("metadata.namespace", f"a {kind} belongs to the whole cluster: remove metadata.namespace")
    _check_annotations(metadata)
    return conceal_secret_body(news | {"metadata": metadata})


def _named(metadata: Json, old: Json, resource: str, seed: bytes) -> Json:
    if metadata.get("generateName"):
        field = "metadata.generateName"
        raise InputError(field, f"{field} cannot be applied: set metadata.name, or leave both out for a generated name")
    annotations = metadata.get("annotations") or {}
    if metadata.get("name") or not isinstance(annotations, dict):
        return metadata
    kept = old.get("name") if reveal(old.get("annotations") or {}).get(AUTONAMED) == "true" else None
    suffix = hashlib.sha256(seed).hexdigest()[:8] if seed else secrets.token_hex(4)
    return metadata | {"name": kept or f"{resource}-{suffix}", "annotations": annotations | {AUTONAMED: "true"}}


def _check_annotations(metadata: Json) -> None:
    annotations = reveal(metadata.get("annotations") or {})
    if not isinstance(annotations, dict):
        return
    known = {key: value for key, value in annotations.items() if value not in UNKNOWNS}
    if text := known.get(WAIT_FOR):
        try:
            waitfor.parse(text)
        except ValueError as error:
            raise InputError("metadata.annotations", str(error)) from None
    limit = known.get(TIMEOUT_SECONDS)
    if limit is not None and not (str(limit).isdigit() and int(limit) > 0):
        message = f"{TIMEOUT_SECONDS} is {limit!r}: give whole seconds above 0, for instance 600"
        raise InputError("metadata.annotations", message)


def imported(live: Json) -> Json:
    """Inputs for an object that no program has described: the live object without what the API server writes."""
    written = {"creationTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid"}
    metadata = {key: value for key, value in live["metadata"].items() if key not in written}
    return conceal_secret_body({k: v for k, v in live.items() if k != "status"} | {"metadata": metadata})
