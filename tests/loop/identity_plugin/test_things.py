"""What belongs to a guarded model: its versions, their tags and files, its experiment, runs and traces."""

import pytest
import requests
from guarded import Things
from guarded_server import DENIED, GATE, HEAL, PROMOTE, STRANGER, TRAIN, Answer, GuardedServer
from mlflow_paths import FILES, V2
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from token_reviews import ACCOUNTS

from contract.names import PRODUCTION_TAG, PROMOTION_TAG, GateResult, Tag


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
        assert f"which only {ACCOUNTS[GATE]}, {ACCOUNTS[PROMOTE]} may" in refused.message


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
        assert refused.message == "artifact_location must be left out: the server gives each experiment its own place"


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
