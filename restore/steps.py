"""The procedure: it first reports what is wrong, then shows what will be replaced, and only then changes anything.

Every step may be repeated, and each run goes on where the one before ended, which the cluster tells.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from restore.database import Aliases
from restore.wanted import DATABASE, Found, RestoreError, Wanted, problems, said

HALF_WAY = (
    "MLflow is stopped, and the schedules are suspended. The archive that is read is unchanged, as always. Correct "
    "what is told above and run this again: it goes on where it was. A recovery says why it fails by\n"
    f"  kubectl logs -n {{namespace}} -l cnpg.io/cluster={DATABASE},cnpg.io/jobRole=full-recovery --all-containers"
)


class RestorableDatabase(Protocol):
    """`database.LiveDatabase`, or what stands in for it in a test."""

    def found(self) -> Found | None: ...
    def schedules(self) -> list[str]: ...
    def aliases(self) -> Aliases | None: ...
    def remember(self, aliases: Aliases) -> None: ...
    def remembered(self) -> Aliases | None: ...
    def suspend(self, schedules: list[str]) -> None: ...
    def stop(self) -> None: ...
    def seal(self) -> None: ...
    def await_whole(self) -> None: ...
    def start(self) -> None: ...
    def back_up(self) -> None: ...


class Engine(Protocol):
    """`engine.PulumiStack`, or what stands in for it in a test."""

    def preview(self) -> list[str]: ...
    def replace(self) -> None: ...
    def up(self) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Restore:
    """One restore, with all that it acts on and speaks to."""

    wanted: Wanted
    database: RestorableDatabase
    engine: Engine
    tell: Callable[[str], None]
    agree: Callable[[], bool]
    """Asks whether to go on, once everything has been shown."""
    lose_the_end: bool = False
    """Whether to go on where the end of the log cannot be archived, whose contents are then lost."""

    def run(self) -> None:
        """Runs the restore. Raises RestoreError, which says what to do if something was changed already."""
        found = self.database.found()
        if found is None:
            raise RestoreError("there is no database: a plain `up` makes one, and begins it with the archive")
        if found.is_restored(self.wanted) and not found.failed:
            self.tell(f"{DATABASE} is the new database already: it began with {found.source}. Going on from there.")
            self._telling_what_is_stopped(self._go_on)
            return
        if told := list(problems(self.wanted, found, datetime.now(UTC))):
            raise RestoreError("nothing was changed:\n" + "\n".join(f"  - {each}" for each in told))
        schedules = self.database.schedules()
        self._show(found, schedules)
        if not self.agree():
            raise RestoreError("nothing was changed: nobody agreed")
        self._telling_what_is_stopped(lambda: self._replace(found, schedules))

    def _show(self, found: Found, schedules: list[str]) -> None:
        """Shows everything that will be replaced and stopped; looking for it changes nothing."""
        replaced = self.engine.preview()
        window = found.windows[self.wanted.source.archive]
        servers = "MLflow's servers are restarted" if self.wanted.replicas is None else "MLflow"
        for line in (
            f"{DATABASE} in {self.wanted.namespace}, which writes {found.archive}, is deleted with its volumes.",
            f"It is made again from {self.wanted.source}, and writes {self.wanted.archive}.",
            f"  base backups: from {said(window.first)} on, the last {said(window.last_backup)}",
            f"  replaced:     {', '.join(replaced)}",
            f"  stopped:      {', '.join([servers, *(f'the schedule {each}' for each in schedules)])}",
        ):
            self.tell(line)

    def _replace(self, found: Found, schedules: list[str]) -> None:
        before = self.database.aliases()
        if before is not None:
            self.database.remember(before)
        self.tell("Stopping what writes")
        self.database.suspend(schedules)
        self.database.stop()
        self._seal(found)
        self.tell("Replacing the database")
        self.engine.replace()
        self._finish()

    def _seal(self, found: Found) -> None:
        if found.archive == self.wanted.archive:
            return  # A new database that failed: nothing has been written to it.
        self.tell("Archiving the end of the log")
        try:
            self.database.seal()
        except RestoreError as error:
            if not self.lose_the_end:
                raise RestoreError(
                    f"the end of the log is not in the archive: {error}\nRepair that, or lose it with --lose-the-end"
                ) from None
            self.tell(f"  lost: {error}")

    def _go_on(self) -> None:
        self.engine.up()
        self._finish()

    def _finish(self) -> None:
        self.tell("Waiting for the database, and for its first archived log")
        self.database.await_whole()
        before, after = self.database.remembered(), self.database.aliases()
        for line in compared(before, after):
            self.tell(line)
        self.tell("Starting what was stopped")
        self.database.start()
        self.tell(f"Taking the first base backup of {self.wanted.archive}")
        self.database.back_up()
        self.tell(f"Restored: {DATABASE} began with {self.wanted.source} and writes {self.wanted.archive}.")

    def _telling_what_is_stopped(self, action: Callable[[], None]) -> None:
        try:
            action()
        except (RestoreError, KeyboardInterrupt) as error:
            half_way = HALF_WAY.format(namespace=self.wanted.namespace)
            raise RestoreError(f"{str(error) or 'interrupted'}\n{half_way}") from None


def compared(before: Aliases | None, after: Aliases | None) -> list[str]:
    """What the registry's aliases named before, and name now."""
    if after is None:
        return ["The registry's aliases cannot be read: has MLflow ever migrated this database?"]
    if before is None:
        return [f"{alias}: version {version}" for alias, version in after.items()]
    changed = [
        f"{alias}: version {before.get(alias, 'none')} before, {after.get(alias, 'none')} now"
        for alias in sorted({*before, *after})
        if before.get(alias) != after.get(alias)
    ]
    told = "What is served does not change by itself: the next training or promotion of a model brings both together."
    return [*changed, told] if changed else [f"The registry's {len(after)} aliases are what they were."]
