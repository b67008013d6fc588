"""Who may change what, asked of a running MLflow server: each of its operations, by each kind of caller."""

from typing import Any

import pytest
import requests
from guarded import NOTHING, REQUESTS, Things
from guarded_server import DENIED, GATE, HEAL, OTHER, PROMOTE, STRANGER, TRAIN, Answer, GuardedServer
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from token_reviews import ACCOUNTS, TokenReviews

from contract.names import PRODUCTION_TAG, PROMOTION_TAG, GateResult, Tag
from identity.operations import SETS, Right, flask_app, short

V2 = "/api/2.0/mlflow"
ALIAS = f"{V2}/registered-models/alias"
FILES = "/api/2.0/mlflow-artifacts/artifacts"


def ask(server: GuardedServer, name: str, things: Things, token: str | None = None) -> list[Answer]:
    """One operation on each of its routes: those for programs and those for browsers, of every version."""
    method, path = name.split(" ", 1)
    rules = [
        each.rule
        for each in flask_app.url_map.iter_rules()
        if short(each.rule) == path and method in (each.methods or ())
    ]
    assert rules
    asked = REQUESTS[name]
    where = [rule.removesuffix(path) + things.fill(asked.path or path) for rule in rules]
    return [server.ask(method, each, token, things.fill(asked.body)) for each in where]


@pytest.mark.parametrize("name", sorted(REQUESTS))
@pytest.mark.parametrize("token", [None, STRANGER, OTHER, HEAL])
def test_nobody_else_changes_anything_of_a_guarded_model(
    server: GuardedServer, things: Things, name: str, token: str | None
) -> None:
    for answer in ask(server, name, things, token):
        assert answer.denied, answer
        assert f"{name}" in answer.message
        assert "of the guarded model guarded, which only system:serviceaccount:loop:guarded-" in answer.message


@pytest.mark.parametrize(
    ("token", "who"),
    [
        (None, "a request that has no token"),
        ("no-token-at-all", "a request that has a token that is not valid for the audience mlflow"),
        ("api-token", "a request that has a token that is not valid for the audience mlflow"),
        ("person-token", "a request that has a token of no service account"),
        (STRANGER, ACCOUNTS[STRANGER]),
    ],
)
def test_a_refusal_says_who_asked_and_who_may(
    server: GuardedServer, things: Things, token: str | None, who: str
) -> None:
    answer = server.ask("DELETE", f"{V2}/registered-models/delete", token, {"name": "guarded"})
    assert answer.denied
    assert answer.message == (
        f"{who} asked for DELETE registered-models/delete of the guarded model guarded, "
        f"which only {ACCOUNTS[PROMOTE]} may"
    )


LADDER = {Right.TRAINING: TRAIN, Right.GATE: GATE, Right.PROMOTION: PROMOTE}
"""Right → whose token has it; each has those before it, too."""


def named(*rights: Right) -> list[tuple[str, Right]]:
    """The operations that take one of these rights, and which."""
    return [(name, each) for each in rights for name in sorted(SETS[each] & REQUESTS.keys())]


@pytest.mark.parametrize(("name", "needed"), named(Right.GATE, Right.PROMOTION))
def test_training_registers_judges_and_deletes_nothing_of_its_model(
    server: GuardedServer, things: Things, name: str, needed: Right
) -> None:
    for answer in ask(server, name, things, TRAIN):
        assert answer.denied, answer
        assert answer.message.startswith(f"{ACCOUNTS[TRAIN]} asked for {name}")
        assert ACCOUNTS[LADDER[needed]] in answer.message.partition(", which only ")[2]
        assert ACCOUNTS[TRAIN] not in answer.message.partition(", which only ")[2]


@pytest.mark.parametrize("name", sorted(SETS[Right.PROMOTION]))
def test_the_gate_deletes_restores_and_renames_nothing_of_its_model(
    server: GuardedServer, things: Things, name: str
) -> None:
    for answer in ask(server, name, things, GATE):
        assert answer.denied, answer
        assert answer.message.startswith(f"{ACCOUNTS[GATE]} asked for {name} of the guarded model guarded")
        assert answer.message.endswith(f"which only {ACCOUNTS[PROMOTE]} may")


