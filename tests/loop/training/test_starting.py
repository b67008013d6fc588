"""A training whose pod cannot start is ended, and no other: what is sent to the API server, and when."""

import json
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import pytest
from json_handler import JsonHandler, JsonServer
from kubernetes.client.api_client import ApiClient
from kubernetes.client.configuration import Configuration

from contract.starting import ENDED_BECAUSE
from loop.training import starting
from loop.training.failure import reason
from loop.training.starting import PATIENCE, PERIOD, StartWatcher, Workflows

MISSING: Final = 'ErrImagePull: failed to pull "registry.example.com/churn:9": not found'
SENTENCE: Final = f"step train cannot start, and was given up after 90 s: {MISSING}"


def training(name: str, message: str = MISSING, **more: Any) -> dict[str, Any]:
    node = {"id": f"{name}-1", "type": "Pod", "displayName": "train(0)", "phase": "Pending", "message": message}
    return {
        "metadata": {"name": name, "resourceVersion": "7"},
        "spec": {},
        "status": {"nodes": {"retry": {"id": "r", "type": "Retry", "phase": "Running"}, node["id"]: node | more}},
    }


class ApiServer(JsonServer):
    """Shows Workflows, and keeps what it is told to change of them."""

    def __init__(self) -> None:
        self.shown: list[dict[str, Any]] = []
        self.ended: list[dict[str, Any]] = []
        self.asked: list[str] = []
        self.changes: list[tuple[str, str, dict[str, Any]]] = []
        self.refuses: set[str] = set()
        outer = self

        class Handler(JsonHandler):
            def do_GET(self) -> None:
                url = urlsplit(self.path)
                query = {key: value for key, (value, *_) in parse_qs(url.query).items()}
                if "fieldSelector" in query:
                    name = query["fieldSelector"].removeprefix("metadata.name=")
                    self.answer(200, {"items": [each for each in outer.ended if each["metadata"]["name"] == name]})
                elif "completed=true" in query["labelSelector"]:
                    self.answer(200, {"items": outer.ended})
                else:
                    outer.asked.append(query["labelSelector"])
                    self.answer(200, {"items": outer.shown})

            def do_PATCH(self) -> None:
                name = self.path.rpartition("/")[2]
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if name in outer.refuses:
                    self.answer(409, {})
                    return
                outer.changes.append((name, self.headers["Content-Type"], body))
                self.answer(200, {})

        super().__init__(Handler)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def api() -> Iterator[ApiServer]:
    server = ApiServer()
    yield server
    server.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def watch(api: ApiServer, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> StartWatcher:
    reached = ApiClient(Configuration(host=api.url))
    monkeypatch.setattr(starting, "api_client", lambda: reached)
    return StartWatcher(Workflows("loop"), clock)


def look(watch: StartWatcher, clock: Clock, seconds: float) -> None:
    """Look for so long."""
    for _ in range(int(seconds / PERIOD) + 1):
        watch.step()
        clock.now += PERIOD


def test_a_training_whose_image_cannot_be_pulled_ends_after_its_patience_and_says_why(
    api: ApiServer, watch: StartWatcher, clock: Clock
) -> None:
    api.shown = [training("churn-train-1")]
    look(watch, clock, PATIENCE - PERIOD)
    assert api.changes == []
    watch.step()
    ((name, kind, change),) = api.changes
    assert (name, kind) == ("churn-train-1", "application/merge-patch+json")
    assert change == {
        "metadata": {"resourceVersion": "7", "annotations": {ENDED_BECAUSE: SENTENCE}},
        "spec": {"shutdown": "Stop"},
    }
    assert set(api.asked) == {"ml-loop.dev/model,workflows.argoproj.io/completed!=true"}


def test_an_image_that_is_pulled_at_a_later_try_is_waited_for_and_begins_anew(
    api: ApiServer, watch: StartWatcher, clock: Clock
) -> None:
    for shown in (training("churn-train-1"), training("churn-train-1", "", phase="Running")) * 3:
        api.shown = [shown]
        look(watch, clock, PATIENCE - 2 * PERIOD)
    assert api.changes == []


@pytest.mark.parametrize(
    "message",
    ["Unschedulable: 0/3 nodes are available", "ContainerCreating", "PodInitializing", ""],
)
def test_what_may_yet_start_is_waited_for(api: ApiServer, watch: StartWatcher, clock: Clock, message: str) -> None:
    api.shown = [training("churn-train-1", message)]
    look(watch, clock, 3 * PATIENCE)
    assert api.changes == []


def test_a_training_that_ends_already_is_left_to_its_exit_handler(
    api: ApiServer, watch: StartWatcher, clock: Clock
) -> None:
    api.shown = [training("churn-train-1") | {"spec": {"shutdown": "Stop"}}]
    look(watch, clock, 3 * PATIENCE)
    assert api.changes == []


def test_one_that_the_api_server_refuses_to_end_keeps_none_of_the_others(
    api: ApiServer, watch: StartWatcher, clock: Clock
) -> None:
    api.shown, api.refuses = [training("churn-train-1"), training("sales-train-1")], {"churn-train-1"}
    look(watch, clock, PATIENCE)
    assert [name for name, _, _ in api.changes] == ["sales-train-1"]
    api.refuses.clear()
    watch.step()
    assert "churn-train-1" in {name for name, _, _ in api.changes}


def test_it_is_ready_while_the_api_server_answers_and_alive_all_the_same(
    api: ApiServer, watch: StartWatcher, clock: Clock
) -> None:
    assert watch.ready() == (False, "the API server shows no trainings")
    watch.step()
    assert watch.ready()[0]
    api.close()
    clock.now += 61
    watch.step()
    assert (watch.ready()[0], watch.alive()[0]) == (False, True)


def test_without_the_sentence_the_failure_would_name_the_stop_alone() -> None:
    stopped = {"displayName": "train(0)", "message": "workflow shutdown with strategy:  Stop", "phase": "Failed"}
    assert reason({"nodes": {"a": stopped}}) == "train(0): workflow shutdown with strategy:  Stop"


def ended(name: str, phase: str = "Succeeded", message: str = "", **said: str) -> dict[str, Any]:
    """A training that has ended; `said` are the words of its steps, in the order in which they have ended."""
    nodes = {
        step: {
            "type": "Pod",
            "templateName": step,
            "finishedAt": f"2026-01-01T00:00:{number:02}Z",
            "outputs": {"parameters": [{"name": "gate", "value": "passed"}, {"name": "message", "value": words}]},
        }
        for number, (step, words) in enumerate(said.items())
    }
    status = {"phase": phase, "nodes": dict(reversed(nodes.items()))} | ({"message": message} if message else {})
    return {"metadata": {"name": name, "resourceVersion": "9"}, "spec": {}, "status": status}


def test_each_training_that_succeeded_says_what_came_of_it_in_the_words_of_its_last_step(
    api: ApiServer, watch: StartWatcher
) -> None:
    api.ended = [
        ended("a", cooldown="skipped: cooling down until 12:00"),
        ended("told", message="by hand", register="x"),
    ]
    api.shown = [training(each, "", phase="Running") for each in ("b", "c", "d", "gone")]
    watch.step()
    assert [(name, change["status"]) for name, _, change in api.changes] == [
        ("a", {"message": "skipped: cooling down until 12:00"})
    ]
    api.changes.clear()
    api.ended += [
        ended("b", cooldown="granted", register="version 4 passed,\nauc 0.941", canary="of no speaker"),
        ended("c", "Failed", register="x"),
        ended("d"),
    ]
    api.shown, api.refuses = [], {"b"}
    watch.step()
    assert api.changes == []
    api.shown, api.refuses = [training("b", "", phase="Running")], set()
    watch.step()
    api.shown = []
    watch.step()
    watch.step()
    assert [(name, change) for name, _, change in api.changes] == [
        ("b", {"metadata": {"resourceVersion": "9"}, "status": {"message": "version 4 passed, auc 0.941"}})
    ]
