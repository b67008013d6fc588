"""However a step is killed, retried or doubled, its workflow registers one version."""

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from bench import Bench
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.utils import rest_utils
from mlflow_server import MlflowServer

from contract.names import Tag


class KilledError(BaseException):
    """Ends a step as the kill of its pod does: nothing in the step may catch it."""


def test_a_retried_step_finds_the_version_it_registered(bench: Bench) -> None:
    run_id = bench.run()
    assert bench.register(run_id) == bench.register(run_id)
    assert bench.versions() == ["1"]


def finish(bench: Bench) -> None:
    assert bench.step("register")[0] == 0


@pytest.mark.timeout(900)  # each of some forty requests is killed once
@pytest.mark.parametrize("answered", [False, True], ids=["before", "after"])
def test_a_pod_killed_at_any_request_and_retried_ends_in_one_staged_version(bench: Bench, answered: bool) -> None:
    # What every request passes through.
    send = rest_utils._get_http_response_with_retries  # pyright: ignore[reportPrivateUsage, reportPrivateImportUsage]
    sent, deadly = 0, 0
    bench.judged()
    bench.patch.setenv("MLFLOW_EXPERIMENT_NAME", bench.model)

    def dying(deadly: int) -> Callable[..., object]:
        def request(*arguments: Any, **options: Any) -> object:
            nonlocal sent
            sent += 1
            fatal = sent == deadly  # known before the answer: files are downloaded side by side
            answer = send(*arguments, **options) if answered or not fatal else None
            if fatal:
                raise KilledError
            return answer

        return request

    for deadly in range(1, 100):
        sent = 0
        bench.model = f"{bench.model.partition('--')[0]}--{deadly}"
        bench.patch.setenv("ML_LOOP_MODEL", bench.model)
        with bench.patch.context() as patch:
            patch.setattr(rest_utils, "_get_http_response_with_retries", dying(deadly))
            # A thread that downloads may be the one that dies: the step then ends as a crash does, and is retried too.
            with suppress(KilledError):
                bench.step("register")
        killed = sent >= deadly
        finish(bench)
        assert (bench.versions(), bench.staging()) == (["1"], "1")
        if not killed:
            break
    assert deadly > 8


def test_an_answer_lost_after_the_server_stored_the_version_does_not_make_a_second(bench: Bench) -> None:
    create, lost = type(bench.client).create_model_version, []

    def lose_first(self: MlflowClient, *arguments: Any, **options: Any) -> object:
        version = create(self, *arguments, **options)
        if not lost:
            lost.append(version)
            raise MlflowException("API request failed with exception connection reset")
        return version

    bench.patch.setattr(type(bench.client), "create_model_version", lose_first)
    assert bench.register(bench.run())[0] == 0
    assert lost
    assert bench.versions() == ["1"]


def test_of_two_pods_of_one_step_that_overlap_the_first_version_is_kept(bench: Bench) -> None:
    run_id = bench.run()
    create, raced = type(bench.client).create_model_version, []

    def race(self: MlflowClient, *arguments: Any, **options: Any) -> object:
        if not raced:
            raced.append(create(self, *arguments, **options))
        return create(self, *arguments, **options)

    bench.patch.setattr(type(bench.client), "create_model_version", race)
    assert bench.register(run_id)[1].startswith(f"version: 1 of {bench.model}\n")
    assert bench.versions() == ["1", "2"]
    assert bench.client.get_model_version(bench.model, "2").tags[Tag.WORKFLOW] == "twin of version 1"


def test_a_step_survives_an_mlflow_that_stops_and_starts_again(bench: Bench, tracking: MlflowServer) -> None:
    bench.judged()
    tracking.stop()
    waking = threading.Timer(1.0, tracking.start)
    waking.start()
    try:
        code, said = bench.step("register", PATIENCE="240")
    finally:
        waking.join()
        tracking.wait()
    assert code == 0
    assert "waiting for the registry: MLflow at" in said
    assert f"\nversion: 1 of {bench.model}\n" in said
    assert bench.versions() == ["1"]


def test_an_mlflow_that_stays_away_fails_the_step_with_a_clear_reason(bench: Bench) -> None:
    bench.patch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    with bench.patch.context() as patch:
        patch.setattr("mlflow.tracking._tracking_service.utils._tracking_uri", None)
        code, said = bench.step("register", PATIENCE="0.3")
    assert code == 1
    assert said.startswith(
        "gave up after 0.3 s: MLflow at http://127.0.0.1:9 does not answer: API request to http://127.0.0.1:9/"
    )
