"""What spans in OpenTelemetry's protocol name, read as MLflow reads them: their traces, and the tags that they set."""

from typing import Final

from google.protobuf.json_format import Parse
from mlflow.entities.span import Span
from mlflow.server.otel_api import (
    _convert_otlp_json_ids_to_base64,  # pyright: ignore[reportPrivateUsage]  # as MLflow reads them
)
from mlflow.tracing.constant import SpanAttributeKey
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans

from identity.bodies import TooLargeError, check_pieces

SPANS: Final = 20_000
"""The most spans of one request, and of what holds them: an empty one takes two bytes, and becomes an object in MLflow.
"""


def named(body: bytes, media: str) -> set[tuple[str, str]]:
    """Each trace's id as `trace_id`, and as `key` the name of each tag that MLflow would make of an attribute.

    `media` is the type without its parameters, which MLflow compares as it is.
    """
    spans = ExportTraceServiceRequest()
    if media == "application/json":
        check_pieces(body)
        Parse(_convert_otlp_json_ids_to_base64(body), spans, ignore_unknown_fields=True)
    else:
        spans.ParseFromString(body)
    if sum(map(_size, spans.resource_spans)) > SPANS:
        raise TooLargeError(f"it has more than {SPANS} spans, scopes and resources")
    found = set[tuple[str, str]]()
    for resource in spans.resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                found.add(("trace_id", Span.from_otel_proto(span, resource=resource.resource).trace_id))
                parts = (span.attributes, scope.scope.attributes, resource.resource.attributes)
                found |= {("key", tag) for attributes in parts for each in attributes if (tag := _tag(each.key))}
    return found


def _tag(attribute: str) -> str:
    prefix = SpanAttributeKey.TRACE_TAG_PREFIX
    return attribute.removeprefix(prefix) if attribute.startswith(prefix) else ""


def _size(resource: ResourceSpans) -> int:
    return 1 + sum(1 + len(scope.spans) for scope in resource.scope_spans)
