"""Values as the engine sends them: Structs with signed secrets, and placeholders for what a preview cannot know."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from google.protobuf import json_format, struct_pb2

Json: TypeAlias = dict[str, Any]
"""A Kubernetes object, or a part of one."""

SIGNATURE_KEY = "4dabf18193072939515e22adb298388d"
SECRET_SIGNATURE = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - the engine's public marker, not a password
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
# The engine has one placeholder per type: sdk/go/common/resource/plugin/rpc.go in pulumi/pulumi.
UNKNOWNS = frozenset(
    {
        UNKNOWN,
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
        "030794c1-ac77-496b-92df-f27374a8bd58",
        "e48ece36-62e2-4504-bad9-02848725956a",
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
    }
)


@dataclass(frozen=True)
class Secret:
    """A value that must stay encrypted in state; its repr does not show it."""

    value: Any

    def __repr__(self) -> str:
        return "Secret(...)"


def decode(struct: struct_pb2.Struct) -> Json:
    """A Struct as Python values: whole floats become ints (Struct has no ints), signed secrets become `Secret`."""
    return {key: _decode(value) for key, value in json_format.MessageToDict(struct).items()}


def _decode(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_decode(item) for item in value]
    if isinstance(value, dict):
        if value.get(SIGNATURE_KEY) == SECRET_SIGNATURE:
            return Secret(_decode(value.get("value")))
        return {key: _decode(item) for key, item in value.items()}
    return value


def encode(value: Json) -> struct_pb2.Struct:
    """The inverse of `decode`."""
    struct = struct_pb2.Struct()
    struct.update({key: _encode(item) for key, item in value.items()})
    return struct


def _encode(value: Any) -> Any:
    if isinstance(value, Secret):
        return {SIGNATURE_KEY: SECRET_SIGNATURE, "value": _encode(value.value)}
    if isinstance(value, list):
        return [_encode(item) for item in value]
    if isinstance(value, dict):
        return {key: _encode(item) for key, item in value.items()}
    return value


def reveal(value: Any) -> Any:
    """The value with its secrets in clear: for the API server only, never for messages or state."""
    if isinstance(value, Secret):
        return reveal(value.value)
    if isinstance(value, list):
        return [reveal(item) for item in value]
    if isinstance(value, dict):
        return {key: reveal(item) for key, item in value.items()}
    return value


def has_unknown(value: Any) -> bool:
    """Whether any part is a placeholder for a value that only an update will know."""
    return any(leaf in UNKNOWNS for leaf in _leaves(reveal(value)) if isinstance(leaf, str))


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for item in value.values():
            yield from _leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    else:
        yield value


def secret_strings(value: Any) -> frozenset[str]:
    """Every string inside a secret, as it is and in base64 in either direction (Secret `data` against `stringData`)."""
    if isinstance(value, Secret):
        clear = {leaf for leaf in _leaves(reveal(value)) if isinstance(leaf, str) and leaf and leaf not in UNKNOWNS}
        encoded = {base64.b64encode(text.encode()).decode() for text in clear}
        return frozenset(clear | encoded | {text for item in clear if (text := _from_base64(item))})
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return frozenset[str]().union(*(secret_strings(item) for item in items))


def _from_base64(text: str) -> str | None:
    try:
        return base64.b64decode(text, validate=True).decode()
    except ValueError:
        return None


def conceal(live: Json, inputs: Json) -> Json:
    """The live object, marked secret where the inputs are, by place and by content; and any Secret's body."""
    marked: Json = _conceal(live, inputs, secret_strings(inputs))
    return conceal_secret_body(marked)


def conceal_secret_body(manifest: Json) -> Json:
    """A core Secret's `data` and `stringData` are secret even where the program did not say so."""
    if manifest.get("kind") != "Secret" or manifest.get("apiVersion") != "v1":
        return manifest
    body = {k: Secret(reveal(v)) for k, v in manifest.items() if k in ("data", "stringData")}
    return manifest | body


def with_string_data(live: Json, inputs: Json) -> Json:
    """A live Secret with the `stringData` that `inputs` were written with: the API server keeps `data` only."""
    if "stringData" not in inputs or inputs.get("kind") != "Secret":
        return live
    data = live.get("data") or {}
    return live | {"stringData": {key: _from_base64(value) or value for key, value in data.items()}}


def _conceal(live: Any, given: Any, secrets: frozenset[str]) -> Any:
    if isinstance(given, Secret):
        return Secret(live)
    if isinstance(live, dict):
        fields = given if isinstance(given, dict) else {}
        return {key: _conceal(item, fields.get(key), secrets) for key, item in live.items()}
    if isinstance(live, list):
        items = given if isinstance(given, list) and len(given) == len(live) else [None] * len(live)
        return [_conceal(item, items[i], secrets) for i, item in enumerate(live)]
    if isinstance(live, str) and any(secret == live or (len(secret) > 5 and secret in live) for secret in secrets):
        return Secret(live)
    return live


def redact(text: str, secrets: frozenset[str]) -> str:
    """The message without any of the secrets in it, longest first so that no part of one remains."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "[secret]")
    return text
