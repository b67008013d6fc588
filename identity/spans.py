"""The traces that spans in OpenTelemetry's protocol belong to, read as MLflow reads them."""

from typing import Final

from google.protobuf.json_format import Parse
from mlflow.entities.span import Span
from mlflow.server.otel_api import (
    _convert_otlp_json_ids_to_base64,  # pyright: ignore[reportPrivateUsage]  # as MLflow reads them
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans

from identity.bodies import TooLargeError, check_pieces

SPANS: Final = 20_000
"""In one request, with what they are in: an empty one takes two bytes, and MLflow makes an object of each."""


def traces(body: bytes, media: str) -> set[str]:
    """Ids of the traces. `media` is the type without its parameters, which MLflow compares as it is."""
    spans = ExportTraceServiceRequest()
    if media == "application/json":
        check_pieces(body)
        Parse(_convert_otlp_json_ids_to_base64(body), spans, ignore_unknown_fields=True)
    else:
        spans.ParseFromString(body)
    if sum(map(_size, spans.resource_spans)) > SPANS:
        raise TooLargeError(f"it has more than {SPANS} spans, scopes and resources")
    return {
        Span.from_otel_proto(span, resource=resource.resource).trace_id
        for resource in spans.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    }


def _size(resource: ResourceSpans) -> int:
    return 1 + sum(1 + len(scope.spans) for scope in resource.scope_spans)
