"""The registry module against a real MLflow server."""

import uuid

import pytest
from mlflow import MlflowClient
from mlflow_server import MlflowServer

from loop.runtime.registry import Registry, RegistryError


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
