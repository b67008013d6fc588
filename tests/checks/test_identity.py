"""What Pulumi knows the cluster by: what the cluster says of itself."""

from types import SimpleNamespace
from typing import Any

import pulumi
import pytest
from kubernetes import client
from kubernetes.client.exceptions import ApiException

from checks import identity
from settings import SettingsError
from tests.checks.test_operators import stack

UID = "0b2f9c1e-8d0f-4c53-9a55-3f7d0a3f7c11"


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What the cluster answers, in turn; an exception is raised."""
    queue: list[object] = []

    class Api:
        def __init__(self, _: object) -> None: ...

        def read_namespace(self, name: str, **_: object) -> Any:
            assert name == "kube-system"
            answer = queue.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return SimpleNamespace(metadata=SimpleNamespace(uid=answer))

    def nobody(_: object) -> None:
        """No client: the API is a stand-in."""

    monkeypatch.setattr(client, "CoreV1Api", Api)
    monkeypatch.setattr(identity, "connected", nobody)
    return queue


@pytest.fixture
def previewing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: True)


def test_a_cluster_is_its_uid_under_whatever_context(answers: list[object]) -> None:
    answers[:] = [UID, UID]
    assert identity.identity(stack()) == identity.identity(stack(cluster={"context": "renamed"})) == UID


def test_the_settings_may_know_it_by_another_name(answers: list[object]) -> None:
    assert identity.identity(stack(cluster={"context": "c", "identifier": "old"})) == "old"
    assert answers == []


def test_an_update_of_a_cluster_that_does_not_answer_ends_before_anything_is_replaced(answers: list[object]) -> None:
    answers.append(ApiException(status=403, reason="Forbidden"))
    with pytest.raises(SettingsError) as caught:
        identity.identity(stack())
    assert str(caught.value) == (
        "my-cluster could not be asked for the uid of kube-system, by which Pulumi knows it: Forbidden. Repair the "
        "access to it, or set ml-loop:cluster.identifier to the name that Pulumi knows it by."
    )


@pytest.mark.usefixtures("previewing")
def test_a_preview_of_it_goes_on_with_a_warning(answers: list[object], monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", told.append)
    answers.append(OSError("refused"))
    assert identity.identity(stack()) == "my-cluster"
    assert told[0].endswith("refused. What this preview says about existing objects means nothing.")
