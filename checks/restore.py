"""Keeps a plain `up` from half a restore: the running database would begin to write the new archive, and spoil it."""

import os
from typing import Any, Final

import pulumi
from kubernetes import client

from checks.cluster import PATIENCE_SECONDS, UNANSWERED, connected
from components.tracking import DATABASE
from components.tracking.postgres import BACKUP_PLUGIN
from settings import Settings, SettingsError
from settings.problem import Problem, dotted

BACKUP: Final = ("tracking", "postgres", "backup")
UNDER_WAY: Final = "ML_LOOP_RESTORE"
"""Variable of the environment with the archive that `make restore` is making a database write."""


def check(stack: Settings) -> None:
    """Raises SettingsError where the settings ask for a restore that a plain `up` would not do; a preview warns.

    A cluster that cannot be asked, or has no database, is no obstacle: a new database begins with the archive.
    """
    backup = stack.tracking.postgres.backup
    if backup is None or backup.restore is None or os.environ.get(UNDER_WAY) == backup.archive:
        return
    written = _written(stack)
    if written is None or written == backup.archive:
        return
    expected = f"nothing while the running database writes {written!r} and not {backup.archive!r}"
    command = f"`make restore STACK={pulumi.get_stack()}`"
    remedy = f"Run {command}, which replaces the database, or remove it to keep this one"
    problem = Problem.with_value((*BACKUP, "restore"), backup.restore, expected, remedy)
    if not pulumi.runtime.is_dry_run():
        raise SettingsError([f"{dotted(problem.path)}: {problem.text}"])
    pulumi.log.warn(f"{dotted(problem.path)}: {problem.text}")


def _written(stack: Settings) -> str | None:
    """The archive that the running database writes; None where none runs, or where it cannot be asked."""
    try:
        found: Any = client.CustomObjectsApi(connected(stack.cluster)).get_namespaced_custom_object(
            *("postgresql.cnpg.io", "v1", stack.tracking.namespace, "clusters", DATABASE),
            _request_timeout=PATIENCE_SECONDS,
        )
    except UNANSWERED:
        return None
    plugins = [each for each in found["spec"].get("plugins", []) if each["name"] == BACKUP_PLUGIN]
    return plugins[0]["parameters"]["serverName"] if plugins else None
