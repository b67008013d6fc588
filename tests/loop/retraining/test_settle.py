"""How trainings end: by their version's tags, in the Leases over HTTP, and summed by the ledger."""

import json
import sys
from datetime import timedelta
from typing import Any

import mlflow
import pytest
from fake_api import HOURS, NOON, LeaseServer, at, request, store
from mlflow import MlflowClient
from mlflow_server import MlflowServer

from contract.commands import Settle
from contract.names import Tag
from loop.retraining import ledger, settle
from loop.retraining.decision import Ending


def tags(gate: str = "passed", **report: Any) -> dict[str, str]:
    numbers = {"metric": "auc", "direction": "higher", "candidate": 0.8} | report
    return {Tag.GATE: gate, Tag.GATE_REPORT: json.dumps(numbers), Tag.TRIGGER: "drift:age"}


@pytest.mark.parametrize(
    ("succeeded", "found", "expected"),
    [
        (True, tags(production=0.7), (Ending.GAINED, "its version gains +0.1")),
        (True, tags(production=0.8), (Ending.FRUITLESS, "its version gains +0")),
        (True, tags(production=0.9), (Ending.FRUITLESS, "its version gains -0.1")),
        (True, tags(production=0.9, direction="lower"), (Ending.GAINED, "its version gains +0.1")),
        (True, tags(), (Ending.GAINED, "its version was compared with none in production")),
        (True, tags("rejected", production=0.7), (Ending.FRUITLESS, "its version did not pass the gate")),
        (
            False,
            tags(production=0.7) | {Tag.REJECTED: "slow"},
            (Ending.FRUITLESS, "its version was taken back from staging"),
        ),
        (
            False,
            tags(production=0.7),
            (Ending.FAILED, "its version passed the gate, and a later step ended with an error"),
        ),
        (False, None, (Ending.FAILED, "it ended with an error")),
        (True, None, (Ending.FRUITLESS, "it made no version: there was nothing new to learn")),
    ],
)
def test_an_ending_is_read_from_the_version_and_what_failed_is_no_verdict(
    succeeded: bool, found: dict[str, str] | None, expected: tuple[Ending, str]
) -> None:
    assert settle.ending(succeeded, found) == expected


def settled(server: LeaseServer, how: Ending, run: str = "e1", feature: str = "age") -> str:
    given = Settle(
        model="recommender", feature=feature, run=run, workflow="w", status="Failed", cooldown=timedelta(hours=6)
    )
    return settle.settled(store(server), given, how)


def test_a_training_that_failed_may_be_tried_again_by_the_feature_and_by_what_it_covered(server: LeaseServer) -> None:
    assert request(server, "e1", "age")[0]
    at(server, NOON + HOURS / 3)
    assert settled(server, Ending.FAILED) == "age may train again from 2026-01-01T12:25:00Z"
    assert request(server, "e2", "age") == (False, "skipped: cooling down until 2026-01-01T12:25:00Z")
    at(server, NOON + HOURS / 2)
    assert request(server, "e3", "price")[0], "the failed training covers no other feature either"
    assert settled(server, Ending.GAINED) == "age may train again from 2026-01-01T12:25:00Z"


def test_what_the_failed_training_held_is_the_next_one_s(server: LeaseServer) -> None:
    request(server, "e1")
    settled(server, Ending.FAILED)
    at(server, NOON + HOURS)
    assert request(server, "e4", "age") == (
        True,
        "granted: no other training for the feature before 2026-01-01T19:01:00Z",
    )
    assert settled(server, Ending.FAILED) == "another training holds the cooldown"
    assert server.leases["retrain-recommender-age"]["metadata"]["annotations"]["ml-loop.dev/failures"] == "1"


def test_a_fruitless_training_makes_the_lease_longer_and_leaves_the_model_s_alone(server: LeaseServer) -> None:
    request(server, "e1")
    model = json.dumps(server.leases["retrain-recommender"])
    assert settled(server, Ending.FRUITLESS) == "age may train again from 2026-01-02T00:01:00Z"
    assert server.leases["retrain-recommender-age"]["spec"]["leaseDurationSeconds"] == 12 * 3600
    assert json.dumps(server.leases["retrain-recommender"]) == model


def test_a_run_that_was_never_granted_settles_nothing(server: LeaseServer) -> None:
    assert settled(server, Ending.FAILED) == "another training holds the cooldown"
    assert server.leases == {}


def test_the_command_finds_the_version_of_its_workflow(
    tracking: MlflowServer, server: LeaseServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    register("settled", tags(production=0.7) | {Tag.WORKFLOW: "settled-1"})
    request(server, "e1")

    def of_the_server(_namespace: str | None) -> Any:
        return store(server)

    monkeypatch.setattr(settle, "of_namespace", of_the_server)
    words = ["--feature=age", "--run=e1", "--workflow=settled-1", "--status=Succeeded", "--cooldown=21600s"]
    monkeypatch.setattr(sys, "argv", ["settle", "--model=settled", *words])
    capsys.readouterr()
    assert settle.main() == 0
    assert capsys.readouterr().out == "gained: its version gains +0.1; another training holds the cooldown\n"


def register(model: str, with_tags: dict[str, str]) -> str:
    client = MlflowClient()
    with mlflow.start_run() as run:
        pass
    if not client.search_registered_models(f"name = '{model}'"):
        client.create_registered_model(model)
    source = f"runs:/{run.info.run_id}/model"
    return str(client.create_model_version(model, source, run.info.run_id, tags=with_tags).version)


def test_the_ledger_sums_trainings_gains_and_promotions_by_what_started_them(
    tracking: MlflowServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for found in (
        tags() | {Tag.TRIGGER: "manual", Tag.PROMOTED: "2026-01-01T00:00:00+00:00"},
        tags(production=0.7) | {Tag.PROMOTED: "2026-01-02T00:00:00+00:00"},
        tags(production=0.7) | {Tag.REJECTED: "slow"},
        tags("rejected", production=0.9),
        tags(production=0.78),
    ):
        register("ledger", found)
    monkeypatch.setattr(sys, "argv", ["ledger", "--model=ledger"])
    capsys.readouterr()
    assert ledger.main() == 0
    head, _, manual, drift = capsys.readouterr().out.splitlines()
    assert head.startswith("| started by | trainings | passed | taken back | promoted | metric | gain |")
    assert manual == "| manual | 1 | 1 | 0 | 1 | auc | not compared |  | 0.00 |"
    assert drift == "| drift:age | 4 | 3 | 1 | 1 | auc | +0.12 | +0.03 | 0.00 |"


def test_a_model_without_versions_is_one_sentence(
    tracking: MlflowServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["ledger", "--model=no-such"])
    assert ledger.main() == 1
    assert "no-such has no version: nothing was trained" in capsys.readouterr().err
