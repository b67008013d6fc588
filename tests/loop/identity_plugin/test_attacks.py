"""Attacks that once went past the guard, or through MLflow around it, tried again on a running server."""

import base64
import gzip
import http.client
import json
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from guarded import Things, trace_of
from guarded_server import GATE, PROMOTE, TRAIN, Answer, GuardedServer
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

V2, V3 = "/api/2.0/mlflow", "/api/3.0/mlflow"
FILES = "/api/2.0/mlflow-artifacts/artifacts"
LOCATIONS = ("artifactLocation", "trace.archiveLocation", "trace.spansLocation")
JSON, PROTOBUF = "application/json", "application/x-protobuf"


@pytest.mark.parametrize("value", ["1.0", "true", '"1.0"', '"2.4"', "2.4", "null", "[1]", '["1"]', '{"a": "1"}', '"x"'])
@pytest.mark.parametrize("key", ["experiment_id", "experimentId"])
def test_an_id_of_another_kind_than_mlflow_s_is_refused(
    server: GuardedServer, things: Things, key: str, value: str
) -> None:
    body = f'{{"{key}": {value}, "name": "x"}}'.encode()
    for path in ("runs/create", "logged-models", "experiments/set-experiment-tag"):
        answer = server.ask("POST", f"{V2}/{path}", None, body, headers={"Content-Type": JSON})
        assert answer.denied, (path, answer)
        assert "could not be checked against the guarded models" in answer.message


