"""Earlier templates are found as long as something runs by them."""

from typing import Any

import pulumi
import pytest
from kubernetes import client
from kubernetes.client.exceptions import ApiException

from checks import trainings
from components.kit.labels import labels
from tests.checks.test_operators import stack

NAMES = ("recommender-train", "recommender-train-0000000a", "recommender-train-0000000b", "recommender-train-0000000c")


def template(name: str, **changed: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "labels": labels("training", "x") | changed}, "spec": {"entrypoint": name}}


def workflow(name: str, phase: str | None) -> dict[str, Any]:
    status = {"phase": phase} if phase else {}
    return {"spec": {"workflowTemplateRef": {"name": name}}, "status": status}


def sensor(name: str) -> dict[str, Any]:
    source = {"resource": {"spec": {"workflowTemplateRef": {"name": name}}}}
    return {"spec": {"triggers": [{"template": {"k8s": {"source": source}}}]}}


def nobody(_: object) -> None:
    """No client: the API is a stand-in."""


def found(monkeypatch: pytest.MonkeyPatch, objects: dict[str, list[dict[str, Any]]], status: int = 404) -> Any:
    """On a cluster with these objects; it answers with `status` for other kinds."""

    class Api:
        def __init__(self, _: Any) -> None: ...

        def list_namespaced_custom_object(self, group: str, version: str, namespace: str, plural: str, **_: Any) -> Any:
            assert (group, version, namespace) == ("argoproj.io", "v1alpha1", "loop")
            if plural not in objects:
                raise ApiException(status=status, reason="Forbidden")
            return {"items": objects[plural]}

    monkeypatch.setattr(client, "CustomObjectsApi", Api)
    monkeypatch.setattr(trainings, "connected", nobody)
    return trainings.templates_in_use(stack())


@pytest.mark.parametrize("phase", [None, "Pending", "Running"])
def test_a_template_of_a_training_that_has_not_ended_is_in_use(
    monkeypatch: pytest.MonkeyPatch, phase: str | None
) -> None:
    objects = {"workflowtemplates": [template(name) for name in NAMES], "workflows": [workflow(NAMES[1], phase)]}
    assert found(monkeypatch, objects) == {"recommender": {NAMES[1]: {"entrypoint": NAMES[1]}}}


@pytest.mark.parametrize("phase", ["Succeeded", "Failed", "Error"])
def test_one_whose_trainings_have_ended_is_not(monkeypatch: pytest.MonkeyPatch, phase: str) -> None:
    objects = {"workflowtemplates": [template(name) for name in NAMES], "workflows": [workflow(NAMES[1], phase)]}
    assert found(monkeypatch, objects) == {"recommender": {}}


def test_what_a_sensor_or_a_schedule_will_start_is_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    schedule = {"spec": {"workflowSpec": {"workflowTemplateRef": {"name": NAMES[2]}}}}
    templates = [template(name) for name in NAMES]
    objects = {"workflowtemplates": templates, "sensors": [sensor(NAMES[0])], "cronworkflows": [schedule]}
    assert list(found(monkeypatch, objects)["recommender"]) == [NAMES[0], NAMES[2]]


def test_other_models_and_templates_of_others_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    others = [template("other-train-0000000a"), template(NAMES[1], **{"app.kubernetes.io/part-of": "something"})]
    runs = [workflow("other-train-0000000a", "Running"), workflow(NAMES[1], "Running")]
    assert found(monkeypatch, {"workflowtemplates": others, "workflows": runs}) == {"recommender": {}}


def test_a_cluster_without_argo_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert found(monkeypatch, {}) == {}


def test_one_that_cannot_be_asked_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    warnings: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", warnings.append)
    assert found(monkeypatch, {}, status=403) == {}
    (warning,) = warnings
    assert warning == (
        "my-cluster could not be asked for running trainings, so an update that changes how a model is trained may "
        "end them: Forbidden"
    )


def test_a_stack_without_models_asks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(_: Any) -> None:
        pytest.fail("the cluster was asked")

    monkeypatch.setattr(trainings, "connected", never)
    assert trainings.templates_in_use(stack(models={})) == {}
