"""Who may change what, asked of a running MLflow server: each of its operations, by each kind of caller."""

import pytest
from guarded import NOTHING, REQUESTS, Things
from guarded_server import DENIED, GATE, HEAL, OTHER, PROMOTE, STRANGER, TRAIN, Answer, GuardedServer
from mlflow_paths import ALIAS, V2
from token_reviews import ACCOUNTS

from contract.names import PRODUCTION_TAG
from identity.operations import SETS, Right, flask_app, short


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
        ("person-token", "a request that has a token that is not a service account's"),
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


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_who_presses_the_page_s_button_learns_how_a_version_is_promoted(
    server: GuardedServer, things: Things, method: str
) -> None:
    asked = {"name": "guarded", "alias": "production", "version": "1"}
    answer = server.ask(method, f"{V2}/registered-models/alias", None, asked)
    assert answer.denied
    assert answer.message.endswith("change ml-loop:models.guarded.production in the stack's settings and apply them")


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
        assert f"which only {ACCOUNTS[PROMOTE]} may" in answer.message


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
        assert refused.message.startswith(
            f"{ACCOUNTS[GATE]} asked for POST registered-models/alias ({alias}) of the guarded model guarded, "
            f"which only {others} may. "
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
    said = f"(production refused: forged) of the guarded model guarded, which only {ACCOUNTS[PROMOTE]} may"
    assert said in line


def test_promotion_deletes_a_version_and_its_model(server: GuardedServer, things: Things) -> None:
    """Last: nothing is left of the guarded model afterwards."""
    server.made("DELETE", f"{V2}/model-versions/delete", PROMOTE, {"name": "guarded", "version": "1"})
    server.made("POST", f"{V2}/runs/delete", PROMOTE, {"run_id": things.run})
    server.made("DELETE", f"{V2}/registered-models/delete", PROMOTE, {"name": "guarded"})
