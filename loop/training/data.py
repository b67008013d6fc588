"""Fresh rows for the image's commands: fetched from the record, compared with their hash, and put into a file.

The commands find them like any data, by `ML_LOOP_DATA_URI`; the key that reads them reads only this model's.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from contract.names import Env
from contract.training_data import MANIFEST, Manifest
from loop.runtime import objects
from loop.runtime.objects import ObjectStoreError
from loop.training.step import TrainingError, optional

FOLDER: Final = Path("/tmp/ml-loop-data")  # noqa: S108  a pod's own


@dataclass(frozen=True)
class StepData:
    """The data that a command is given."""

    uri: str
    fingerprint: str | None = None
    """SHA-256 of the file where the loop has put it there; None: the command says it."""

    def agreed(self, said: str, where: str) -> str:
        """The fingerprint that counts: the command must report that of the rows it was given, or none."""
        if self.fingerprint is None:
            return said
        if said not in ("", self.fingerprint):
            raise TrainingError(
                f"{where} must be the SHA-256 of the file that {Env.DATA_URI} names, {self.fingerprint}, or be left to "
                f"the loop: it is {said!r}"
            )
        return self.fingerprint


def given(part: str, folder: Path = FOLDER) -> StepData:
    """This workflow's rows of this part; those of `training.dataUri` where fresh ones are not asked for, or too few."""
    source = optional(Env.TRAINING_ROWS)
    if not source:
        return StepData(optional(Env.DATA_URI))
    try:
        kept = objects.folder(source)
        found = Manifest.from_json(kept.get(MANIFEST).decode()).parts.get(part)
        if found is None:
            print("fresh rows: too few")
            return StepData(optional(Env.DATA_URI))
        data = kept.get(f"{part}.parquet")
    except (ObjectStoreError, ValueError) as error:
        raise TrainingError(f"the rows of this training cannot be read: {error}") from error
    if hashlib.sha256(data).hexdigest() != found.sha256:
        raise TrainingError(f"the rows of this training are not those that were set down: {source}/{part}.parquet")
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{part}.parquet"
    file.write_bytes(data)
    print(f"fresh rows: {found.rows}, {found.sha256}")
    return StepData(file.as_uri(), found.sha256)
