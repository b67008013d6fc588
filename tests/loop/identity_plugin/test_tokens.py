"""Whose token counts: reviewed by the API server, of a pod that runs."""

from typing import Any

import pytest
from guarded import Things
from guarded_server import TRAIN, GuardedServer
from mlflow_paths import V2
from token_reviews import TokenReviews


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
        (403, "a pod in loop, whose pods this server may not see"),
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
            "POST runs/create concerns the guarded model guarded, and the caller is not known: "
            "the API server does not review tokens"
        )
        server.made("POST", f"{V2}/runs/create", None, {"experiment_id": "0"})
        server.made("GET", f"{V2}/registered-models/get", None, params={"name": "guarded"})
    finally:
        reviews.away = False
