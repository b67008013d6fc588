"""What a serving pod serves: the note `fetch` leaves beside the model."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

NOTE = "served-model.json"


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
