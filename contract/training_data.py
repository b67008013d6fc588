"""The rows of one training, as one step sets them down and others read them: `trainings/<workflow>/manifest.json`."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final

from contract.fields import rfc3339

TRAININGS: Final = "trainings"
"""Folder of a model's record, with one folder for each workflow."""
TRAIN: Final = "train"
"""The rows that a training learns from."""
HELD_OUT: Final = "held_out"
"""The rows that it is measured on: the newest."""
MANIFEST: Final = "manifest.json"


@dataclass(frozen=True)
class Part:
    """A file of rows."""

    rows: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What was set down for a training."""

    since: datetime
    until: datetime
    parts: Mapping[str, Part]
    """Name → file; empty where there were too few rows."""

    def sentence(self, least: int) -> str:
        if not self.parts:
            return f"fewer than {least} rows since {rfc3339(self.since)} have an outcome: the earlier data is used"
        train, held_out = self.parts[TRAIN], self.parts[HELD_OUT]
        return f"{train.rows} rows to train on and the {held_out.rows} newest held out, since {rfc3339(self.since)}"

    def to_json(self) -> str:
        parts = {name: asdict(part) for name, part in self.parts.items()}
        return json.dumps({"since": rfc3339(self.since), "until": rfc3339(self.until), "parts": parts}, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "Manifest":
        """Raises ValueError for anything else."""
        try:
            found = json.loads(text)
            parts = {name: Part(int(part["rows"]), str(part["sha256"])) for name, part in found["parts"].items()}
            since, until = (datetime.fromisoformat(found[key]) for key in ("since", "until"))
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"no manifest of a training's rows: {error}") from error
        return cls(since=since, until=until, parts=parts)
