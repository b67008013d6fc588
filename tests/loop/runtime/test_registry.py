"""The registry module against a real MLflow server."""

import uuid

import pytest
from mlflow import MlflowClient
from mlflow_server import MlflowServer

from loop.runtime import registry as asking
from loop.runtime.registry import Registry, RegistryError, UnavailableError


@pytest.fixture
def model(tracking: MlflowServer) -> str:
    """A registered model with two versions; `production` is 1."""
    client, name = MlflowClient(), f"books-{uuid.uuid4().hex[:8]}"
    client.create_registered_model(name)
    for number in ("1", "2"):
        run_id = client.create_run("0").info.run_id
        client.create_model_version(name, f"runs:/{run_id}/model", run_id, {"number": number})
    client.set_registered_model_alias(name, "production", "1")
    return name


def test_an_alias_and_a_number_resolve_to_their_version(model: str) -> None:
    registry = Registry()
    assert [str(registry.resolve(model, reference).version) for reference in ("production", "2")] == ["1", "2"]


@pytest.mark.parametrize(("reference", "kind"), [("staging", "alias"), ("7", "version")])
def test_what_is_not_in_the_registry_is_named(model: str, tracking: MlflowServer, reference: str, kind: str) -> None:
    with pytest.raises(RegistryError) as caught:
        Registry().resolve(model, reference)
    assert str(caught.value) == f"model {model} has no {kind} {reference} in the registry at {tracking.url}"


def test_a_model_that_does_not_exist_has_no_alias(tracking: MlflowServer) -> None:
    assert Registry().alias("no-such-model", "production") is None


def test_aliases_and_tags_are_written_and_removed(model: str) -> None:
    registry = Registry()
    registry.set_alias(model, "previous", "2")
    registry.tag_version(model, "2", "seen", "yes")
    assert [found.version for found in registry.tagged(model, "seen", "yes")] == [
        registry.resolve(model, "previous").version
    ]
    registry.delete_alias(model, "previous")
    assert registry.alias(model, "previous") is None


def test_a_tag_holds_no_character_that_a_database_refuses(model: str) -> None:
    registry = Registry()
    registry.tag_version(model, "1", "said", "it ended: \0 and \udc80")
    assert registry.resolve(model, "1").tags["said"] == "it ended: \N{REPLACEMENT CHARACTER} and ?"


class Clock:
    """Time that passes only where a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")  # nobody asks it
    clock = Clock()
    monkeypatch.setattr(asking, "time", clock)
    return clock


def test_a_download_that_breaks_off_after_longer_than_the_patience_is_tried_again(clock: Clock) -> None:
    lasting = iter((400.0, 400.0, 1.0))

    def download() -> str:
        clock.now += (seconds := next(lasting))
        if seconds > asking.SILENCE:
            raise UnavailableError("it broke off")
        return "there"

    assert Registry(patience=60).ask(download) == "there"


def test_what_does_not_answer_is_given_up_after_the_patience(clock: Clock) -> None:
    began = clock.now

    def silent() -> None:
        clock.now += 1
        raise UnavailableError("no answer")

    with pytest.raises(RegistryError) as caught:
        Registry(patience=60).ask(silent)
    assert str(caught.value) == "gave up after 60 s: no answer"
    assert 60 <= clock.now - began <= 63
