"""The cooldown step over HTTP with the official client, threads racing for one Lease, and the command itself."""

import sys
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from fake_api import HOURS, NOON, LeaseServer, at, request, store

from contract.commands import Cooldown
from loop.retraining import cooldown
from loop.retraining.cooldown import ask
from loop.retraining.decision import Event
from loop.retraining.leases import KubernetesStore


def test_the_first_event_of_a_feature_is_granted_and_the_next_is_told_until_when_to_wait(server: LeaseServer) -> None:
    assert request(server, "e1") == (True, "granted: no other training for the feature before 2026-01-01T18:01:00Z")
    at(server, NOON + 2 * HOURS)
    assert request(server, "e2") == (False, "skipped: cooling down until 2026-01-01T18:01:00Z")


def test_features_that_drift_together_start_one_training(server: LeaseServer) -> None:
    assert request(server, "e1", "age")[0]
    covered = (False, "skipped: covered by the training that event e1 has started")
    assert request(server, "e2", "price") == covered
    assert request(server, "e2", "price") == covered
    lease = server.leases["retrain-recommender"]
    assert lease["metadata"]["annotations"]["ml-loop.dev/refused"] == '["e2"]'
    assert lease["metadata"]["annotations"]["ml-loop.dev/refusals"] == "1"


def test_a_feature_that_drifts_later_starts_its_own_training(server: LeaseServer) -> None:
    assert request(server, "e1", "age")[0]
    at(server, NOON + 2 * HOURS)
    assert request(server, "e2", "price")[0]


def test_the_leases_are_what_kubernetes_and_its_users_expect(server: LeaseServer) -> None:
    request(server, "e1", "user age", "run-1")
    name = "retrain-recommender-user-age-d78c9af3"
    lease = server.leases[name]
    assert lease["spec"] == {
        "holderIdentity": "e1",
        "acquireTime": "2026-01-01T12:00:00.000000Z",
        "leaseDurationSeconds": 21600,
        "leaseTransitions": 1,
    }
    assert lease["metadata"]["labels"] == {"app": "ml-loop"}
    assert lease["metadata"]["annotations"]["ml-loop.dev/feature"] == "user age"


def test_of_many_that_ask_at_once_exactly_one_is_granted_and_all_refusals_are_counted(server: LeaseServer) -> None:
    together = threading.Barrier(12)
    answers: list[bool] = []

    def contend(number: int) -> None:
        mine = store(server)
        together.wait()
        answers.append(ask(mine, "recommender", Event(f"e{number}", "age", f"r{number}"), 6 * HOURS)[0])

    threads = [threading.Thread(target=contend, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(answers) == [False] * 11 + [True]
    assert server.conflicts > 0, "nobody raced"
    assert server.leases["retrain-recommender-age"]["metadata"]["annotations"]["ml-loop.dev/refusals"] == "11"


def command(monkeypatch: pytest.MonkeyPatch, server: LeaseServer, folder: Path, *more: str) -> int:
    wanted = Cooldown(model="recommender", feature="age", event_id="e1", run="r1", cooldown=timedelta(hours=6))
    given = [*wanted.argv(), *more]
    monkeypatch.setattr(sys, "argv", ["cooldown", *given])

    def of_the_server(_arguments: object) -> KubernetesStore:
        return store(server)

    monkeypatch.setattr(cooldown, "_store", of_the_server)
    monkeypatch.setenv("ML_LOOP_OUTPUT", str(folder))
    return cooldown.main()


def test_the_command_leaves_its_answer_for_the_workflow(
    monkeypatch: pytest.MonkeyPatch, server: LeaseServer, tmp_path: Path
) -> None:
    assert command(monkeypatch, server, tmp_path) == 0
    assert (tmp_path / "granted").read_text() == "true"
    assert command(monkeypatch, server, tmp_path, "--event-id", "e2") == 0
    assert (tmp_path / "granted").read_text() == "false"
    assert (tmp_path / "message").read_text() == "skipped: cooling down until 2026-01-01T18:01:00Z"