@pytest.mark.parametrize("token", LADDER.values())
@pytest.mark.parametrize(("name", "needed"), named(Right.TRAINING, Right.GATE))
def test_training_gate_and_promotion_write_what_is_theirs(
    server: GuardedServer, things: Things, name: str, needed: Right, token: str
) -> None:
    order = list(LADDER.values())
    for answer in ask(server, name, things, token):
        assert (answer.code == DENIED) is (order.index(token) < order.index(LADDER[needed])), answer


@pytest.mark.parametrize("name", sorted(REQUESTS))
def test_what_belongs_to_no_guarded_model_is_free(server: GuardedServer, things: Things, name: str) -> None:
    for answer in ask(server, name, NOTHING):
        assert answer.code != DENIED, answer


def test_the_gate_moves_staging_and_promotion_alone_the_others(server: GuardedServer, things: Things) -> None:
    version = {"name": "guarded", "version": "1"}
    server.made("POST", ALIAS, GATE, {**version, "alias": "staging"})
    for alias in ("production", "previous", "Staging", "champion"):
        refused = server.ask("POST", ALIAS, GATE, {**version, "alias": alias})
        assert refused.denied
        others = f"{ACCOUNTS[HEAL]}, {ACCOUNTS[PROMOTE]}" if alias == "production" else ACCOUNTS[PROMOTE]
        assert refused.message == (
            f"{ACCOUNTS[GATE]} asked for POST registered-models/alias ({alias}) of the guarded model guarded, "
            f"which only {others} may"
        )
        assert server.ask("DELETE", ALIAS, GATE, {"name": "guarded", "alias": alias}).denied
    server.made("DELETE", ALIAS, GATE, {"name": "guarded", "alias": "staging"})
    for alias in ("production", "previous", "staging"):
        server.made("POST", ALIAS, PROMOTE, {**version, "alias": alias})
        server.made("DELETE", ALIAS, PROMOTE, {"name": "guarded", "alias": alias})


def test_healing_puts_production_back_to_what_a_promotion_left_there_and_nothing_else(
    server: GuardedServer, things: Things
) -> None:
    version = {"name": "guarded", "version": "1"}
    only = f"{ACCOUNTS[HEAL]} may only put production of the guarded model guarded back to version"

    def asked(alias: str, **changes: str) -> Answer:
        return server.ask("POST", ALIAS, HEAL, {**version, "alias": alias, **changes})

    left = {"name": "guarded", "key": PRODUCTION_TAG}
    assert asked("production").message == f"{only} none, which its last promotion left there"
    server.made("POST", f"{V2}/registered-models/set-tag", PROMOTE, {**left, "value": "1"})
    try:
        server.made("POST", ALIAS, HEAL, {**version, "alias": "production"})
        assert asked("production", version="2").message == f"{only} 1, which its last promotion left there"
        for alias in ("staging", "previous", "Production"):
            assert asked(alias).denied
        assert server.ask("DELETE", ALIAS, HEAL, {"name": "guarded", "alias": "production"}).denied
    finally:
        server.made("DELETE", ALIAS, PROMOTE, {"name": "guarded", "alias": "production"})
        server.made("DELETE", f"{V2}/registered-models/delete-tag", PROMOTE, left)


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


def test_a_model_takes_no_guarded_name_and_is_not_deleted_under_another(server: GuardedServer, things: Things) -> None:
    server.made("POST", f"{V2}/registered-models/create", None, {"name": "mine"})
    renamed = {"name": "mine", "new_name": "other"}
    assert server.ask("POST", f"{V2}/registered-models/rename", None, renamed).denied
    assert server.ask("POST", f"{V2}/registered-models/create", None, {"name": "other"}).denied
    assert server.ask("POST", f"{V2}/experiments/create", None, {"name": "other"}).denied
    experiment = server.made("POST", f"{V2}/experiments/create", None, {"name": "mine"})["experiment_id"]
    to_guarded = {"experiment_id": experiment, "new_name": "other"}
    assert server.ask("POST", f"{V2}/experiments/update", None, to_guarded).denied


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        ("registered-models/set-tag", {"key": PROMOTION_TAG, "value": "{}"}),
        ("registered-models/set-tag", {"key": PRODUCTION_TAG, "value": "1"}),
        ("model-versions/set-tag", {"version": "1", "key": Tag.PROMOTED, "value": "2026-01-01T00:00:00+00:00"}),
        ("model-versions/create", {"source": "runs:/r/model", "tags": [{"key": Tag.PROMOTED, "value": "now"}]}),
    ],
)
def test_the_gate_forges_nothing_that_a_promotion_remembers_by(
    server: GuardedServer, things: Things, operation: str, body: dict[str, object]
) -> None:
    refused = server.ask("POST", f"{V2}/{operation}", GATE, {"name": "guarded", **body})
    assert refused.denied
    only = ACCOUNTS[PROMOTE]
    assert refused.message == (
        f"{ACCOUNTS[GATE]} asked for POST {operation} ({body.get('key', Tag.PROMOTED)}) of the guarded model guarded, "
        f"which only {only} may"
    )