def raw(server: GuardedServer, method: str, path: str, headers: list[tuple[str, str]], body: bytes) -> tuple[int, str]:
    """A request with its headers as they are given, twice where they are there twice."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.putrequest(method, path)
    for name, value in headers:
        connection.putheader(name, value)
    connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def spans(trace: str, **attributes: str) -> bytes:
    found = ExportTraceServiceRequest()
    span = found.resource_spans.add().scope_spans.add().spans.add()
    span.trace_id, span.span_id = bytes.fromhex(trace.removeprefix("tr-")), b"12345678"
    span.name, span.start_time_unix_nano, span.end_time_unix_nano = "s", 1, 2
    for key, value in attributes.items():
        attribute = span.attributes.add()
        attribute.key, attribute.value.string_value = key, value
    return found.SerializeToString()


def as_json(named: bytes) -> bytes:
    """Spans as OpenTelemetry's JSON has them: ids in hexadecimal digits."""
    found = MessageToDict(ExportTraceServiceRequest.FromString(named))
    span = found["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    for key in ("traceId", "spanId"):
        span[key] = base64.b64decode(span[key]).hex()
    return json.dumps(found).encode()


@pytest.mark.parametrize(
    "twice",
    [
        [("X-Mlflow-Experiment-Id", "1"), ("X-Mlflow-Experiment-Id", "0")],
        [("X-Mlflow-Run-Id", "a"), ("x-mlflow-run-id", "b")],
        [("Content-Type", JSON)],
        [("Content_Type", JSON)],
        [("Content-Encoding", "identity"), ("Content-Encoding", "gzip")],
        [("Authorization", "Bearer a"), ("Authorization", f"Bearer {PROMOTE}")],
    ],
)
def test_a_header_that_decides_and_is_there_twice_is_refused(
    server: GuardedServer, things: Things, twice: list[tuple[str, str]]
) -> None:
    known = {name.lower() for name, _ in twice}
    first = [("X-Mlflow-Experiment-Id", "0")] if "x-mlflow-experiment-id" not in known else []
    status, text = raw(server, "POST", "/v1/traces", [*first, ("Content-Type", PROTOBUF), *twice], spans("d" * 32))
    assert status == 403, text
    assert " is there 2 times" in text


@pytest.mark.parametrize("type_", ["Application/JSON", f"{JSON}x", "text/plain", ""])
def test_a_body_of_a_type_that_mlflow_does_not_take_adds_no_span(
    server: GuardedServer, things: Things, type_: str
) -> None:
    headers = {"Content-Type": type_, "X-Mlflow-Experiment-Id": "0"}
    assert server.ask("POST", "/v1/traces", None, spans(things.trace), headers=headers).status in (400, 403)


def test_a_body_that_is_too_large_or_inflates_too_far_is_not_read(server: GuardedServer, things: Things) -> None:
    def status(path: str, body: bytes, **headers: str) -> int:
        return server.ask("POST", path, None, body, headers={"X-Mlflow-Experiment-Id": "0", **headers}).status

    large = b"[" + b" " * (11 * 2**20) + b"]"
    assert status(f"{V2}/runs/search", large) == 413
    assert status(f"{V2}/runs/search", b"[" + b"[]," * 600_000 + b"[]]") == 413
    bomb = gzip.compress(bytes(300 * 2**20), 1)
    for type_ in (JSON, PROTOBUF):
        assert status("/v1/traces", bomb, **{"Content-Type": type_, "Content-Encoding": "gzip"}) == 413
    many = ExportTraceServiceRequest()
    for _ in range(20_001):
        many.resource_spans.add()
    assert status("/v1/traces", many.SerializeToString(), **{"Content-Type": PROTOBUF}) == 413
    fits = gzip.compress(spans("e" * 32))
    assert status("/v1/traces", fits, **{"Content-Type": PROTOBUF, "Content-Encoding": "gzip"}) == 200


def test_a_large_body_without_a_length_is_read_to_its_limit_only(server: GuardedServer, things: Things) -> None:
    chunks = (b" " * 2**20 for _ in range(12))
    answer = server.session.post(f"{server.url}{V2}/runs/search", data=chunks, timeout=60)
    assert answer.status_code == 413


class Slow:
    """An upload in two halves."""

    def __init__(self, server: GuardedServer, path: str, token: str, content: bytes) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        self.connection.putrequest("PUT", f"{FILES}/{path}")
        self.connection.putheader("Authorization", f"Bearer {token}")
        self.connection.putheader("Content-Length", str(len(content)))
        self.connection.endheaders(content[:4])
        self.rest = content[4:]

    def end(self) -> tuple[int, str]:
        self.connection.send(self.rest)
        answer = self.connection.getresponse()
        return answer.status, answer.read().decode()


def logged_model(server: GuardedServer, things: Things) -> str:
    body = {"experiment_id": things.experiment, "name": "model", "source_run_id": things.run}
    return server.made("POST", f"{V2}/logged-models", TRAIN, body)["model"]["info"]["model_id"]


def read(server: GuardedServer, path: str) -> bytes:
    return server.session.get(f"{server.url}{FILES}/{path}", timeout=30).content


def test_an_upload_that_began_before_the_version_does_not_end_after_it(server: GuardedServer, things: Things) -> None:
    model = logged_model(server, things)
    path = f"{things.experiment}/models/{model}/artifacts/model.skops"
    assert server.ask("PUT", f"{FILES}/{path}", TRAIN, b"what was judged").status == 200
    upload, before = (Slow(server, path, TRAIN, text) for text in (b"EVIL, what is served", b"what was judged"))
    assert before.end()[0] == 200
    version = {"name": "guarded", "source": f"models:/{model}", "run_id": things.run, "model_id": model}
    made = server.made("POST", f"{V2}/model-versions/create", GATE, version)["model_version"]["version"]
    try:
        status, text = upload.end()
        assert (status, json.loads(text)["error_code"]) == (403, "PERMISSION_DENIED")
        assert f"(files of version {made})" in text
        assert read(server, path) == b"what was judged"
    finally:
        gone = {"name": "guarded", "version": made}
        server.made("DELETE", f"{V2}/model-versions/delete", PROMOTE, gone)


def test_training_writes_the_files_of_a_logged_model_once(server: GuardedServer, things: Things) -> None:
    model = logged_model(server, things)
    path = f"{things.experiment}/models/{model}/artifacts/model.skops"

    def put(token: str, at: str = path) -> Answer:
        return server.ask("PUT", f"{FILES}/{at}", token, b"bytes")

    def state(token: str, said: Any) -> Answer:
        return server.ask("PATCH", f"{V2}/logged-models/{model}", token, {"model_id": model, "status": said})

    assert [put(TRAIN).status, put(TRAIN).status] == [200, 200]
    assert state(TRAIN, "LOGGED_MODEL_READY").status == 200
    refused = put(TRAIN)
    assert refused.denied
    assert f"(again, of the finished model {model})" in refused.message
    assert put(TRAIN, f"{things.experiment}/./models//{model}/artifacts/model.skops").denied
    assert put(TRAIN, path + ".new").status == 200
    for said in ("LOGGED_MODEL_PENDING", 1, 2.0):
        assert state(TRAIN, said).denied, said
    assert put(PROMOTE).status == 200


@pytest.mark.parametrize(
    "source",
    [
        "s3://ml-loop-logs/logs",
        "S3://x/y",
        "file:///etc",
        "/etc",
        "http://10.0.0.1/x",
        "hdfs://x/y",
        " s3://x",
    ],
)
def test_no_version_of_any_model_comes_from_where_mlflow_keeps_nothing(
    server: GuardedServer, things: Things, source: str
) -> None:
    server.ask("POST", f"{V2}/registered-models/create", None, {"name": "reader"})
    answer = server.ask("POST", f"{V2}/model-versions/create", None, {"name": "reader", "source": source})
    assert answer.denied, answer
    assert answer.message == f"source must begin with models:/, runs:/ or mlflow-artifacts:/, not be {source}"


def test_a_prompt_is_still_registered(server: GuardedServer, things: Things) -> None:
    tags = [{"key": "mlflow.prompt.is_prompt", "value": "true"}, {"key": "mlflow.prompt.text", "value": "hi"}]
    server.made("POST", f"{V2}/registered-models/create", None, {"name": "hello", "tags": tags})
    body = {"name": "hello", "source": "dummy-source", "tags": tags}
    server.made("POST", f"{V2}/model-versions/create", None, body)


@pytest.mark.parametrize("tag", ["mlflow.artifactLocation", "mlflow.trace.archiveLocation", "MLFLOW.artifactlocation "])
def test_nobody_says_where_the_server_finds_a_trace(server: GuardedServer, things: Things, tag: str) -> None:
    trace = "tr-" + "f" * 32
    server.ask("POST", f"{V3}/traces", None, trace_of("0", trace))
    started = trace_of("0", "tr-" + "9" * 32)
    started["trace"]["trace_info"]["tags"] = {tag: "file:///tmp/x"}
    for answer in (
        server.ask("PATCH", f"{V3}/traces/{trace}/tags", None, {"key": tag, "value": "file:///tmp/x"}),
        server.ask("PATCH", f"{V2}/traces/{trace}/tags", None, {"key": tag, "value": "file:///tmp/x"}),
        server.ask("DELETE", f"{V3}/traces/{trace}/tags?key={tag}", None),
        server.ask("POST", f"{V3}/traces", None, started),
    ):
        assert answer.denied, answer
        assert answer.message == "the server decides where a trace is kept: leave out its location tags"


@pytest.mark.parametrize("tag", [f"mlflow.{each}" for each in LOCATIONS])
@pytest.mark.parametrize("type_", [JSON, PROTOBUF])
def test_no_span_says_where_the_server_finds_its_trace(
    server: GuardedServer, things: Things, tag: str, type_: str
) -> None:
    named = spans("ab" * 16, **{f"mlflow.traceTag.{tag}": "file:///etc"})
    body = named if type_ == PROTOBUF else as_json(named)
    headers = {"Content-Type": type_, "X-Mlflow-Experiment-Id": "0"}
    answer = server.ask("POST", "/v1/traces", None, body, headers=headers)
    assert answer.denied, answer
    assert answer.message == "the server decides where a trace is kept: leave out its location tags"
    free = spans("cd" * 16, **{"mlflow.traceTag.mine": "x", "mlflow.spanType": '"LLM"'})
    assert server.ask("POST", "/v1/traces", None, free, headers=headers | {"Content-Type": PROTOBUF}).status == 200
