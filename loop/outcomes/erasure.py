"""`python3 -m loop erase`: take a user's rows out of a model's record.

By an account that may read, replace and delete. What Kafka still has of the last days is not touched, and may be
recorded after this: run it again once the topics' retention has passed. Running it again erases what is new.
"""

import os
import sys

import pyarrow as pa
import pyarrow.compute as pc

from contract.names import Env
from contract.outcome_commands import Erase
from loop.outcomes.archive import RowKind, decoded, encoded
from loop.runtime import command, objects
from loop.runtime.objects import ObjectFolder, ObjectStoreError


def erase(record: ObjectFolder, user_id: str) -> dict[RowKind, int]:
    """Rows erased of each kind. Outcomes go first: whose they are, the predictions alone say."""
    ids = set[str]()
    for name in record.names(f"{RowKind.PREDICTIONS}/"):
        table = decoded(record.get(name))
        ids.update(table.filter(pc.field("user_id") == user_id)["id"].to_pylist())
    outcomes = _without(record, RowKind.OUTCOMES, pc.field("id").isin(pa.array(sorted(ids), pa.string())))
    predictions = _without(record, RowKind.PREDICTIONS, pc.field("user_id") == user_id)
    return {RowKind.PREDICTIONS: predictions, RowKind.OUTCOMES: outcomes}


def _without(record: ObjectFolder, kind: RowKind, theirs: pc.Expression) -> int:
    """Replaces the files that hold such rows by what is left of them; returns how many rows that were."""
    erased = 0
    for name in list(record.names(f"{kind}/")):
        table = decoded(record.get(name))
        kept = table.filter(~theirs | theirs.is_null())
        if len(kept) == len(table):
            continue
        erased += len(table) - len(kept)
        if len(kept):
            record.put(name, encoded(kind, kept))
        else:
            record.delete(name)
    return erased


def main() -> int:
    given = Erase.parse(sys.argv[1:])
    return command.run(lambda: _erase(given), ObjectStoreError, ValueError, KeyError)


def _erase(given: Erase) -> None:
    erased = erase(objects.folder(os.environ[Env.RECORD]), given.user_id)
    print(f"erased {erased[RowKind.PREDICTIONS]} predictions and {erased[RowKind.OUTCOMES]} outcomes")
