"""`python3 -m loop freeze`: the rows that one training learns from and is measured on, set down before it begins.

    trainings/<uid of the workflow>/train.parquet       all but the newest
    trainings/<uid of the workflow>/held_out.parquet    the newest fifth, which no training of this workflow is given
    trainings/<uid of the workflow>/manifest.json       their numbers and hashes; written last

A workflow whose manifest exists has its rows: a step that is repeated after a pod has died finds the same. What
is recorded or corrected meanwhile is the next training's.
"""

import hashlib
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import pyarrow as pa

from contract.names import Env
from contract.outcome_commands import Freeze
from contract.training_data import HELD_OUT, MANIFEST, TRAIN, TRAININGS, Manifest, Part
from loop.outcomes import join
from loop.outcomes.archive import RowKind, parquet
from loop.runtime import command, objects
from loop.runtime.objects import ObjectFolder, ObjectStoreError
from loop.runtime.registry import Registry, RegistryError

SHARE: Final = 5
"""One row out of so many is held out: the newest ones."""
Names = Callable[[str], Sequence[str] | None]
"""Version → the names of its columns; None: no longer known."""


def freeze(record: ObjectFolder, given: Freeze, uid: str, names: Names, now: datetime) -> Manifest:
    """Sets the rows down, unless they are there already."""
    folder = f"{TRAININGS}/{uid}"
    if f"{folder}/{MANIFEST}" in list(record.names(f"{folder}/")):
        return Manifest.from_json(record.get(f"{folder}/{MANIFEST}").decode())
    since = now - given.recent
    # The last rows may not be recorded yet: they belong to the next training.
    asked = join.read(record, RowKind.PREDICTIONS, since, now)
    said = join.read(record, RowKind.OUTCOMES, since - given.delay, now)
    rows = named(join.joined(asked, said), given, names, now)
    manifest = Manifest(since=since, until=now, parts={})
    if len(rows) >= given.min_rows:
        cut = len(rows) - max(1, len(rows) // SHARE)
        parts = {TRAIN: rows[:cut], HELD_OUT: rows[cut:]}
        files = {name: parquet(pa.Table.from_pylist(_filled(part))) for name, part in parts.items()}
        for name, data in files.items():
            record.put(f"{folder}/{name}.parquet", data)
        manifest = Manifest(
            since=since,
            until=now,
            parts={name: Part(len(parts[name]), hashlib.sha256(data).hexdigest()) for name, data in files.items()},
        )
    record.put(f"{folder}/{MANIFEST}", manifest.to_json().encode())
    return manifest


def named(rows: Sequence[Mapping[str, Any]], given: Freeze, names: Names, now: datetime) -> list[dict[str, Any]]:
    """Rows whose outcome is known in time, by their columns' names, in the order in which they were asked."""
    known: dict[str, Sequence[str] | None] = {}
    found: list[dict[str, Any]] = []
    for row in rows:
        if join.state(row, given.delay, now) != "joined":
            continue
        version = row["version"]
        if version not in known:
            known[version] = names(version)
        features, columns = json.loads(row["features"]), known[version]
        if columns is None or len(columns) != len(features):
            continue
        own = {"@id": row["id"], "@asked_at": row["asked_at"], "@version": version}
        found.append(dict(zip(columns, features, strict=True)) | own | {"@outcome": json.loads(row["outcome"])})
    return found


def _filled(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Every row with every column: versions may have others."""
    columns = dict.fromkeys(key for row in rows for key in row)
    return [{key: row.get(key) for key in columns} for row in rows]


def _columns(registry: Registry, model: str) -> Names:
    from mlflow.exceptions import MlflowException  # noqa: PLC0415
    from mlflow.models import get_model_info  # noqa: PLC0415

    def ask(version: str) -> Sequence[str] | None:
        try:
            signature = registry.ask(lambda: get_model_info(f"models:/{model}/{version}")).signature
        except MlflowException:
            return None
        inputs = signature.inputs if signature else None
        return (
            [f"x{at}" if name is None else str(name) for at, name in enumerate(inputs.input_names())]
            if inputs
            else None
        )

    return ask


def main() -> int:
    given = Freeze.parse(sys.argv[1:])
    return command.run(lambda: _freeze(given), ObjectStoreError, RegistryError, ValueError, KeyError)


def _freeze(given: Freeze) -> None:
    names = _columns(Registry(), given.model)
    uid = os.environ[Env.WORKFLOW_UID]
    manifest = freeze(objects.folder(os.environ[Env.RECORD]), given, uid, names, datetime.now(UTC))
    print(manifest.sentence(given.min_rows))
