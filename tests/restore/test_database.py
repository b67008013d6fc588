"""What a restore asks kubectl for, and what it makes of the answers."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from restore.database import LiveDatabase
from restore.wanted import Found, RecoveryWindow, RestoreError, Source, Wanted

SOURCE = Source(archive="mlflow-db", until="2026-01-31T12:00:00Z")
WANTED = Wanted(namespace="mlflow", loop="loop", archive="mlflow-db-2", source=SOURCE, replicas=2)
PLUGIN = {"name": "barman-cloud.cloudnative-pg.io", "parameters": {"serverName": "mlflow-db"}}
CLUSTER: Mapping[str, Any] = {
    "spec": {"plugins": [PLUGIN], "bootstrap": {"initdb": {}}},
    "status": {"currentPrimary": "mlflow-db-1", "conditions": [{"type": "Ready", "status": "True"}]},
}
STORE = {
    "status": {
        "serverRecoveryWindow": {
            "mlflow-db": {
                "firstRecoverabilityPoint": "2026-01-01T03:00:00Z",
                "lastSuccessfulBackupTime": "2026-01-31T03:00:00Z",
            },
            "failing": {"lastFailedBackupTime": "2026-01-31T03:00:00Z"},
        }
    }
}
RECOVERY: Mapping[str, Any] = {
    "bootstrap": {"recovery": {"source": "mlflow-db", "recoveryTarget": {"targetTime": "2026-01-31T12:00:00Z"}}}
}


@dataclass
class Kubectl:
    """Answers by the words that come after the namespace; what it was asked is kept."""

    answers: dict[str, Any] = field(default_factory=dict[str, Any])
    asked: list[str] = field(default_factory=list[str])

    def __call__(self, *arguments: str, stdin: str | None = None) -> str:
        line = " ".join(arguments).removeprefix("-n mlflow ")
        self.asked.append(line)
        for words, answer in self.answers.items():
            if line.startswith(words):
                if isinstance(answer, Exception):
                    raise answer
                return answer if isinstance(answer, str) else json.dumps(answer)
        return json.dumps({"items": []}) if line.startswith("get jobs") else ""


def live(**answers: Any) -> tuple[LiveDatabase, Kubectl]:
    kubectl = Kubectl({key.replace("_", " "): answer for key, answer in answers.items()})
    return LiveDatabase(WANTED, kubectl, pause=lambda _: None), kubectl


def found(cluster: Mapping[str, Any], **answers: Any) -> Found | None:
    kubectl = Kubectl({"get clusters": cluster, "get objectstores": STORE, **answers})
    return LiveDatabase(WANTED, kubectl).found()


def test_a_database_is_what_it_writes_what_it_began_with_and_what_can_be_restored() -> None:
    window = RecoveryWindow(first=datetime(2026, 1, 1, 3, tzinfo=UTC), last_backup=datetime(2026, 1, 31, 3, tzinfo=UTC))
    assert found(CLUSTER) == Found(
        archive="mlflow-db", source=None, ready=True, failed=False, windows={"mlflow-db": window}
    )


def test_a_restored_database_says_from_what() -> None:
    database = found({**CLUSTER, "spec": {**CLUSTER["spec"], **RECOVERY}})
    assert database is not None
    assert database.source == SOURCE


def test_a_recovery_that_gave_up_is_seen() -> None:
    jobs = {"items": [{"status": {"conditions": [{"type": "Failed", "status": "True"}]}}]}
    database = found(CLUSTER, **{"get jobs -l cnpg.io/cluster=mlflow-db,cnpg.io/jobRole=full-recovery": jobs})
    assert database is not None
    assert database.failed


def test_no_database_is_none() -> None:
    assert live()[0].found() is None


def test_aliases_are_asked_of_the_primary() -> None:
    database, kubectl = live(get_clusters=CLUSTER, exec_mlflow="a@production|3\nb@staging|1\n".replace("\\n", "\n"))
    kubectl.answers["exec mlflow-db-1"] = kubectl.answers.pop("exec mlflow")
    assert database.aliases() == {"a@production": "3", "b@staging": "1"}


def test_aliases_of_a_database_that_does_not_answer_are_unknown() -> None:
    database, kubectl = live(get_clusters=CLUSTER)
    kubectl.answers["exec"] = RestoreError("connection refused")
    assert database.aliases() is None


def test_aliases_of_before_are_kept_once() -> None:
    database, kubectl = live()
    database.remember({"a@b": "1"})
    assert kubectl.asked[-1] == "create -f -"
    kubectl.answers["get configmaps"] = {"data": {"aliases": '{"a@b": "1"}'}}
    database.remember({"a@b": "2"})
    assert kubectl.asked[-1].startswith("get configmaps")
    assert database.remembered() == {"a@b": "1"}


def schedule(name: str, *, suspended: bool = False, by_us: bool = False) -> Mapping[str, Any]:
    annotations = {"annotations": {"ml-loop.dev/suspended-for-restore": "true"}} if by_us else {}
    return {"metadata": {"name": name} | annotations, "spec": {"suspend": True} if suspended else {}}


SCHEDULES = {
    "api-resources": "cronworkflows.argoproj.io\n",
    "get cronworkflows": {
        "items": [
            schedule("runs"),
            schedule("somebody-s", suspended=True),
            schedule("ours", suspended=True, by_us=True),
        ]
    },
}


def test_schedules_that_somebody_else_suspended_are_left_alone() -> None:
    database = LiveDatabase(WANTED, kubectl := Kubectl(dict(SCHEDULES)))
    assert database.schedules() == ["runs", "ours"]
    kubectl.answers["-n loop get"] = kubectl.answers["get cronworkflows"]
    kubectl.answers["get deployments"] = {"metadata": {"managedFields": []}}
    database.start()
    assert [line.split()[2] for line in kubectl.asked if "cronworkflows" in line and line.startswith("patch")] == [
        "ours"
    ]


def test_a_cluster_without_trainings_has_no_schedules() -> None:
    assert live()[0].schedules() == []


def test_the_number_of_servers_is_not_kept_from_pulumi() -> None:
    managers = [{"manager": "pulumi"}, {"manager": "ml-loop-restore"}, {"manager": "kube-controller-manager"}]
    _, kubectl = live(get_pods={"items": []}, get_deployments={"metadata": {"managedFields": managers}})
    seen: list[str] = []

    def answer(*arguments: str, stdin: str | None = None) -> str:
        if "--type=json" in arguments:
            seen.append(arguments[-1])
            kubectl.answers["get deployments"] = {"metadata": {"managedFields": managers[::2]}}
        return kubectl(*arguments, stdin=stdin)

    LiveDatabase(WANTED, answer, pause=lambda _: None).stop()
    (patch,) = seen
    assert json.loads(patch) == [
        {"op": "test", "path": "/metadata/managedFields/1/manager", "value": "ml-loop-restore"},
        {"op": "remove", "path": "/metadata/managedFields/1"},
    ]


def test_a_base_backup_that_failed_is_an_error() -> None:
    status = {"status": {"phase": "failed", "error": "no bucket"}}
    database, _ = live(**{"get_backups.postgresql.cnpg.io": status})
    with pytest.raises(RestoreError, match="the base backup mlflow-db-2-first failed: no bucket"):
        database.back_up()


def test_the_end_of_the_log_is_waited_for_in_the_archive() -> None:
    answers = iter(["", "00000001000000000000000A\n", "", f"{23 * '0'}9\n", "00000001000000000000000A\n"])
    asked: list[str] = []

    def answer(*arguments: str, stdin: str | None = None) -> str:
        if "psql" not in arguments:
            return json.dumps(CLUSTER)
        asked.append(arguments[-1])
        return next(answers)

    LiveDatabase(WANTED, answer, pause=lambda _: None).seal()
    assert asked[0] == "select pg_current_xact_id()", "a moment after the last transaction cannot be recovered to"
    assert list(answers) == [], "the restore began before the log was archived"
