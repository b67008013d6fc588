"""Where it is recorded why a workflow failed, and that Argo's status is read as text."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml
from bench import Bench
from json_handler import JsonHandler, JsonServer

from contract.names import RunTag
from loop.runtime import pod
from loop.training.failure import reason

BOMB: Final = '{{=sprig.repeat(2000000000, "A")}}'
"""What a user's code may leave as its last line."""


class Workflows(JsonServer):
    """An API server that shows one workflow by its name, or refuses."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.known: dict[str, Any] | None = None
        outer = self

        class Handler(JsonHandler):
            def do_GET(self) -> None:
                query = parse_qs(urlsplit(self.path).query)
                asked = query.get("fieldSelector") == [f"metadata.name={outer.name}"]
                self.answer(*((200, {"items": [outer.known]}) if outer.known and asked else (403, {})))

        super().__init__(Handler)


@pytest.fixture
def workflows(bench: Bench, tmp_path: Path) -> Iterator[Workflows]:
    server = Workflows(f"{bench.model}-train-1")
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "clusters": [{"name": "here", "cluster": {"server": server.url}}],
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
        "users": [{"name": "me", "user": {}}],
    }
    (tmp_path / "config").write_text(yaml.safe_dump(config))
    (tmp_path / "namespace").write_text("loop")
    bench.patch.setattr(pod, "NAMESPACE_FILE", tmp_path / "namespace")
    bench.patch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "config"))
    yield server
    server.close()


def failed(message: str) -> dict[str, Any]:
    return {"status": {"nodes": {"a": {"displayName": "train", "message": message, "phase": "Failed"}}}}


def test_a_failure_is_recorded_on_the_run_as_it_was_said(bench: Bench, workflows: Workflows) -> None:
    workflows.known = failed(f"Error (exit code 1): {BOMB}")
    run_id = bench.bind(bench.run())
    sentence = f"{bench.model}-train-1: train: Error (exit code 1): {BOMB}"
    assert bench.step("report-failure") == (0, f"{sentence}\nrecorded: run {run_id}, tag ml-loop.failure")
    assert bench.client.get_run(run_id).data.tags["ml-loop.failure"] == sentence


def test_a_run_that_breaks_the_contract_is_the_one_that_says_so(bench: Bench, workflows: Workflows) -> None:
    workflows.known = failed("no fingerprint")
    run_id = bench.run(fingerprint=None)
    assert bench.train(run_id)[0] == 1
    assert bench.step("report-failure")[1].endswith(f"recorded: run {run_id}, tag ml-loop.failure")


def test_a_failure_before_there_is_a_run_is_recorded_on_the_registered_model(
    bench: Bench, workflows: Workflows
) -> None:
    workflows.known = {"status": {"message": "no more time"}}
    assert bench.step("report-failure")[0] == 0
    assert bench.client.get_registered_model(bench.model).tags["ml-loop.failure"] == (
        f"{bench.model}-train-1: no more time"
    )


def test_a_status_that_cannot_be_read_is_recorded_as_a_failure_all_the_same(bench: Bench, workflows: Workflows) -> None:
    code, said = bench.step("report-failure")
    assert (code, said.splitlines()[0]) == (
        0,
        f"{bench.model}-train-1: failed, and its status cannot be read: the API server answers 403 Forbidden",
    )


def test_a_training_that_the_loop_has_ended_says_why_it_did(bench: Bench, workflows: Workflows) -> None:
    ended = {"annotations": {"ml-loop.dev/ended-because": "step train cannot start: ErrImagePull: not found"}}
    workflows.known = {"metadata": ended, **failed("workflow shutdown with strategy:  Stop")}
    assert bench.step("report-failure")[1].splitlines()[0] == (
        f"{bench.model}-train-1: step train cannot start: ErrImagePull: not found"
    )


def test_the_oldest_failure_is_told_first_and_what_succeeded_is_not() -> None:
    nodes = {
        "c": {
            "displayName": "pipeline",
            "message": "child failed",
            "phase": "Failed",
            "finishedAt": "2026-01-01T02",
        },
        "b": {"displayName": "train", "phase": "Error", "finishedAt": "2026-01-01T01"},
        "a": {"displayName": "cooldown", "message": "fine", "phase": "Succeeded", "finishedAt": "2026-01-01T00"},
    }
    assert reason({"nodes": nodes}) == "train: Error; pipeline: child failed"
    assert reason({}) == "failed, and Argo names no failed step"


def test_the_run_of_an_attempt_that_was_replaced_is_not_the_workflow_s(bench: Bench) -> None:
    first, second = bench.run(), bench.run()
    for run_id in (second, first):  # a later attempt may bring an older run
        assert bench.train(run_id)[0] == 0
    bound = {each: bench.client.get_run(each).data.tags[RunTag.WORKFLOW_UID] for each in (first, second)}
    assert bound == {first: f"{bench.model}-uid", second: f"{bench.model}-uid before run {first}"}
    assert bench.evaluate()[0] == 0
    assert RunTag.CANDIDATE in bench.client.get_run(first).data.tags
