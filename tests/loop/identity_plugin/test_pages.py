"""What scripts of a page may do, by the page's address: MLflow's own rules, told as the stack tells them."""

import pytest
from guarded_server import GuardedServer

OWN = [("10.173.0.1:30500", "http://10.173.0.1:30500"), ("ml.example.com", "https://ml.example.com")]
FOREIGN = ["http://10.173.0.1:30501", "http://ml.example.com", "https://ml.example.com.evil.example", "null"]


def status(server: GuardedServer, host: str, origin: str, path: str = "/ajax-api/2.0/mlflow/runs/search") -> int:
    return server.ask("POST", path, None, {"experiment_ids": ["0"]}, headers={"Host": host, "Origin": origin}).status


@pytest.mark.parametrize(("host", "origin"), OWN)
def test_mlflow_s_own_page_lists_runs(server: GuardedServer, host: str, origin: str) -> None:
    assert status(server, host, origin) == 200


@pytest.mark.parametrize("origin", FOREIGN)
def test_a_foreign_page_writes_and_lists_nothing(server: GuardedServer, origin: str) -> None:
    assert status(server, "10.173.0.1:30500", origin) == 403


@pytest.mark.parametrize(
    "host",
    [
        "10.evil.example",
        "10.88.0.7:5000",
        "evil.example",
        "10.173.0.1:x.evil.example",
        "127.0.0.1:80@evil.example",
        "127.0.0.1:80:90",
        "localhost:",
        "localhost:123456",
    ],
)
def test_a_page_that_calls_itself_by_another_name_reads_nothing(server: GuardedServer, host: str) -> None:
    assert status(server, host, f"http://{host}") == 403
    assert (
        server.ask("GET", "/ajax-api/2.0/mlflow/experiments/get?experiment_id=0", headers={"Host": host}).status == 403
    )


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:5000", "ml.example.com:8443"])
def test_a_server_answers_to_its_names_at_any_port(server: GuardedServer, host: str) -> None:
    assert server.ask("GET", "/version", headers={"Host": host}).status == 200


def test_a_probe_calls_a_server_by_its_pod_s_address(server: GuardedServer) -> None:
    assert server.ask("GET", "/health", headers={"Host": "10.88.0.7:5000"}).status == 200
