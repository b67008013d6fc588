"""The record read back: predictions with what became of them, by SQL that any engine can run over the same files."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from loop.outcomes.archive import SCHEMAS, TIMES, RowKind, decoded, within
from loop.runtime.objects import ObjectFolder

JOIN: Final = """
WITH asked AS (
  SELECT * FROM (
    SELECT *, row_number() OVER (PARTITION BY id ORDER BY asked_at, kafka_partition, kafka_offset) AS place
    FROM predictions WHERE id <> '') AS numbered
  WHERE place = 1),
said AS (
  SELECT id, max_by(outcome, kafka_offset) AS outcome, min(known_at) AS known_at,
    count(*) AS times, count(DISTINCT outcome) AS different
  FROM outcomes GROUP BY id)
SELECT asked.id, asked.version, asked.asked_at, asked.tenant, asked.user_id, asked.features, asked.predictions,
  said.outcome, said.known_at, said.times, said.different
FROM asked LEFT JOIN said ON said.id = asked.id
ORDER BY asked.asked_at, asked.kafka_partition, asked.kafka_offset
"""
"""Each prediction once, the first of its id; of several outcomes of an id, the last one."""
UNKNOWN: Final = """
SELECT count(DISTINCT id) FROM outcomes WHERE id NOT IN (SELECT id FROM predictions) AND known_at < ?
"""


def read(source: ObjectFolder, kind: RowKind, since: datetime, until: datetime) -> pa.Table:
    """The rows of the record from `since` on and before `until`."""
    names = [name for name in source.names(f"{kind}/") if within(name, since, until)]
    tables = [decoded(source.get(name)).cast(SCHEMAS[kind]) for name in names]
    table = pa.concat_tables(tables) if tables else SCHEMAS[kind].empty_table()
    time = pc.field(TIMES[kind])
    return table.filter((time >= since) & (time < until))


def joined(predictions: pa.Table, outcomes: pa.Table) -> list[dict[str, Any]]:
    """Every prediction with its outcome, None where none is known, in the order in which they were asked."""
    with duckdb.connect() as engine:
        engine.execute("SET TimeZone = 'UTC'")
        engine.register("predictions", predictions)
        engine.register("outcomes", outcomes)
        return engine.sql(JOIN).to_arrow_table().to_pylist()


def unknown(predictions: pa.Table, outcomes: pa.Table, before: datetime) -> int:
    """How many ids of outcomes that were known before a moment no prediction has."""
    with duckdb.connect() as engine:
        engine.execute("SET TimeZone = 'UTC'")
        engine.register("predictions", predictions)
        engine.register("outcomes", outcomes)
        found = engine.execute(UNKNOWN, [before]).fetchone()
    return int(found[0]) if found else 0


def state(row: Mapping[str, Any], delay: timedelta, now: datetime) -> str:
    """What became of a prediction's outcome: `joined`, `late`, `waiting`, or `missing` once the delay has passed."""
    if row["outcome"] is None:
        return "waiting" if now < row["asked_at"] + delay else "missing"
    return "late" if row["known_at"] > row["asked_at"] + delay else "joined"
