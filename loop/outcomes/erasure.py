"""`python3 -m loop erase`: take a user's rows out of a model's record.

By an account that may read, replace and delete. What Kafka still has of the last days is not touched, and may be
recorded afterwards: run it again once the topics' retention has passed. Running it again erases what is new.
"""

import os
import sys
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from contract.names import Env, RunTag
from contract.outcome_commands import Erase
from contract.training_data import TRAININGS
from loop.outcomes.archive import RowKind, decoded, parquet
from loop.runtime import command, objects
from loop.runtime.objects import ObjectFolder, ObjectStoreError


class Erased(NamedTuple):
    """Numbers of rows."""

    predictions: int
    outcomes: int
    of_trainings: int
    trainings: tuple[str, ...] = ()
    """Uids of the workflows that were given such rows."""


def erase(record: ObjectFolder, user_id: str) -> Erased:
    """Erases a user's rows. Outcomes go first, as only the predictions say whose they are."""
    ids = set[str]()
    for name in record.names(f"{RowKind.PREDICTIONS}/"):
        table = decoded(record.get(name))
        ids.update(table.filter(pc.field("user_id") == user_id)["id"].to_pylist())
    outcomes = _without(record, RowKind.OUTCOMES, pc.field("id").isin(pa.array(sorted(ids), pa.string())))
    trainings = _of_trainings(record, ids)
    predictions = _without(record, RowKind.PREDICTIONS, pc.field("user_id") == user_id)
    return Erased(predictions, outcomes, sum(trainings.values()), tuple(sorted(trainings)))


def _of_trainings(record: ObjectFolder, ids: set[str]) -> dict[str, int]:
    """Workflow → rows set down for it. Manifests keep their hashes, so training on changed rows is refused."""
    erased = dict[str, int]()
    for name in list(record.names(f"{TRAININGS}/")):
        if not name.endswith(".parquet"):
            continue
        table = decoded(record.get(name))
        kept = table.filter(~pc.field("@id").isin(pa.array(sorted(ids), pa.string())))
        if len(kept) < len(table):
            uid = name.split("/")[1]
            erased[uid] = erased.get(uid, 0) + len(table) - len(kept)
            record.put(name, parquet(kept))
    return erased


def _without(record: ObjectFolder, kind: RowKind, theirs: pc.Expression) -> int:
    """Replaces the files that hold such rows by what is left of them. Returns how many rows were removed."""
    erased = 0
    for name in list(record.names(f"{kind}/")):
        table = decoded(record.get(name))
        kept = table.filter(~theirs | theirs.is_null())
        if len(kept) == len(table):
            continue
        erased += len(table) - len(kept)
        if len(kept):
            record.put(name, parquet(kept))
        else:
            record.delete(name)
    return erased


def main() -> int:
    given = Erase.parse(sys.argv[1:])
    return command.run(lambda: _erase(given), ObjectStoreError, ValueError, KeyError)


def _erase(given: Erase) -> None:
    erased = erase(objects.folder(os.environ[Env.RECORD]), given.user_id)
    kinds = f"{erased.predictions} predictions, {erased.outcomes} outcomes"
    print(f"erased {kinds} and {erased.of_trainings} rows of trainings")
    if erased.trainings:
        print(
            f"a version that came of the workflows with the uids {', '.join(erased.trainings)} (its run's tag "
            f"{RunTag.WORKFLOW_UID}) keeps what it has learned of them, and some of them in its reference: put another "
            "into production, then delete it"
        )
