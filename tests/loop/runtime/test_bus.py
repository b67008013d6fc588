"""The event bus's credentials: what a TLS client makes of them, and that they are made once."""

import base64
import ssl
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from json_handler import JsonHandler, JsonServer
from kubernetes import config
from kubernetes.client.configuration import Configuration

from loop.runtime import bus

HOST = "event-bus-nats.loop.svc.cluster.local"
NOW = datetime.now(UTC)


def handshake(folder: Path, made: Any, host: str) -> None:
    """A TLS handshake in memory, with a client that trusts the certificate and nothing else."""
    for name in ("tls.crt", "tls.key"):
        (folder / name).write_text(made[name], "utf-8")
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(folder / "tls.crt", folder / "tls.key")
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = server_context.wrap_bio(up, down, server_side=True)
    client = ssl.create_default_context(cafile=str(folder / "tls.crt")).wrap_bio(down, up, server_hostname=host)
    for _ in range(4):
        for side in (client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    assert client.version() == "TLSv1.3"


def test_a_client_that_trusts_the_certificate_reaches_the_bus_by_its_name(tmp_path: Path) -> None:
    handshake(tmp_path, bus.credentials(HOST, NOW), HOST)


def test_the_certificate_is_good_for_no_other_name(tmp_path: Path) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        handshake(tmp_path, bus.credentials(HOST, NOW), "elsewhere.loop.svc.cluster.local")


def test_the_certificate_ends_after_ten_years(tmp_path: Path) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="certificate has expired"):
        handshake(tmp_path, bus.credentials(HOST, NOW - timedelta(days=3651)), HOST)


def test_both_sides_are_given_the_same_user_and_password() -> None:
    made = bus.credentials(HOST, NOW)
    assert made["auth.yaml"] == f"username: {made['username']}\npassword: {made['password']}\n"


def test_the_password_is_long_new_each_time_and_no_number_to_nats() -> None:
    passwords = {bus.credentials(HOST, NOW)["password"] for _ in range(3)}
    assert len(passwords) == 3
    assert all(len(password) == 65 and password[0].isalpha() for password in passwords)


class SecretServer(JsonServer):
    """An API server with one Secret. `race` fills it after it was read."""

    def __init__(self) -> None:
        self.secret: dict[str, Any] = {"metadata": {"name": "bus", "resourceVersion": "1"}}
        self.race = False
        outer = self

        class Handler(JsonHandler):
            def do_GET(self) -> None:
                self.answer(200, outer.secret)
                if outer.race:
                    outer.secret = {"metadata": {"name": "bus", "resourceVersion": "2"}, "data": {"tls.key": "AA=="}}

            def do_PATCH(self) -> None:
                patch = self.body()
                if patch["metadata"]["resourceVersion"] != outer.secret["metadata"]["resourceVersion"]:
                    return self.answer(409, {"reason": "Conflict"})
                outer.secret = {"metadata": {"name": "bus", "resourceVersion": "2"}, "data": patch["data"]}
                return self.answer(200, outer.secret)

        super().__init__(Handler)


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[SecretServer]:
    server = SecretServer()
    found = Configuration(host=server.url)

    def use_server() -> None:
        Configuration.set_default(found)  # pyright: ignore[reportAttributeAccessIssue]  # public, but not in the stubs

    monkeypatch.setattr(config, "load_config", use_server)
    monkeypatch.setattr(sys, "argv", ["loop", "--secret=bus", f"--host={HOST}", "--namespace=loop"])
    yield server
    server.close()


def test_an_empty_secret_is_filled_and_nothing_secret_is_printed(
    api: SecretServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bus.main() == 0
    data = {key: base64.b64decode(value).decode() for key, value in api.secret["data"].items()}
    assert data.keys() == {"tls.crt", "tls.key", "username", "password", "auth.yaml"}
    assert capsys.readouterr().out == f"Secret bus holds a certificate for {HOST}\n"


def test_a_filled_secret_stays_as_it_is(api: SecretServer) -> None:
    bus.main()
    first = api.secret
    assert bus.main() == 0
    assert api.secret is first


def test_of_two_at_once_the_second_fails_and_leaves_the_first_s_work(api: SecretServer) -> None:
    api.race = True
    with pytest.raises(Exception, match="Conflict"):
        bus.main()
    assert api.secret["data"] == {"tls.key": "AA=="}
