"""The names and pages that MLflow's servers answer to, decided as MLflow decides it."""

from fnmatch import fnmatch

import pytest

from components.tracking.addresses import allowed_hosts, allowed_origins


@pytest.mark.parametrize(
    "name", ["mlflow", "mlflow.tracking", "mlflow.tracking.svc", "mlflow.tracking.svc.cluster.local", "ml.example.com"]
)
@pytest.mark.parametrize("port", ["", ":5000", ":80"])
def test_the_server_answers_to_each_of_its_names_with_and_without_port(name: str, port: str) -> None:
    assert accepted(f"{name}{port}", allowed_hosts("mlflow", "tracking", "ml.example.com"))


@pytest.mark.parametrize("host", ["localhost:5000", "127.0.0.1", "192.0.2.7", "192.0.2.7:30500"])
def test_the_server_answers_to_its_addresses(host: str) -> None:
    assert accepted(host, allowed_hosts("mlflow", "tracking", None, "192.0.2.7"))


@pytest.mark.parametrize(
    "host",
    [
        "10.evil.example",
        "10.88.0.1:30500",
        "evil.example.com",
        "mlflow.tracking.evil.example.com",
        "ml.example.com",
        "mlflowx",
    ],
)
def test_the_server_answers_to_no_other_name(host: str) -> None:
    assert not accepted(host, allowed_hosts("mlflow", "tracking"))


def accepted(host: str, allowed: list[str]) -> bool:
    """As MLflow decides it (mlflow.server.security_utils): a pattern where there is an asterisk, else equality."""
    return any(fnmatch(host, each) if "*" in each else host == each for each in allowed)


@pytest.mark.parametrize(
    ("origin", "scheme"),
    [
        ("http://192.0.2.7:30500", "http"),
        ("http://ml.example.com", "http"),
        ("https://ml.example.com", "http"),
        ("http://ml.example.com:30080", "http"),
        ("https://ml.example.com", "https"),
        ("https://ml.example.com:8443", "https"),
    ],
)
def test_the_server_s_own_pages_may_write(origin: str, scheme: str) -> None:
    assert accepted(origin, allowed_origins("http://192.0.2.7:30500", "ml.example.com", scheme))


@pytest.mark.parametrize(
    "origin",
    [
        "http://192.0.2.7",
        "http://192.0.2.7:30501",
        "https://192.0.2.7:30500",
        "https://evil.example.com",
        "http://ml.example.com",  # no page of ours: somebody on the way could make it
        "https://ml.example.com.evil.example",
        "https://evil-ml.example.com",
        "null",
    ],
)
def test_no_other_page_may_write(origin: str) -> None:
    assert not accepted(origin, allowed_origins("http://192.0.2.7:30500", "ml.example.com", "https"))


def test_without_an_address_outside_no_page_may_write() -> None:
    assert allowed_origins(None, None, "https") == []
