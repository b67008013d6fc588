"""What settings say of a restore, and what they may not say of the cluster as it is."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pulumi
import pytest

from restore.wanted import Found, RecoveryWindow, RestoreError, Source, following, problems, wanted
from settings import Settings

NOW = datetime(2026, 2, 1, tzinfo=UTC)
WINDOW = RecoveryWindow(first=datetime(2026, 1, 1, 3, tzinfo=UTC), last_backup=datetime(2026, 1, 31, 3, tzinfo=UTC))
RUNS = Found(archive="mlflow-db", source=None, ready=True, failed=False, windows={"mlflow-db": WINDOW})
RESTORE = {"archive": "mlflow-db-2", "restore": {"archive": "mlflow-db", "until": "2026-01-31T12:00:00Z"}}


def settings(backup: dict[str, Any] | None, **tracking: Any) -> Settings:
    return Settings.model_validate(
        {
            "cluster": {"context": "my-cluster"},
            "namespace": "loop",
            "artifacts": {"kind": "aws-s3", "region": "eu-west-1"},
            "tracking": {"postgres": {} if backup is None else {"backup": backup}} | tracking,
            "trackingSecretKey": pulumi.Output.secret("a key"),
        }
    )


def told(backup: dict[str, Any], found: Found) -> list[str]:
    return list(problems(wanted(settings(backup)), found, NOW))


def test_the_settings_say_what_is_read_and_what_is_written() -> None:
    target = wanted(settings(RESTORE))
    assert (target.archive, target.source) == ("mlflow-db-2", Source(archive="mlflow-db", until="2026-01-31T12:00:00Z"))
    assert (target.namespace, target.loop, target.replicas) == ("mlflow", "loop", 2)
    assert told(RESTORE, RUNS) == []


def test_settings_without_a_restore_are_told_what_to_add() -> None:
    with pytest.raises(RestoreError) as error:
        wanted(settings({"archive": "mlflow-db-2"}))
    assert str(error.value) == (
        "ml-loop:tracking.postgres.backup.restore is missing: the settings say what is restored. "
        "Add, and have reviewed:\n  backup:\n    archive: mlflow-db-3\n"
        "    restore: {archive: mlflow-db-2, until: <a moment such as 2027-01-31T12:00:00Z>}"
    )


def test_without_backups_there_is_nothing_to_restore_from() -> None:
    with pytest.raises(RestoreError, match=r"^ml-loop:tracking\.postgres\.backup is missing"):
        wanted(settings(None))


def test_servers_that_argo_cd_keeps_running_have_no_number_of_ours() -> None:
    assert wanted(settings(RESTORE, delivery="argocd")).replicas is None


def test_an_archive_without_a_base_backup_is_refused() -> None:
    (problem,) = told(RESTORE, replace(RUNS, windows={"other": WINDOW}))
    assert problem == (
        "ml-loop:tracking.postgres.backup.restore.archive: 'mlflow-db' has no completed base backup; archives with "
        "one: other. Correct the name, or wait for the first (kubectl get backups -n mlflow)"
    )


def test_an_archive_that_has_a_history_is_not_written() -> None:
    (problem,) = told(RESTORE, replace(RUNS, windows={"mlflow-db": WINDOW, "mlflow-db-2": WINDOW}))
    assert problem == (
        "ml-loop:tracking.postgres.backup.archive: 'mlflow-db-2' has a history already, and a database writes to none "
        "that has. Choose a new name, such as mlflow-db-3"
    )


@pytest.mark.parametrize("until", ["2026-01-01T02:59:59Z", "2026-02-01T00:00:01Z"], ids=["too early", "future"])
def test_a_moment_outside_the_archive_is_refused(until: str) -> None:
    (problem,) = told({"archive": "mlflow-db-2", "restore": {"archive": "mlflow-db", "until": until}}, RUNS)
    assert problem == (
        f"ml-loop:tracking.postgres.backup.restore.until: '{until}' cannot be restored; expected a moment from "
        "2026-01-01T03:00:00Z, when the first base backup of mlflow-db was complete, to now (2026-02-01T00:00:00Z)"
    )


def test_all_of_an_archive_needs_no_moment() -> None:
    assert told({"archive": "mlflow-db-2", "restore": {"archive": "mlflow-db"}}, RUNS) == []


@pytest.mark.parametrize(("archive", "next_one"), [("db", "db-2"), ("db-2", "db-3"), ("db-x", "db-x-2")])
def test_archives_are_numbered(archive: str, next_one: str) -> None:
    assert following(archive) == next_one
