"""The model server as a process, over HTTP: what clients, probes, Prometheus and Kafka see of it."""

import json
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition
from serving_helpers import VALID, ModelServer

from loop.serving import server as server_module
from loop.serving.served import ServedModel

V2 = {"inputs": [{"name": "x", "shape": [2, 3], "datatype": "FP64", "data": [1, 2, 3, 4, 5, 6]}]}


def consume(broker: str, wanted: Callable[[dict[str, Any]], bool], count: int) -> list[dict[str, Any]]:
    """The messages that are wanted, once there are `count`; each must lie under its tenant's key."""
    consumer = Consumer({"bootstrap.servers": broker, "group.id": "test", "log_level": 2})
    consumer.assign([TopicPartition("ml.predictions", partition, OFFSET_BEGINNING) for partition in range(4)])
    found: list[dict[str, Any]] = []
    deadline = time.monotonic() + 20
    while len(found) < count and time.monotonic() < deadline:
        message = consumer.poll(0.5)
        if message is None or message.error() is not None:
            continue
        value = json.loads(message.value() or b"")
        assert message.key() == value["tenant"].encode()
        found += [value] if wanted(value) else []
    consumer.close()
    return found


@pytest.mark.parametrize("name", ["books", "books-production"])
def test_v1_answers_under_the_models_and_the_services_name(server: ModelServer, name: str) -> None:
    answer = server.predict({"instances": [[3, 1, 2], {"pages": 1, "price": 5, "rating": 2}]}, name)
    assert answer.status_code == 200
    assert answer.json()["predictions"] == pytest.approx([3.0, 5.0])
    assert answer.headers["X-Model-Version"] == "1"


def test_v2_answers_the_same_and_names_the_version(server: ModelServer) -> None:
    answer = server.post("/v2/models/books/infer", json.dumps(V2))
    assert answer.status_code == 200
    assert answer.headers["X-Model-Version"] == "1"
    assert answer.json()["model_version"] == "1"
    assert answer.json()["outputs"][0]["data"] == pytest.approx([1.0, 4.0])


def test_curls_default_content_type_is_read_as_json(server: ModelServer) -> None:
    form = {"content-type": "application/x-www-form-urlencoded"}
    assert server.post("/v1/models/books:predict", json.dumps(VALID), **form).status_code == 200


def test_metrics_name_the_served_version_and_count_requests_and_rows(server: ModelServer) -> None:
    assert server.metric('ml_loop_served_model_info{model="books"') == 1
    requests, rejected = 'ml_loop_requests_total{code="200",protocol="v1"}', 'ml_loop_requests_total{code="400",'
    rows, timed = 'ml_loop_predictions_total{model="books",version="1"}', 'ml_loop_answer_seconds_count{version="1"}'
    before = [server.metric(line) for line in (requests, rejected + 'protocol="v1"}', rows, timed)]
    server.predict({"instances": [[1, 2, 3]] * 5})
    server.predict({"instances": "no"})
    after = [server.metric(line) for line in (requests, rejected + 'protocol="v1"}', rows, timed)]
    assert [b - a for a, b in zip(before, after, strict=True)] == [1, 1, 5, 1]


