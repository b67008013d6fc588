"""The procedure of a restore, over a database and an engine that note what is done to them."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest

from restore.database import Aliases
from restore.steps import Restore, compared
from restore.wanted import Found, RecoveryWindow, RestoreError, Source, Wanted

SOURCE = Source(archive="mlflow-db", until="2026-01-31T12:00:00Z")
WANTED = Wanted(namespace="mlflow", loop="loop", archive="mlflow-db-2", source=SOURCE, replicas=2)
WINDOW = RecoveryWindow(first=datetime(2026, 1, 1, 3, tzinfo=UTC), last_backup=datetime(2026, 1, 31, 3, tzinfo=UTC))
OLD = Found(archive="mlflow-db", source=None, ready=True, failed=False, windows={"mlflow-db": WINDOW})
NEW = replace(OLD, archive="mlflow-db-2", source=SOURCE)
REPLACING = ["remember", "suspend nightly", "stop", "seal", "replace"]
FINISHING = ["whole", "start", "back up"]


@dataclass
class Cluster:
    """A database and its engine. What is done is noted; `breaks` fails."""

    now: Found | None = OLD
    done: list[str] = field(default_factory=list[str])
    breaks: str = ""
    before: Aliases | None = None

    def found(self) -> Found | None:
        return self.now

    def schedules(self) -> list[str]:
        return ["nightly"]

    def aliases(self) -> Aliases | None:
        return {"recommender@production": "3"} if self.now == NEW else {"recommender@production": "4"}

    def remember(self, aliases: Aliases) -> None:
        self.before = aliases
        self._do("remember")

    def remembered(self) -> Aliases | None:
        return self.before

    def suspend(self, schedules: list[str]) -> None:
        self._do(f"suspend {', '.join(schedules)}")

    def stop(self) -> None:
        self._do("stop")

    def seal(self) -> None:
        self._do("seal")

    def await_whole(self) -> None:
        self._do("whole")

    def start(self) -> None:
        self._do("start")

    def back_up(self) -> None:
        self._do("back up")

    def preview(self) -> list[str]:
        return ["mlflow-db-cluster", "mlflow-migration"]

    def replace(self) -> None:
        self._do("replace")
        self.now = NEW

    def up(self) -> None:
        self._do("up")

    def _do(self, what: str) -> None:
        if what == self.breaks:
            raise RestoreError(f"{what} failed")
        self.done.append(what)


def run(
    cluster: Cluster,
    told: list[str] | None = None,
    agree: Callable[[], bool] = lambda: True,
    wanted: Wanted = WANTED,
    *,
    lose_the_end: bool = False,
) -> None:
    tell = ([] if told is None else told).append
    Restore(wanted=wanted, database=cluster, engine=cluster, tell=tell, agree=agree, lose_the_end=lose_the_end).run()


def test_what_writes_is_stopped_before_the_database_is_replaced_and_started_after_it_is_whole() -> None:
    cluster, told = Cluster(), list[str]()
    run(cluster, told)
    assert cluster.done == REPLACING + FINISHING
    assert "recommender@production: version 4 before, 3 now" in told


def test_everything_is_shown_before_anybody_is_asked_and_a_no_changes_nothing() -> None:
    cluster, told = Cluster(), list[str]()
    with pytest.raises(RestoreError, match=r"^nothing was changed: nobody agreed$"):
        run(cluster, told, agree=lambda: False)
    assert cluster.done == []
    assert told == [
        "mlflow-db in mlflow, which writes mlflow-db, is deleted with its volumes.",
        "It is made again from mlflow-db as of 2026-01-31T12:00:00Z, and writes mlflow-db-2.",
        "  base backups: from 2026-01-01T03:00:00Z on, the last 2026-01-31T03:00:00Z",
        "  replaced:     mlflow-db-cluster, mlflow-migration",
        "  stopped:      MLflow, the schedule nightly",
    ]


def test_a_problem_is_told_before_anything_is_changed_or_asked() -> None:
    cluster = Cluster(replace(OLD, windows={}))
    with pytest.raises(
        RestoreError, match=r"^nothing was changed:\n  - ml-loop:tracking\.postgres\.backup\.restore\.archive"
    ):
        run(cluster, agree=lambda: pytest.fail("asked"))
    assert cluster.done == []


@pytest.mark.parametrize("step", ["stop", "replace", "whole", "start", "back up"])
def test_a_restore_that_failed_goes_on_where_it_was_and_says_so(step: str) -> None:
    cluster = Cluster(breaks=step)
    with pytest.raises(RestoreError, match=rf"(?s)^{step} failed\nMLflow is stopped.*run this again"):
        run(cluster)
    before = cluster.done.copy()
    cluster.breaks = ""
    run(cluster)
    replaced = "replace" in before
    assert cluster.done[len(before) :] == (["up", *FINISHING] if replaced else REPLACING + FINISHING)
    assert cluster.done.count("replace") == 1


def test_a_recovery_that_gave_up_is_replaced_again_and_its_log_is_not_missed() -> None:
    cluster = Cluster(replace(NEW, ready=False, failed=True))
    run(cluster)
    assert cluster.done == [step for step in REPLACING if step != "seal"] + FINISHING


def test_a_corrected_moment_replaces_the_database_that_could_not_be_made() -> None:
    cluster = Cluster(replace(NEW, ready=False, source=Source(archive="mlflow-db", until="2025-01-01T00:00:00Z")))
    run(cluster)
    assert "replace" in cluster.done


def test_a_log_that_cannot_be_archived_stops_the_restore_while_the_database_is_still_there() -> None:
    cluster = Cluster(breaks="seal")
    with pytest.raises(RestoreError, match="lose it with --lose-the-end"):
        run(cluster)
    assert "replace" not in cluster.done
    run(Cluster(breaks="seal"), lose_the_end=True)


def test_without_a_database_there_is_nothing_to_replace() -> None:
    with pytest.raises(RestoreError, match=r"a plain `up` makes one, and begins it with the archive"):
        run(Cluster(None))


def test_aliases_that_are_what_they_were_are_counted() -> None:
    assert compared({"a@b": "1"}, {"a@b": "1"}) == ["The registry's 1 aliases are what they were."]


def test_an_alias_that_came_after_the_moment_is_told_as_lost() -> None:
    assert compared({"a@b": "1"}, {})[0] == "a@b: version 1 before, none now"
