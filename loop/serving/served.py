"""What a serving pod serves: the note that `fetch` leaves beside the model."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

NOTE = "served-model.json"
REFERENCE = "served-reference"
"""Folder with what `fetch` found of the training run's reference."""


@dataclass(frozen=True)
class ServedModel:
    """A resolved model version. `alias` is what it was resolved from, None when a version was asked for."""

    name: str
    version: str
    run_id: str
    alias: str | None

    def write(self, folder: Path) -> None:
        (folder / NOTE).write_text(json.dumps(asdict(self)) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> "ServedModel":
        """Raises FileNotFoundError when `fetch` did not finish in this folder."""
        return cls(**json.loads((folder / NOTE).read_text(encoding="utf-8")))


def reference_of(folder: Path) -> Path | None:
    """The reference rows beside a fetched model, if its run kept any."""
    return next(iter(sorted((folder / REFERENCE).glob("window.*"), reverse=True)), None)  # Parquet before CSV