def test_a_user_s_code_says_nothing_of_its_own_gate(server: GuardedServer, things: Things) -> None:
    passed = {"key": Tag.GATE, "value": GateResult.PASSED}
    version = {"name": "guarded", "source": f"models:/{things.logged}", "run_id": things.run}
    digests = [{"key": tag, "value": "0" * 64} for tag in (Tag.MODEL_DIGEST, Tag.REFERENCE_DIGEST)]
    for operation, body in (
        *(("model-versions/set-tag", {"name": "guarded", "version": "1", **each}) for each in digests),
        ("model-versions/create", {**version, "tags": digests}),
        ("model-versions/set-tag", {"name": "guarded", "version": "1", **passed}),
        ("model-versions/create", {**version, "tags": [passed]}),
        ("registered-models/alias", {"name": "guarded", "version": "1", "alias": "staging"}),
    ):
        refused = server.ask("POST", f"{V2}/{operation}", TRAIN, body)
        assert refused.denied
        assert refused.message.endswith(f"which only {ACCOUNTS[GATE]}, {ACCOUNTS[PROMOTE]} may")


@pytest.mark.parametrize("tag", [Tag.MODEL_DIGEST, Tag.REFERENCE_DIGEST])
@pytest.mark.parametrize("token", [None, STRANGER, TRAIN, GATE, HEAL])
def test_no_version_loses_what_binds_it_to_its_files(
    server: GuardedServer, things: Things, token: str | None, tag: Tag
) -> None:
    refused = server.ask(
        "DELETE", f"{V2}/model-versions/delete-tag", token, {"name": "guarded", "version": "1", "key": tag}
    )
    assert refused.denied
    assert refused.message.endswith(f"of the guarded model guarded, which only {ACCOUNTS[PROMOTE]} may")


@pytest.mark.parametrize("token", [TRAIN, GATE])
@pytest.mark.parametrize(
    "asked",
    [
        f"PUT {FILES}/{{experiment}}/{{run}}/artifacts/reference/window.csv",
        f"PUT {FILES}/{{experiment}}/models/{{logged}}/artifacts/model.skops",
        f"PUT {FILES}/{{experiment}}/./models//{{logged}}/artifacts/model.skops",
        "POST /ajax-api/2.0/mlflow/upload-artifact?run_uuid={run}&path=reference/window.csv",
    ],
)
def test_files_that_a_version_came_from_are_written_by_the_promotion_alone(
    server: GuardedServer, things: Things, token: str, asked: str
) -> None:
    method, path = things.fill(asked).split(" ")
    headers = {"Authorization": f"Bearer {token}"}
    prepared = requests.Request(method, server.url, headers, data=b"x").prepare()
    prepared.url = server.url + path  # as it is written
    answer = server.session.send(prepared, timeout=30)
    message = answer.json()["message"]
    assert (answer.status_code, answer.json()["error_code"]) == (403, DENIED)
    assert message.startswith(f"{ACCOUNTS[token]} asked for {method} ")
    assert "(files of version " in message
    assert message.endswith(f") of the guarded model guarded, which only {ACCOUNTS[PROMOTE]} may")


def test_an_experiment_never_shares_the_place_of_a_guarded_one(server: GuardedServer, things: Things) -> None:
    for location in ("mlflow-artifacts:/1", "s3://artifacts/1", "file:///tmp/x"):
        refused = server.ask(
            "POST", f"{V2}/experiments/create", None, {"name": "mine too", "artifact_location": location}
        )
        assert refused.denied
        assert (
            refused.message == "artifact_location must be left out: the server gives each experiment a place of its own"
        )


