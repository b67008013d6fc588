"""The record's files: rows of one stretch of one Kafka partition, as Parquet, one file for each day that they are of.

    predictions/date=2026-11-27/ml.predictions-0-00000000000000001200.parquet
    outcomes/date=2026-11-27/ml.outcomes-0-00000000000000000340.parquet

A file is named by where its stretch begins, so that writing a stretch again writes the same files. What a model
was asked and what it answered are JSON texts: columns come and go with versions, and a file's schema never does.
"""

import io
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from contract.messages import Malformed, Prediction
from contract.names import OUTCOMES_TOPIC, PREDICTIONS_TOPIC
from contract.outcomes import ObservedOutcome


class RowKind(StrEnum):
    """What a file's rows are, and the name of its folder."""

    PREDICTIONS = "predictions"
    OUTCOMES = "outcomes"


TOPICS: Final = {PREDICTIONS_TOPIC: RowKind.PREDICTIONS, OUTCOMES_TOPIC: RowKind.OUTCOMES}
TIMES: Final = {RowKind.PREDICTIONS: "asked_at", RowKind.OUTCOMES: "known_at"}
"""Column of the time that a row belongs to."""
_AT: Final = pa.timestamp("ms", tz="UTC")
_PLACE: Final = [("kafka_partition", pa.int32()), ("kafka_offset", pa.int64())]
SCHEMAS: Final = {
    RowKind.PREDICTIONS: pa.schema(
        [
            *(("id", pa.string()), ("version", pa.string()), ("asked_at", _AT), ("tenant", pa.string())),
            *(("user_id", pa.string()), ("features", pa.string()), ("predictions", pa.string()), *_PLACE),
        ]
    ),
    RowKind.OUTCOMES: pa.schema([("id", pa.string()), ("known_at", _AT), ("outcome", pa.string()), *_PLACE]),
}
"""Predictions: `features` and `predictions` are JSON lists. Outcomes: `outcome` is a JSON value."""


def row(kind: RowKind, value: bytes | None, model: str) -> dict[str, Any] | Malformed | None:
    """A message as a row of the record; None when it is another model's."""
    if kind is RowKind.PREDICTIONS:
        asked = Prediction.parse(value, model)
        if not isinstance(asked, Prediction):
            return asked
        return {
            "id": asked.id,
            "version": asked.version,
            "asked_at": asked.at,
            "tenant": asked.tenant,
            "user_id": asked.user_id,
            "features": json.dumps(asked.features),
            "predictions": json.dumps(asked.predictions),
        }
    said = ObservedOutcome.parse(value, now=datetime.now(UTC))
    if not isinstance(said, ObservedOutcome):
        return said
    if said.model != model:
        return None
    return {"id": said.id, "known_at": said.at, "outcome": json.dumps(said.outcome)}


def files(topic: str, partition: int, start: int, rows: Sequence[dict[str, Any]]) -> Iterator[tuple[str, bytes]]:
    """Names and contents of a stretch of one partition that begins at the offset `start`."""
    kind, days = TOPICS[topic], defaultdict[str, list[dict[str, Any]]](list)
    for each in rows:
        days[each[TIMES[kind]].date().isoformat()].append(each)
    for day, of_day in sorted(days.items()):
        yield f"{kind}/date={day}/{topic}-{partition}-{start:020}.parquet", encoded(kind, of_day)


def encoded(kind: RowKind, rows: Sequence[dict[str, Any]]) -> bytes:
    """The rows as Parquet; the same bytes for the same rows."""
    return parquet(pa.Table.from_pylist(list(rows), SCHEMAS[kind]))


def parquet(table: pa.Table) -> bytes:
    out = io.BytesIO()
    pq.write_table(table, out, compression="zstd")
    return out.getvalue()


def decoded(data: bytes) -> pa.Table:
    return pq.read_table(io.BytesIO(data))


def day_of(name: str) -> datetime | None:
    """The day of a file of the record, in UTC; None for any other name."""
    parts = name.split("/")
    if len(parts) != 3 or parts[0] not in set(RowKind) or not parts[1].startswith("date="):
        return None
    try:
        return datetime.fromisoformat(parts[1].removeprefix("date=")).replace(tzinfo=UTC)
    except ValueError:
        return None


def within(name: str, since: datetime, until: datetime) -> bool:
    """Whether a file may hold rows from `since` on and before `until`."""
    day = day_of(name)
    return day is not None and day < until and day + timedelta(days=1) > since
