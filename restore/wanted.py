"""What a stack's settings say about a restore, and what in the cluster speaks against it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from checks.restore import BACKUP
from components.tracking import DATABASE
from settings import Delivery, Settings
from settings.problem import dotted


class RestoreError(Exception):
    """A restore cannot begin, or stopped: one message for the user, no stack trace."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """What a database was filled from."""

    archive: str
    until: str | None
    """RFC 3339; None: all that was archived."""

    def __str__(self) -> str:
        return f"{self.archive} as of {self.until}" if self.until else f"all of {self.archive}"


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A database that begins with `source` and writes `archive`, and who is to be stopped meanwhile."""

    namespace: str
    loop: str
    """Namespace of trainings."""
    archive: str
    source: Source
    replicas: int | None
    """Number of MLflow's servers; None: Argo CD keeps them running and would undo any other number."""


@dataclass(frozen=True, kw_only=True)
class RecoveryWindow:
    """The moments that an archive can be restored to: from the end of its first base backup."""

    first: datetime
    last_backup: datetime


@dataclass(frozen=True, kw_only=True)
class Found:
    """The database as it runs."""

    archive: str
    """What it writes."""
    source: Source | None
    """What it says it began with; None: it began empty."""
    ready: bool
    failed: bool
    """Whether its recovery has given up, so that it will never be ready."""
    windows: Mapping[str, RecoveryWindow]
    """Recovery windows by the name of the archive."""

    def is_restored(self, wanted: Wanted) -> bool:
        """Whether it is the new database already."""
        return self.archive == wanted.archive and self.source == wanted.source


def wanted(settings: Settings) -> Wanted:
    """Raises RestoreError where the settings ask for no restore."""
    backup = settings.tracking.postgres.backup
    if backup is None:
        raise RestoreError(f"{dotted(BACKUP)} is missing: there is no archive to restore from")
    if backup.restore is None:
        raise RestoreError(
            f"{dotted((*BACKUP, 'restore'))} is missing: the settings say what is restored. Add, and have reviewed:\n"
            f"  backup:\n    archive: {following(backup.archive)}\n"
            f"    restore: {{archive: {backup.archive}, until: <a moment such as 2027-01-31T12:00:00Z>}}"
        )
    return Wanted(
        namespace=settings.tracking.namespace,
        loop=settings.namespace,
        archive=backup.archive,
        source=Source(archive=backup.restore.archive, until=backup.restore.until),
        replicas=None if settings.tracking.delivery is Delivery.ARGOCD else settings.tracking.replicas,
    )


def following(archive: str) -> str:
    """A name for the next archive: mlflow-db, mlflow-db-2, mlflow-db-3."""
    stem, _, number = archive.rpartition("-")
    return f"{stem}-{int(number) + 1}" if stem and number.isdigit() else f"{archive}-2"


def problems(wanted: Wanted, found: Found, now: datetime) -> Iterator[str]:
    """Why the database should not be replaced; each sentence names the setting and the remedy."""
    read, written = wanted.source.archive, wanted.archive
    window = found.windows.get(read)
    if window is None:
        known = ", ".join(sorted(found.windows)) or "none"
        yield (
            f"{dotted((*BACKUP, 'restore', 'archive'))}: {read!r} has no completed base backup; archives with one: "
            f"{known}. Correct the name, or wait for the first (kubectl get backups -n {wanted.namespace})"
        )
    if written in found.windows or (found.archive == written and found.ready):
        yield (
            f"{dotted((*BACKUP, 'archive'))}: {written!r} has a history already, and a database writes to none that "
            f"has. Choose a new name, such as {following(written)}"
        )
    if wanted.source.until is not None and window is not None:
        until = moment(wanted.source.until)
        if not window.first <= until <= now:
            yield (
                f"{dotted((*BACKUP, 'restore', 'until'))}: {wanted.source.until!r} cannot be restored; expected a "
                f"moment from {said(window.first)}, when the first base backup of {read} was complete, to now "
                f"({said(now)})"
            )


def moment(text: str) -> datetime:
    """A moment in RFC 3339."""
    return datetime.fromisoformat(text)


def said(when: datetime) -> str:
    """A moment as the settings spell it."""
    return when.isoformat(timespec="seconds").replace("+00:00", "Z")


__all__ = [
    "DATABASE",
    "Found",
    "RecoveryWindow",
    "RestoreError",
    "Source",
    "Wanted",
    "moment",
    "problems",
    "said",
    "wanted",
]