def test_a_version_of_a_guarded_model_comes_from_its_own_experiment(server: GuardedServer, things: Things) -> None:
    loose = server.made("POST", f"{V2}/experiments/create", None, {"name": "loose"})["experiment_id"]
    run = server.made("POST", f"{V2}/runs/create", None, {"experiment_id": loose})["run"]["info"]["run_id"]
    for source in (f"runs:/{run}/model", f"mlflow-artifacts:/{loose}/{run}/artifacts/model", "s3://elsewhere/model"):
        body = {"name": "guarded", "source": source, "run_id": run}
        refused = server.ask("POST", f"{V2}/model-versions/create", GATE, body)
        assert refused.denied, refused
        assert refused.message.startswith(
            "a version of the guarded model guarded must come from a run of the experiment"
        )


def test_a_free_model_is_registered_from_a_guarded_run_and_from_a_guarded_logged_model_by_the_gate(
    server: GuardedServer, things: Things
) -> None:
    """MLflow writes a tag of the logged model that a version comes from."""
    server.made("POST", f"{V2}/registered-models/create", None, {"name": "copy"})
    run = {"name": "copy", "source": f"runs:/{things.run}/model", "run_id": things.run}
    server.made("POST", f"{V2}/model-versions/create", None, run)
    body = {"name": "copy", "source": f"models:/{things.logged}"}
    for more in ({}, {"model_id": things.logged}):
        refused = server.ask("POST", f"{V2}/model-versions/create", None, {**body, **more})
        assert refused.denied, refused
        assert "of the guarded model guarded" in refused.message
    server.made("POST", f"{V2}/model-versions/create", None, {"name": "copy", "source": "models:/guarded/1"})
    tags = server.made("GET", f"{V2}/logged-models/{things.logged}", None)["model"]["info"].get("tags", [])
    assert "copy" not in str(tags)
    server.made("POST", f"{V2}/model-versions/create", GATE, {**body, "model_id": things.logged})


def test_a_metric_of_an_own_run_is_not_written_to_a_guarded_model(server: GuardedServer, things: Things) -> None:
    free = server.made("POST", f"{V2}/runs/create", None, {"experiment_id": "0"})["run"]["info"]["run_id"]
    metric = {"key": "auc", "value": 1.0, "timestamp": 1, "step": 0, "model_id": things.logged}
    assert server.ask("POST", f"{V2}/runs/log-batch", None, {"run_id": free, "metrics": [metric]}).denied
    del metric["model_id"]
    server.made("POST", f"{V2}/runs/log-batch", None, {"run_id": free, "metrics": [metric]})


def test_spans_are_not_added_to_a_guarded_trace_under_another_experiment(server: GuardedServer, things: Things) -> None:
    def export(trace: str) -> Answer:
        spans = ExportTraceServiceRequest()
        span = spans.resource_spans.add().scope_spans.add().spans.add()
        span.trace_id, span.span_id = bytes.fromhex(trace.removeprefix("tr-")), b"12345678"
        span.name, span.start_time_unix_nano, span.end_time_unix_nano = "s", 1, 2
        headers = {"Content-Type": "application/x-protobuf", "X-Mlflow-Experiment-Id": "0"}
        return server.ask("POST", "/v1/traces", None, spans.SerializeToString(), headers=headers)

    assert export(things.trace).denied
    assert export("tr-" + "c" * 32).status == 200


def test_reading_is_free(server: GuardedServer, things: Things) -> None:
    server.made("GET", f"{V2}/registered-models/get", None, params={"name": "guarded"})
    server.made("POST", f"{V2}/runs/search", None, {"experiment_ids": [things.experiment]})
    assert server.ask("GET", "/health").status == 200
    graphql = {"query": '{ mlflowGetExperiment(input: {experimentId: "1"}) { experiment { name } } }'}
    assert (
        server.made("POST", "/graphql", None, graphql)["data"]["mlflowGetExperiment"]["experiment"]["name"] == "guarded"
    )


def test_work_of_the_server_s_own_is_closed(server: GuardedServer, things: Things) -> None:
    for path in (
        "/ajax-api/3.0/jobs/",
        "/api/3.0/mlflow/prompt-optimization/jobs",
        "/ajax-api/3.0/mlflow/assistant/message",
        "/api/3.0/mlflow/gateway/secrets/create",
        "/ajax-api/2.0/mlflow/gateway-proxy",
        "/gateway/mlflow/v1/chat/completions",
        "/gateway/proxy/x/v1",
        "/api/3.0/mlflow/mcp-servers",
        "/api/2.0/mlflow/webhooks",
        "/ajax-api/2.0/mlflow/runs/create-promptlab-run",
    ):
        answer = server.ask("POST", path, PROMOTE, {})
        assert answer.denied, answer
        assert answer.message.endswith("is closed: what it would change cannot be told from the request")