LONG = json.dumps({"instances": [[1, 2, 3]] * 700_000})
BAD = {
    "not JSON": ("/v1/models/books:predict", "{", 400, "Unrecognized request format: "),
    "empty": ("/v1/models/books:predict", "", 400, "Unrecognized request format: "),
    "NaN": ("/v1/models/books:predict", '{"instances": [[NaN, 1, 2]]}', 400, "Unrecognized request format: "),
    "text": ("/v1/models/books:predict", '{"instances": [["a", 1, 2]]}', 400,
             "row 0, column 'price' is the text 'a', expected a number"),
    "wrong shape": ("/v1/models/books:predict", '{"instances": [[1, 2]]}', 400,
                    "row 0 has 2 values, the model takes 3"),
    "no instances": ("/v1/models/books:predict", '{"rows": []}', 400,
                     'the body must be a JSON object with the key "instances"'),
    "10 MB": ("/v1/models/books:predict", LONG, 413, "the body is larger than 1048576 bytes: send fewer rows at once"),
    "too many rows": ("/v1/models/books:predict", json.dumps({"instances": [[1, 2, 3]] * 1001}), 413,
                      "the request has 1001 rows, at most 1000 are answered at once"),
    "unknown model": ("/v1/models/films:predict", json.dumps(VALID), 404, "Model with name films does not exist."),
    "deep nesting": ("/v1/models/books:predict", '{"instances":' + "[" * 5000 + "]" * 5000 + "}", 400, ""),
    "v2 not JSON": ("/v2/models/books/infer", "{", 400, "not a v2 inference request: body"),
    "v2 NaN": ("/v2/models/books/infer", json.dumps(V2).replace("6]", "NaN]"), 400,
               "row 1, column 'pages' is nan, expected a finite number"),
    "v2 wrong shape": ("/v2/models/books/infer", json.dumps(V2).replace("[2, 3]", "[2, 2]"), 400,
                       "input 'x' has shape [2, 2], expected [rows, 3] with at least one row"),
    "v2 schema": ("/v2/models/books/infer", '{"inputs": 3}', 400,
                  "not a v2 inference request: body.inputs: Input should be a valid list"),
    "v2 FP16": ("/v2/models/books/infer", json.dumps(V2).replace("FP64", "FP16"), 400, "Sending FP16 data via JSON"),
    "v2 deep nesting": ("/v2/models/books/infer", '{"inputs":' + "[" * 50000 + "]" * 50000 + "}", 400, ""),
    "v2 unknown model": ("/v2/models/films/infer", json.dumps(V2), 404, "Model with name films does not exist."),
    "v2 version path": ("/v2/models/books/versions/2/infer", json.dumps(V2), 404,
                        "POST /v2/models/books/versions/2/infer is not served: "),
    "unload": ("/v2/repository/models/books/unload", "", 404, "POST /v2/repository/models/books/unload is not served"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_a_bad_request_gets_a_4xx_with_a_reason_and_is_never_published(server: ModelServer, case: str) -> None:
    path, body, status, said = BAD[case]
    rows = 'ml_loop_predictions_total{model="books",version="1"}'
    before = server.metric(rows)
    answer = server.post(path, body)
    assert answer.status_code == status, answer.text
    assert answer.json()["error"].startswith(said), answer.text
    assert server.metric(rows) == before, "only answered rows reach Kafka as predictions"


@pytest.mark.parametrize(
    ("headers", "status", "said"),
    [
        ({"X-Tenant": "a b"}, 400, "the header X-Tenant must be 1 to 64 of A-Z a-z 0-9 . _ -"),
        ({"X-User-Id": "x" * 129}, 400, "the header X-User-Id must be at most 128 printable ASCII characters"),
        ({"X-Request-Id": "a b"}, 400,
         "the header X-Request-Id must be 1 to 128 printable ASCII characters without a space"),
        ({"ce-specversion": "1.0"}, 415, "CloudEvents are not accepted: send the JSON body of the v1 or v2 protocol"),
    ],
)  # fmt: skip
def test_a_header_the_server_cannot_honor_is_refused(
    server: ModelServer, headers: dict[str, str], status: int, said: str
) -> None:
    answer = server.predict(VALID, **headers)
    assert (answer.status_code, answer.json()) == (status, {"error": said})


@pytest.mark.parametrize("name", ["X-Tenant", "X-User-Id", "X-Request-Id", "Inference-Header-Content-Length"])
def test_a_header_that_decides_and_is_sent_twice_is_refused(server: ModelServer, name: str) -> None:
    """A gateway that adds its own beside a client's would leave it open whose the prediction is."""
    path = "/v2/models/books/infer" if name.startswith("Inference") else "/v1/models/books:predict"
    answer = httpx.post(f"{server.url}{path}", json=VALID, headers=[(name, "1"), (name.lower(), "2")], timeout=10)
    said = f"the header {name.lower()} is sent twice: send it once, as the two may say different things"
    assert (answer.status_code, answer.json()) == (400, {"error": said})


def test_nothing_but_http_is_listened_for(server: ModelServer) -> None:
    """The SDK's gRPC server has no limits, no identities, and an unload for everybody."""
    process = Path(f"/proc/{server.process.pid}")
    own = {str(each.readlink()) for each in (process / "fd").iterdir()}
    listening = [line.split() for name in ("tcp", "tcp6") for line in (process / "net" / name).read_text().splitlines()]
    ports = {int(at.rpartition(":")[2], 16) for _, at, _, state, *rest in listening
             if state == "0A" and f"socket:[{rest[5]}]" in own}  # fmt: skip
    assert ports == {server.port}


def test_a_body_without_a_length_is_cut_off_at_the_limit(server: ModelServer) -> None:
    chunks = (b"[" * 65536 for _ in range(200))
    answer = httpx.post(f"{server.url}/v1/models/books:predict", content=chunks)
    assert answer.status_code == 413


def test_every_prediction_is_published_under_its_tenant(server: ModelServer, broker: str) -> None:
    body = {"instances": [[3, 1, 2], [4, 1, 2]]}
    assert server.predict(body, **{"X-Tenant": "acme", "X-User-Id": "u1"}).status_code == 200
    assert server.post("/v1/models/books:predict", '{"instances": [["a", 1, 2]]}', **{"X-Tenant": "acme"}).is_error
    assert server.post("/v2/models/books/infer", json.dumps(V2), **{"X-Tenant": "acme"}).status_code == 200
    messages = consume(broker, lambda m: m["tenant"] == "acme", 4)
    assert sorted(message["features"] for message in messages) == [[1, 2, 3], [3, 1, 2], [4, 1, 2], [4, 5, 6]]
    first = next(message for message in messages if message["features"] == [3, 1, 2])
    assert first["predictions"] == pytest.approx([3.0])
    assert {key: first[key] for key in ("tenant", "user_id", "model", "version")} == {
        "tenant": "acme", "user_id": "u1", "model": "books", "version": "1",
    }  # fmt: skip
    assert server.metric('ml_loop_capture_messages_total{outcome="delivered"}') >= 4


def test_a_request_without_a_tenant_belongs_to_the_default_one(server: ModelServer, broker: str) -> None:
    server.predict({"instances": [[77, 1, 2]]})
    (message,) = consume(broker, lambda m: m["features"] == [77, 1, 2], 1)
    assert (message["tenant"], message["user_id"]) == ("default", "")


def test_the_answer_says_the_id_under_which_each_of_its_rows_is_published(server: ModelServer, broker: str) -> None:
    v1 = server.predict({"instances": [[8, 1, 2], [9, 1, 2]]}, **{"X-Request-Id": "order-7"})
    assert v1.headers["X-Request-Id"] == "order-7"
    own = server.predict({"instances": [[8, 1, 3]]}).headers["X-Request-Id"]
    named = server.post(
        "/v2/models/books/infer", json.dumps({**V2, "id": "order-8"}), **{"X-Request-Id": "a-gateway-s"}
    )
    assert (named.headers["X-Request-Id"], named.json()["id"]) == ("order-8", "order-8")
    header = server.post("/v2/models/books/infer", json.dumps(V2), **{"X-Request-Id": "order-9"})
    assert header.json()["id"] == "order-9"
    wanted = {f"{request}/{row}" for request, rows in {"order-7": 2, own: 1, "order-8": 2, "order-9": 2}.items()
              for row in range(rows)}  # fmt: skip
    assert {message["id"] for message in consume(broker, lambda m: m["id"] in wanted, len(wanted))} == wanted


def test_without_kafka_answers_stay_correct_and_drops_are_counted(no_broker: ModelServer) -> None:
    for _ in range(25):  # more rows than the queue in front of the client and the client's own hold together
        assert no_broker.predict({"instances": [[1, 2, 3]] * 1000}).status_code == 200
    assert no_broker.metric('ml_loop_capture_messages_total{outcome="queue_full"}') >= 5000
    assert no_broker.predict(VALID).json()["predictions"] == pytest.approx([1.0])
    assert "Kafka: " in no_broker.log.read_text(), "the log must say that the broker is away"


def test_a_pod_that_is_told_to_end_answers_until_its_clients_have_moved(no_broker: ModelServer) -> None:
    # The last test to use this server: it ends it, and ending must not wait for the broker that is away.
    statuses: list[int | str] = []

    def client() -> None:
        while "moved" not in statuses:
            try:
                answer = httpx.post(f"{no_broker.url}/v1/models/books:predict", json=VALID, timeout=60)
            except httpx.TransportError as error:
                statuses.append(type(error).__name__)
                return
            statuses.append(answer.status_code)
            if answer.headers.get("connection") == "close":  # a router moves to another pod
                statuses.append("moved")

    thread = threading.Thread(target=client, daemon=True)
    thread.start()
    while not statuses:  # it is in the middle of its requests
        time.sleep(0.01)
    no_broker.process.send_signal(signal.SIGTERM)
    thread.join(60)
    assert set(statuses) == {200, "moved"}, "every request must be answered until its client is told to move"
    assert httpx.get(f"{no_broker.url}/v1/models/books", timeout=60).status_code == 503, "readiness must go false first"
    alive = httpx.get(f"{no_broker.url}/v2/health/live", timeout=60)
    assert alive.status_code == 200, "liveness must not kill it while it drains"
    no_broker.process.send_signal(signal.SIGTERM)  # the second ends it at once
    assert no_broker.process.wait(60) == 0


def test_a_pod_that_is_told_to_end_ends_by_itself(fetched: Path) -> None:
    """A server of its own: other tests use the others."""
    server = ModelServer(fetched).wait()
    try:
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(60) == 0
    finally:
        server.kill()


def test_a_model_that_cannot_load_ends_the_server_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ServedModel("books", "9", "run", None).write(tmp_path)
    monkeypatch.setattr(sys, "argv", ["loop serve", "--model_name=books", f"--model_dir={tmp_path}"])
    monkeypatch.delenv("KAFKA_BOOTSTRAP_SERVERS", raising=False)
    assert server_module.main() == 1
    assert capsys.readouterr().err.splitlines()[-1].startswith("error: version 9 of books cannot be served: ")


def test_a_folder_that_fetch_did_not_finish_ends_the_server_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["loop serve", "--model_name=books", f"--model_dir={tmp_path}"])
    assert server_module.main() == 1
    assert capsys.readouterr().err.splitlines()[-1] == (
        f"error: {tmp_path}/served-model.json is missing: the storage initializer did not finish"
    )
