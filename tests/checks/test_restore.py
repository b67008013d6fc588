"""A plain `up` does not do half of a restore."""

from typing import Any

import pulumi
import pytest
from kubernetes import client
from kubernetes.client.exceptions import ApiException

from checks import restore
from settings import Settings, SettingsError
from tests.restore.test_wanted import RESTORE, settings

MESSAGE = (
    "ml-loop:tracking.postgres.backup.restore: a mapping is not allowed; expected nothing while the running database "
    "writes 'mlflow-db' and not 'mlflow-db-2'. Run `make restore STACK=prod`, which replaces the database, or remove "
    "it to keep this one."
)


def nobody(_: object) -> None:
    """No client: the API is a stand-in."""


@pytest.fixture(autouse=True)
def of_prod(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulumi, "get_stack", lambda: "prod")
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: False)


def checked(monkeypatch: pytest.MonkeyPatch, stack: Settings, written: str | None) -> None:
    """Checks it on a cluster whose database writes that archive; None: there is none."""

    class Api:
        def __init__(self, _: Any) -> None: ...

        def get_namespaced_custom_object(self, *path: str, **_: Any) -> Any:
            assert path == ("postgresql.cnpg.io", "v1", "mlflow", "clusters", "mlflow-db")
            if written is None:
                raise ApiException(status=404)
            plugin = {"name": "barman-cloud.cloudnative-pg.io", "parameters": {"serverName": written}}
            return {"spec": {"plugins": [plugin]}}

    monkeypatch.setattr(client, "CustomObjectsApi", Api)
    monkeypatch.setattr(restore, "connected", nobody)
    restore.check(stack)


def test_an_up_that_would_only_rename_the_archive_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError) as error:
        checked(monkeypatch, settings(RESTORE), "mlflow-db")
    assert str(error.value) == MESSAGE


def test_a_preview_of_it_warns(monkeypatch: pytest.MonkeyPatch) -> None:
    warnings: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", warnings.append)
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: True)
    checked(monkeypatch, settings(RESTORE), "mlflow-db")
    assert warnings == [MESSAGE]


@pytest.mark.parametrize("written", [None, "mlflow-db-2"], ids=["no database", "restored already"])
def test_a_database_that_is_new_or_restored_is_no_reason(monkeypatch: pytest.MonkeyPatch, written: str | None) -> None:
    checked(monkeypatch, settings(RESTORE), written)


def test_the_restore_itself_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(restore.UNDER_WAY, "mlflow-db-2")
    checked(monkeypatch, settings(RESTORE), "mlflow-db")


def test_without_a_restore_an_archive_may_be_renamed(monkeypatch: pytest.MonkeyPatch) -> None:
    checked(monkeypatch, settings({"archive": "mlflow-db-2"}), "mlflow-db")
