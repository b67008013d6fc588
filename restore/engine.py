"""The stack as Pulumi knows it: finds the database, shows what its replacement would change, and replaces it."""

import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pulumi import automation

from checks.restore import UNDER_WAY
from components.tracking import DATABASE
from restore.wanted import RestoreError
from settings.problem import PROJECT

ROOT: Final = Path(__file__).resolve().parent.parent
REPLACES: Final = {"replace", "create-replacement", "delete-replaced", "delete", "discard-replaced"}
HARMLESS: Final = ("kubernetes:apps/v1:Deployment", "kubernetes:batch/v1:Job")
"""Types of resources that may be replaced with the database: they hold no data."""
UNHANDLED: Final = "an unhandled error occurred: "
"""What the SDK puts before an inline program's own error, which it has printed already."""
ITEM: Final = "* "
"""The prefix of each reason why a resource did not become ready."""


@dataclass(frozen=True)
class PulumiStack:
    """One of Pulumi's stacks."""

    stack: automation.Stack
    archive: str
    """The archive that the new database writes."""
    tell: Callable[[str], None]
    """Gets each line that Pulumi prints."""

    def database(self) -> str | None:
        """The URN of the database; None where the state has none, as a run that was cut off may leave it."""
        return next((each["urn"] for each in self._resources()), None)

    def preview(self) -> list[str]:
        """What a replacement of the database would replace or delete. Raises RestoreError for anything else."""
        gone: dict[str, str] = {}

        def note(event: automation.EngineEvent) -> None:
            if event.resource_pre_event and event.resource_pre_event.metadata.op in REPLACES:
                metadata = event.resource_pre_event.metadata
                gone[metadata.urn] = metadata.type

        with self._under_way(), _reasons():
            self.stack.preview(replace=self._database(), on_event=note, color="never", **self._pack())
        further = [
            urn for urn, kind in gone.items() if kind not in HARMLESS and not urn.endswith(f"::{DATABASE}-cluster")
        ]
        if further:
            raise RestoreError(
                "more than the database would be replaced or deleted; see `pulumi preview`, and apply those changes "
                "first, or take them back:\n" + "\n".join(f"  - {urn}" for urn in further)
            )
        return sorted(urn.rpartition("::")[2] for urn in gone)

    def replace(self) -> None:
        """Deletes the database, makes it again, and waits until it is ready. Raises RestoreError."""
        for urn in self._database():
            self._unprotect(urn)
        self.up(self._database())

    def up(self, replace: list[str] | None = None) -> None:
        """A plain `up`. Raises RestoreError."""
        options: dict[str, Any] = {"replace": replace} if replace else {}
        with self._under_way(), _reasons():
            self.stack.up(on_output=self.tell, color="never", suppress_progress=True, **options, **self._pack())

    def _database(self) -> list[str]:
        return [urn] if (urn := self.database()) else []

    def _unprotect(self, urn: str) -> None:
        """Production protects its database; the `up` that follows protects the new one."""
        workspace = self.stack.workspace
        arguments = ["state", "unprotect", urn, "--stack", self.stack.name, "--yes"]
        with _reasons():
            workspace.pulumi_command.run(arguments, workspace.work_dir, dict(workspace.env_vars))

    def _resources(self) -> list[Any]:
        known = (self.stack.export_stack().deployment or {}).get("resources", [])
        return [each for each in known if each["urn"].endswith(f"::{DATABASE}-cluster") and not each.get("delete")]

    def _pack(self) -> dict[str, Any]:
        return {"policy_packs": [str(ROOT / "policy")]}

    @contextmanager
    def _under_way(self) -> Generator[None]:
        """Tells the program, in this process or below it, that its settings are being carried out (`checks`)."""
        os.environ[UNDER_WAY] = self.archive
        try:
            yield
        finally:
            del os.environ[UNDER_WAY]


@contextmanager
def _reasons() -> Generator[None]:
    """Turns a failure of Pulumi's into a RestoreError."""
    try:
        yield
    except automation.CommandError as error:
        raise RestoreError(reason(str(error))) from None


def reason(text: str) -> str:
    """The engine's own error lines, without the Automation API's frame around them; the text where there are none."""
    lines = [line.strip() for line in text.splitlines()]
    told = [line for line in lines if line.startswith(("error: ", f"{PROJECT}:", ITEM)) or "[mandatory]" in line]
    bare = [line.removeprefix("error: ").removeprefix(UNHANDLED).removeprefix(ITEM) for line in told]
    return "\n".join(dict.fromkeys(bare)) or text