def test_a_refusal_is_counted_and_logged_in_one_line(server: GuardedServer, things: Things) -> None:
    body = {"name": "guarded", "version": "1", "alias": "production\nrefused: forged"}
    series = {"account": ACCOUNTS[TRAIN], "model": "guarded", "operation": "POST registered-models/alias"}
    before = server.refusals(**series)
    assert server.ask("POST", ALIAS, TRAIN, body).denied
    assert server.refusals(**series) == before + 1
    (line,) = [line for line in server.log().splitlines() if "forged" in line]
    assert line.endswith(
        f"(production refused: forged) of the guarded model guarded, which only {ACCOUNTS[PROMOTE]} may"
    )


def test_a_token_is_reviewed_once_in_a_while(server: GuardedServer, things: Things, reviews: TokenReviews) -> None:
    before = reviews.asked
    for _ in range(5):
        server.made("POST", f"{V2}/runs/create", f"{TRAIN}#{before}", {"experiment_id": things.experiment})
    assert reviews.asked == before + 1


@pytest.mark.parametrize(
    ("pod", "why"),
    [
        ({"metadata": {"uid": "uid-step"}, "status": {"phase": "Succeeded"}}, "the pod step, which has ended"),
        ({"metadata": {"uid": "uid-step"}, "status": {"phase": "Failed"}}, "the pod step, which has ended"),
        ({"metadata": {"uid": "another"}, "status": {"phase": "Running"}}, "the pod step, which has ended"),
        ({}, "the pod step, which has ended"),
        (403, "a pod in loop, whose pods nobody here may see"),
    ],
    ids=["succeeded", "failed", "replaced", "gone", "elsewhere"],
)
def test_the_token_of_a_pod_that_has_ended_counts_for_nothing(
    server: GuardedServer, things: Things, reviews: TokenReviews, pod: Any, why: str
) -> None:
    reviews.pods["step"] = pod
    body = {"experiment_id": things.experiment}
    answer = server.ask("POST", f"{V2}/runs/create", f"{TRAIN}#{reviews.asked}@step", body)
    assert answer.denied
    assert f"a request that has a token of {why} asked for" in answer.message


def test_the_token_of_a_pod_that_runs_counts(server: GuardedServer, things: Things, reviews: TokenReviews) -> None:
    reviews.pods["step"] = {"metadata": {"uid": "uid-step"}, "status": {"phase": "Running"}}
    body = {"experiment_id": things.experiment}
    server.made("POST", f"{V2}/runs/create", f"{TRAIN}#{reviews.asked}@step", body)


def test_while_nobody_says_whether_a_pod_runs_its_token_waits(
    server: GuardedServer, things: Things, reviews: TokenReviews
) -> None:
    reviews.pods["step"] = 500
    body = {"experiment_id": things.experiment}
    answer = server.ask("POST", f"{V2}/runs/create", f"{TRAIN}#{reviews.asked}@step", body)
    assert (answer.status, answer.code) == (503, "TEMPORARILY_UNAVAILABLE")


def test_without_the_api_server_guarded_writes_wait_and_others_go_on(
    server: GuardedServer, things: Things, reviews: TokenReviews
) -> None:
    reviews.away = True
    try:
        answer = server.ask("POST", f"{V2}/runs/create", "unknown-yet", {"experiment_id": things.experiment})
        assert (answer.status, answer.code) == (503, "TEMPORARILY_UNAVAILABLE")
        assert answer.message.startswith(
            "POST runs/create concerns the guarded model guarded, and who asks is not known: "
            "the API server reviews no tokens"
        )
        server.made("POST", f"{V2}/runs/create", None, {"experiment_id": "0"})
        server.made("GET", f"{V2}/registered-models/get", None, params={"name": "guarded"})
    finally:
        reviews.away = False


def test_promotion_deletes_a_version_and_its_model(server: GuardedServer, things: Things) -> None:
    """Last: nothing is left of the guarded model afterwards."""
    server.made("DELETE", f"{V2}/model-versions/delete", PROMOTE, {"name": "guarded", "version": "1"})
    server.made("POST", f"{V2}/runs/delete", PROMOTE, {"run_id": things.run})
    server.made("DELETE", f"{V2}/registered-models/delete", PROMOTE, {"name": "guarded"})
