"""Data that an update would delete is told of first, and stays until the settings say so."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pulumi
import pytest
from kubernetes import client
from kubernetes.client.exceptions import ApiException

from checks import departures
from settings import SettingsError
from tests.checks.test_operators import stack


@dataclass
class Told:
    """A cluster, and what the user reads of it."""

    namespaces: Mapping[str, Sequence[str]]
    """Namespaces of this stack → the volume claims in each."""
    templates: Sequence[str] = ()
    warnings: list[str] = field(default_factory=list[str])


def items(*names: str) -> Any:
    return SimpleNamespace(items=[SimpleNamespace(metadata=SimpleNamespace(name=name)) for name in names])


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    """A cluster with what the settings name, and a database in an earlier namespace; an update, not a preview."""
    told = Told({"loop": [], "mlflow": ["mlflow-db-1"], "registry": ["mlflow-db-1", "artifacts"]})

    class Core:
        def __init__(self, _: object) -> None: ...

        def list_namespace(self, label_selector: str, **_: object) -> Any:
            assert label_selector == "ml-loop/stack=prod"
            return items(*told.namespaces)

        def list_namespaced_persistent_volume_claim(self, name: str, **_: object) -> Any:
            return items(*told.namespaces[name])

    class Custom:
        def __init__(self, _: object) -> None: ...

        def list_namespaced_custom_object(self, *kind: str, label_selector: str, **_: object) -> Any:
            assert kind == ("argoproj.io", "v1alpha1", "loop", "workflowtemplates")
            assert "app.kubernetes.io/part-of=ml-loop" in label_selector
            if told.templates == ("no kind",):
                raise ApiException(status=404)
            return {"items": [{"metadata": {"name": name}} for name in told.templates]}

    def nobody(_: object) -> None:
        """No client: the API is a stand-in."""

    monkeypatch.setattr(client, "CoreV1Api", Core)
    monkeypatch.setattr(client, "CustomObjectsApi", Custom)
    monkeypatch.setattr(departures, "connected", nobody)
    monkeypatch.setattr(pulumi, "get_stack", lambda: "prod")
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: False)
    monkeypatch.setattr(pulumi.log, "warn", told.warnings.append)
    return told


LOST = (
    "ml-loop:discard does not name registry, a namespace of this stack that no setting names any more: the update "
    "would delete it with all that is in it, its volumes (artifacts, mlflow-db-1) and your Secrets too. Put the "
    "namespace back, or add it to ml-loop:discard once you have a copy of what you need."
)
LEFT = (
    "ml-loop:models.churn has left the settings: its services, training and detector are deleted. Its versions stay in "
    "MLflow, its logs and records in their store. Under another name a model begins without versions; write the name "
    "back to keep it as it is."
)


def test_an_update_keeps_the_volumes_of_a_namespace_that_has_left_the_settings(told: Told) -> None:
    with pytest.raises(SettingsError) as caught:
        departures.check(stack())
    assert str(caught.value) == LOST
    assert told.warnings == []


def test_a_preview_says_what_would_be_lost(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: True)
    departures.check(stack())
    assert told.warnings == [LOST]


@pytest.mark.parametrize("settings", [{"discard": ["registry"]}, {"tracking": {"namespace": "registry"}}])
def test_what_the_settings_name_is_no_loss(told: Told, settings: Mapping[str, Any]) -> None:
    told.namespaces = {name: claims for name, claims in told.namespaces.items() if name != "mlflow"}
    departures.check(stack(**settings))
    assert told.warnings == []


def test_a_namespace_without_volumes_goes_without_a_word(told: Told) -> None:
    told.namespaces = {"loop": (), "mlflow": ("mlflow-db-1",), "kafka": ()}
    departures.check(stack())
    assert told.warnings == []


def test_a_model_that_has_left_the_settings_is_told_of_with_what_stays(told: Told) -> None:
    told.namespaces = {}
    told.templates = ("churn-train-0123abcd", "churn-train", "recommender-train-0123abcd", "something-else")
    departures.check(stack())
    assert told.warnings == [LEFT]


def test_a_cluster_without_trainings_has_lost_none(told: Told) -> None:
    told.namespaces, told.templates = {}, ("no kind",)
    departures.check(stack())
    assert told.warnings == []


def test_a_cluster_that_does_not_answer_is_a_warning(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_: object) -> None:
        raise ApiException(status=403, reason="Forbidden")

    monkeypatch.setattr(departures, "connected", refused)
    departures.check(stack())
    assert told.warnings == ["my-cluster could not be asked for data that an update would delete: Forbidden"]
