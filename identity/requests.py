"""What a request names: every id and name in its path, query, headers and body.

Read more loosely than MLflow reads it: whatever MLflow could take for a key, in any spelling that it accepts, counts.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final
from urllib.parse import parse_qsl

from google.protobuf.json_format import Parse
from mlflow.entities.span import Span
from mlflow.server.otel_api import (
    _convert_otlp_json_ids_to_base64,  # pyright: ignore[reportPrivateUsage]  # spans are to be read as MLflow reads them
)
from mlflow.tracing.utils.otlp import MLFLOW_EXPERIMENT_ID_HEADER, MLFLOW_RUN_ID_HEADER, decompress_otlp_body
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from identity.operations import operation

Field = tuple[str, str]
_HEADERS: Final = {MLFLOW_EXPERIMENT_ID_HEADER.lower(): "experiment_id", MLFLOW_RUN_ID_HEADER.lower(): "run_id"}
_CAPITAL: Final = re.compile("([A-Z])")


@dataclass(frozen=True)
class Request:
    """One request, read once."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    """By lower-case name."""
    body: bytes = b""

    @cached_property
    def matched(self) -> tuple[str, dict[str, str]]:
        return operation(self.method, self.path)

    @property
    def operation(self) -> str:
        return self.matched[0]

    @property
    def area(self) -> str:
        """First part of the operation's path, such as `runs`."""
        return self.operation.partition(" ")[2].partition("/")[0]

    @cached_property
    def fields(self) -> list[Field]:
        """Every key in MLflow's own spelling (`run_id`), with each of its values. Raises on a body nobody can read."""
        return [
            *self.matched[1].items(),
            *((_snake(key), value) for key, value in parse_qsl(self.query, keep_blank_values=True)),
            *((_HEADERS[key], value) for key, value in self.headers.items() if key in _HEADERS),
            *(_spans(self) if self.operation == "POST v1/traces" else _walk("", _document(self.body))),
        ]

    def values(self, *keys: str) -> list[str]:
        """What stands under any of the keys, without what is empty."""
        return [value for key, value in self.fields if key in keys and value]


def _document(body: bytes) -> Any:
    try:
        found = json.loads(body) if body else None
        # Old clients encode twice, and MLflow decodes twice.
        return json.loads(found) if isinstance(found, str) else found
    except ValueError:
        # MLflow takes it for an empty document: an uploaded file, for one, is none.
        return None


def _walk(key: str, value: Any) -> Iterator[Field]:
    match value:
        case dict():
            for name, inner in value.items():
                yield from _walk(_snake(name), inner)
        case list():
            for inner in value:
                yield from _walk(key, inner)
        case str() | int() | float():
            yield key, str(value)
        case _:
            pass


def _snake(name: str) -> str:
    """Protobuf's JSON takes `runId` for `run_id`."""
    return _CAPITAL.sub(r"_\1", name).lower()


def _spans(request: Request) -> Iterable[Field]:
    """The traces that spans in OpenTelemetry's protocol belong to, read as MLflow reads them."""
    body, spans = request.body, ExportTraceServiceRequest()
    if encoding := request.headers.get("content-encoding"):
        body = decompress_otlp_body(body, encoding.lower())
    if request.headers.get("content-type", "").startswith("application/json"):
        Parse(_convert_otlp_json_ids_to_base64(body), spans, ignore_unknown_fields=True)
    else:
        spans.ParseFromString(body)
    for resource in spans.resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield "trace_id", Span.from_otel_proto(span, resource=resource.resource).trace_id
