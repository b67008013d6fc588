"""What a request names: every id and name in its path, query, headers and body.

Read more loosely than MLflow reads it: whatever MLflow could take for a key, in any spelling that it accepts, counts.
What MLflow could read differently is an error: a header that is there twice, an id that is not text.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final
from urllib.parse import parse_qsl

from mlflow.tracing.utils.otlp import MLFLOW_EXPERIMENT_ID_HEADER, MLFLOW_RUN_ID_HEADER

from identity.bodies import check_pieces, inflated
from identity.operations import operation
from identity.spans import named

Field = tuple[str, Any]
SPANS: Final = "POST v1/traces"
FILE: Final = "POST upload-artifact"
"""The operation whose body is a file and not a document."""
SPELLINGS: Final = {
    "experiment_ids": "experiment_id",
    "run_uuid": "run_id",
    "model_ids": "model_id",
    "trace_ids": "trace_id",
    "request_id": "trace_id",
    "request_ids": "trace_id",
    "schema_ids": "schema_id",
} | {
    key: key
    for key in (
        *("experiment_id", "run_id", "model_id", "trace_id"),
        *("dataset_id", "issue_id", "schema_id", "queue_id"),
    )
}
"""Key of an id, in each spelling → the spelling that is used here."""
NAMING: Final = frozenset({"name", "new_name", "alias", "artifact_path", "source", "version"})
"""Keys of texts that a decision depends on, where they are texts: a span's name may be anything."""
_HEADERS: Final = {MLFLOW_EXPERIMENT_ID_HEADER.lower(): "experiment_id", MLFLOW_RUN_ID_HEADER.lower(): "run_id"}
ONCE: Final = frozenset({*_HEADERS, "authorization", "content-encoding", "content-length", "content-type", "host"})
"""Headers that say what a request is: of two, MLflow takes the first, and another program may take the last."""
_CAPITAL: Final = re.compile("([A-Z])")


class AmbiguousRequestError(ValueError):
    """One clause: why a request cannot be read in one way only."""


@dataclass(frozen=True)
class Request:
    """One request, read once."""

    method: str
    path: str
    query: str
    headers: tuple[tuple[str, str], ...]
    """The headers as they came, in their order."""
    body: bytes = b""

    @cached_property
    def matched(self) -> tuple[str, dict[str, str]]:
        return operation(self.method, self.path)

    @property
    def operation(self) -> str:
        return self.matched[0]

    @property
    def named(self) -> str:
        """The operation as messages name it; for a path that no router can read, only the method."""
        try:
            return self.operation
        except Exception:  # noqa: BLE001  whatever a router raises
            return self.method

    @property
    def announced(self) -> int:
        """Bytes of the body, by its header; 0 where the header is not a number."""
        lengths = [value for name, value in self.headers if name.lower() == "content-length"]
        return max((int(each) for each in lengths if each.isascii() and each.isdigit() and len(each) < 20), default=0)

    @property
    def area(self) -> str:
        """First part of the operation's path, such as `runs`."""
        return self.operation.partition(" ")[2].partition("/")[0]

    @cached_property
    def _named_headers(self) -> dict[str, str]:
        # Most of MLflow is behind WSGI, which does not tell a hyphen from an underscore.
        names = Counter(name.lower().replace("_", "-") for name, _ in self.headers)
        if twice := sorted(name for name in ONCE if names[name] > 1):
            raise AmbiguousRequestError(f"the header {twice[0]} is there {names[twice[0]]} times")
        return {name.lower(): value for name, value in self.headers}

    def header(self, name: str) -> str | None:
        """Headers by lower-case name. Raises where one of `ONCE` is there twice."""
        return self._named_headers.get(name)

    def weigh(self) -> None:
        """Raises `TooLargeError` for a document that would take far more memory than its text.

        This comes before any reading: MLflow reads the documents of searches, too, which need no token.
        """
        if self.operation not in (SPANS, FILE):
            check_pieces(self.body)

    @cached_property
    def fields(self) -> list[Field]:
        """Every key in MLflow's own spelling (`run_id`), with each of its values. Raises on an unreadable body."""
        return [
            *self.matched[1].items(),
            *((_snake(key), value) for key, value in parse_qsl(self.query, keep_blank_values=True)),
            *((key, value) for name, key in _HEADERS.items() if (value := self.header(name)) is not None),
            *self._body(),
        ]

    def values(self, *keys: str) -> list[str]:
        """The values under any of the keys, without empty ones.

        Raises `AmbiguousRequestError` for what is neither text nor a whole number: MLflow makes `1` of 1.0, of 2.4 (on
        PostgreSQL) 2, and of true 1, each in some of its routes.
        """
        return [text for key, value in self.fields if key in keys and (text := _text(key, value))]

    def words(self) -> Iterator[str]:
        """Every key, and every text under a key called `key`: the names of what a request sets."""
        for key, value in self.fields:
            yield key
            if key == "key" and isinstance(value, str):
                yield value

    def _body(self) -> Iterator[Field]:
        if self.operation == FILE:
            return iter(())
        if self.operation != SPANS:
            return _walk("", _document(self.body))
        media = (self.header("content-type") or "").partition(";")[0].strip()
        body = inflated(self.body, self.header("content-encoding"))
        return iter(named(body, media))


def _text(key: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if key not in SPELLINGS and not (key in NAMING and isinstance(value, float | bool)):
        return "" if value is None or isinstance(value, dict | list) else str(value)
    if isinstance(value, list) and key.endswith("s"):
        return ""  # its items count under the same key
    raise AmbiguousRequestError(f"{key} must be text or a whole number, not {json.dumps(value)[:40]}")


def _document(body: bytes) -> Any:
    try:
        found = json.loads(body) if body else None
        # Old clients encode twice, and MLflow decodes twice.
        return json.loads(found) if isinstance(found, str) else found
    except ValueError:
        # MLflow takes it for an empty document: an uploaded file, for example, is none.
        return None


def _walk(key: str, value: Any) -> Iterator[Field]:
    """All keys of a document with their values, at every depth."""
    if key:
        yield key, value
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _walk(_snake(name), inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _walk(key, inner)


def _snake(name: str) -> str:
    """The key as Protobuf's JSON takes it: `runId` is `run_id`."""
    return _CAPITAL.sub(r"_\1", name).lower()
