"""What is read of metrics and predictions."""

import time
from contextlib import suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import prometheus_client
import pytest
from prometheus_client import CollectorRegistry, Counter, Histogram
from urllib3 import PoolManager

from contract.messages import Prediction
from loop.promotion import observation
from loop.promotion.observation import Row, UnseenError, counted, page, published, sample
from loop.promotion.predictions import Sample
from loop.promotion.traffic import Traffic


def test_a_server_s_metrics_become_traffic() -> None:
    registry = CollectorRegistry()
    requests = Counter("ml_loop_requests_total", "…", ["protocol", "code"], registry=registry)
    for protocol, code, count in (("v1", 200, 5), ("v2", 200, 2), ("v1", 500, 1), ("v1", 400, 3), ("v1", 413, 1)):
        requests.labels(protocol, code).inc(count)
    seconds = Histogram("ml_loop_answer_seconds", "…", ["version"], registry=registry)
    for value in (0.5, 0.25):
        seconds.labels("3").observe(value)
    Counter("ml_loop_answer_seconds_squared_total", "…", ["version"], registry=registry).labels("3").inc(0.3125)
    Counter("ml_loop_predictions_total", "…", ["model", "version"], registry=registry).labels("books", "3").inc(21)
    text = prometheus_client.generate_latest(registry).decode()
    assert counted(text) == Traffic(answered=7, failed=1, refused=4, seconds=0.75, squares=0.3125, rows=21)


def test_a_server_that_was_asked_nothing_has_no_traffic() -> None:
    assert counted("") == Traffic()


@pytest.mark.parametrize(
    "line",
    [
        'ml_loop_requests_total{code="200"} NaN',
        'ml_loop_requests_total{code="500"} -1',
        'ml_loop_requests_total{code="200"} 1e999',
        'ml_loop_requests_total{code=""} 1',
        "ml_loop_requests_total 1",
        "ml_loop_answer_seconds_sum NaN",
        "ml_loop_answer_seconds_sum{ 1",
        "ml_loop_predictions_total many",
    ],
)
def test_what_are_no_metrics_are_not_read(line: str) -> None:
    with pytest.raises(UnseenError, match=r"^what it says are no metrics"):
        counted(f"{line}\n")


class Hostile(BaseHTTPRequestHandler):
    """A server of metrics whose model's code has other plans."""

    def do_GET(self) -> None:
        if self.path == "/elsewhere":
            self.send_response(302)
            self.send_header("Location", "/metrics")
        else:
            self.send_response(200)
        self.end_headers()
        with suppress(OSError):
            while self.path in ("/endless", "/slow"):
                self.wfile.write(b"#" * (1 if self.path == "/slow" else 2**16))
                time.sleep(0.01 if self.path == "/slow" else 0)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  its name there
        pass


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/elsewhere", "it answers 302"),
        ("/endless", "it says more than 4194304 bytes"),
        ("/slow", "it takes more than 0.2 seconds"),
    ],
)
def test_a_hostile_server_s_metrics_take_no_memory_no_time_and_come_from_nowhere_else(
    monkeypatch: pytest.MonkeyPatch, path: str, why: str
) -> None:
    monkeypatch.setattr(observation, "PAGE_SECONDS", 0.2 if path == "/slow" else 60.0)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hostile)
    server.daemon_threads = True
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        with pytest.raises(UnseenError) as caught:
            page(PoolManager(retries=1, timeout=5.0), f"http://127.0.0.1:{server.server_port}{path}")
    finally:
        server.shutdown()
        server.server_close()
    assert str(caught.value) == why


def test_predictions_become_columns_of_numbers_and_labels_and_rows_are_told_apart() -> None:
    rows: list[Row] = [([1, 2], [0.5, "cat"]), ([1, 2], [0.25, "dog"]), ([3, 4], [1, None])]
    assert sample(rows) == Sample(((0.5, 0.25, 1.0), ('"cat"', '"dog"', "null")), 2)


def test_objects_become_columns_by_key() -> None:
    rows: list[Row] = [([1], [{"no": 0.25, "yes": 0.75}]), ([2], [{"yes": 0.5, "no": 0.5}])]
    assert sample(rows) == Sample(((0.25, 0.5), (0.75, 0.5)), 2)


def test_of_lists_of_differing_lengths_the_first_value_and_their_number_are_compared() -> None:
    rows: list[Row] = [([1], [7, 8, 9]), ([2], []), ([3], ["film"])]
    assert sample(rows) == Sample(((7.0, "null", '"film"'), (3.0, 0.0, 1.0)), 3)


def test_no_predictions_are_an_empty_sample() -> None:
    assert sample([]) == Sample((), 0)


def test_of_a_request_one_row_counts() -> None:
    def message(row: float, second: int) -> bytes:
        at = datetime(2026, 1, 1, 0, 0, second, tzinfo=UTC)
        return Prediction(model="films", version="2", features=[row], predictions=[row], at=at).encode()

    read = published("films", ["2"], [message(1, 0), message(2, 0), message(3, 1)])
    assert read.samples["2"] == Sample(((1.0, 3.0),), 2)


def test_requests_of_one_moment_are_told_apart_by_their_ids() -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    rows = {"a/0": 1.0, "a/1": 2.0, "b/0": 3.0}
    made = [
        Prediction(id=name, model="films", version="2", features=[row], predictions=[row], at=at).encode()
        for name, row in rows.items()
    ]
    assert published("films", ["2"], made).samples["2"] == Sample(((1.0, 3.0),), 2)
