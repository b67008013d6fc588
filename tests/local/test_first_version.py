"""A first `make up` ends with the example trained and answering; what others train is left alone."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from local import first_version
from local.check.live import Reply
from local.paths import Paths
from local.steps import StepError
from tests.local.check.station import PREDICT, Station, version, workflow


def ended(station: Station, phase: str) -> dict[str, Any]:
    station.workflows.append(workflow("m-train-1", phase, "2026-01-04T00:00:00Z"))
    return station.workflows[-1]


def fresh(**changed: Any) -> Station:
    """A model that nobody has trained yet; its training makes version 1."""

    def trained(station: Station, submitted: dict[str, Any]) -> dict[str, Any]:
        assert submitted["metadata"]["generateName"] == "m-first-"
        station.versions.append(version(1))
        station.aliases = {"staging": "1"}
        return ended(station, "Succeeded")

    values: dict[str, Any] = {
        "aliases": None,
        "versions": [],
        "workflows": [],
        "on_create": trained,
        "served": {"1": 1},
    }
    return Station(**values | changed)


def test_a_model_without_versions_is_trained_and_answers() -> None:
    station = fresh()
    assert first_version.provide(station.live) == "version 1 from m-train-1: auc 0.8 is passed, in 0 s"
    assert station.asked, "a prediction was asked for"
    station.on_create = None
    assert first_version.provide(station.live) == "1 in the registry", "the next `make up` trains nothing"


@pytest.mark.parametrize(("image", "trained"), [("recommender", True), (f"example.com/churn@sha256:{'0' * 64}", False)])
def test_other_people_s_trainings_are_not_started(image: str, trained: bool, tmp_path: Path) -> None:
    model = {"training": {"image": image, "gate": {"metric": "auc", "minimum": 0.7}}}
    config = {"ml-loop:models": {"m": model}, "ml-loop:namespace": "ml"}
    outputs = {"mlflow": {"externalUrl": "http://mlflow"}, "models": {"m": {"predict": PREDICT, "template": "m-train"}}}
    made = [step.name for step in first_version.steps(config, outputs, Paths(cache=tmp_path))]
    assert made == (["first version of m"] if trained else [])


def test_without_a_gateway_a_trained_version_is_enough() -> None:
    station = fresh()
    assert first_version.train(lambda: replace(station.live(), predict_url=None)).startswith("version 1 ")
    assert station.asked == []


def test_a_training_that_fails_ends_the_run_with_its_reason() -> None:
    def failed(station: Station, _submitted: dict[str, Any]) -> dict[str, Any]:
        return ended(station, "Failed")

    with pytest.raises(StepError, match="m has no first version: m-train-1 is Failed after 0 s: why"):
        first_version.train(fresh(on_create=failed).live)


def test_a_version_that_does_not_answer_ends_the_run_with_what_came(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_version, "ROUTED_SECONDS", 0.0)
    station = fresh(predict=Reply(503, {}, "no available server\n"))
    with pytest.raises(StepError, match=f"m is trained and does not answer: {PREDICT} answers 503"):
        first_version.train(station.live)


def test_an_mlflow_that_starts_anew_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    station, refusals = Station(), iter([True, True, False])

    def starting(url: str, body: object = None) -> Reply:
        if next(refusals):
            raise OSError("connection refused")
        return station.http(url, body)

    monkeypatch.setattr("time.sleep", no_sleep)
    assert first_version.provide(lambda: replace(station.live(), http=starting)) == "2 in the registry"


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (None, "connection refused"),
        (Reply(503, {}, "no healthy upstream"), "MLflow answers 503 to model-versions/search: no healthy upstream"),
        (Reply(404, {}, "{}"), "MLflow answers 404 to model-versions/search: {}"),
        (Reply(200, {}, "<html>"), "MLflow answers 200 to model-versions/search: <html>"),
    ],
)
def test_an_mlflow_that_does_not_say_is_no_reason_to_train(
    reply: Reply | None, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_url: str, _body: object = None) -> Reply:
        if reply is None:
            raise OSError("connection refused")
        return reply

    monkeypatch.setattr(first_version, "MLFLOW_SECONDS", 0.0)
    with pytest.raises(StepError, match=re.escape(f"MLflow cannot be asked for versions of m: {said}")):
        first_version.provide(lambda: replace(fresh().live(), http=away))


def no_sleep(_seconds: float) -> None:
    """Time does not matter here."""
