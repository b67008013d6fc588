"""No spelling of a request gets past the guard."""

import pytest
import requests
from guarded import Things
from guarded_server import TRAIN, GuardedServer
from mlflow_paths import ALIAS, FILES, V2


@pytest.mark.parametrize(
    "body",
    [
        b'{"name": "guarded", "alias": "staging", "alias": "production", "version": "1"}',
        b'"{\\"name\\": \\"guarded\\", \\"alias\\": \\"production\\", \\"version\\": \\"1\\"}"',
        '{"name": "guarded", "alias": "production", "version": "1"}'.encode("utf-16"),
    ],
)
def test_no_spelling_of_a_document_gets_an_alias_past_the_guard(
    server: GuardedServer, things: Things, body: bytes
) -> None:
    answer = server.ask("POST", ALIAS, TRAIN, body, headers={"Content-Type": "application/json"})
    assert answer.denied, answer


@pytest.mark.parametrize("key", ["run_id", "runId", "run_uuid", "runUuid"])
def test_no_spelling_of_a_key_gets_a_run_past_the_guard(server: GuardedServer, things: Things, key: str) -> None:
    answer = server.ask("POST", f"{V2}/runs/log-parameter", None, {key: things.run, "key": "p", "value": "1"})
    assert answer.denied, answer


@pytest.mark.parametrize("spelling", ["{}", " {}", "0{}", "+{}", "\uff11"])
def test_no_spelling_of_an_id_gets_an_experiment_past_the_guard(
    server: GuardedServer, things: Things, spelling: str
) -> None:
    assert things.experiment == "1"
    body = {"experiment_id": spelling.format(things.experiment)}
    assert server.ask("POST", f"{V2}/runs/create", None, body).denied


@pytest.mark.parametrize("path", ["1/r/artifacts/f", "./1/x", "2/.//../1/x", "%31/x", "1", ".", "%2e/1", "1/"])
def test_no_spelling_of_a_path_gets_a_file_past_the_guard(server: GuardedServer, things: Things, path: str) -> None:
    for method in ("PUT", "DELETE"):
        prepared = requests.Request(method, server.url, data=b"x").prepare()
        prepared.url = f"{server.url}{FILES}/{path}"
        answer = requests.Session().send(prepared, timeout=30)
        assert answer.status_code in (403, 404, 405), (method, answer.text)
        assert server.ask("GET", f"{FILES}/1/r/artifacts/f").status >= 400
