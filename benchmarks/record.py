"""The record's pace on one core: `python3 -m benchmarks.record [SECONDS]`, in the loop's environment.

A stream of 10 000 predictions and 1 000 outcomes a second, SECONDS of them (tens), goes through the recorder into files
on this machine, and is read back and joined. It reports CPU time, as other programs may share the core. Baselines in
the same run: parsing the same messages as JSON, the least that any reader of the topics must do; and the join by pandas
instead of DuckDB. No broker and no S3 take part.
"""

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from math import ceil
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pandas as pd
import pyarrow as pa

from contract.messages import Prediction
from contract.names import OUTCOMES_TOPIC, PREDICTIONS_TOPIC
from contract.outcomes import ObservedOutcome
from loop.outcomes import join
from loop.outcomes.archive import RowKind
from loop.outcomes.recorder import Recorder
from loop.runtime.objects import folder

PREDICTIONS, OUTCOMES = 10_000, 1_000
FEATURES = [0.5, 3, True, "group quarters", None, 17.25, 2, 8, "b", 1.5]
START = datetime(2026, 11, 27, tzinfo=UTC)


class PartitionOffset(NamedTuple):
    """Like confluent_kafka's TopicPartition."""

    topic: str
    partition: int
    offset: int = -1001
    metadata: str | None = None


class RecordedMessage(NamedTuple):
    """Like confluent_kafka's Message."""

    name: str
    number: int
    body: bytes

    def topic(self) -> str:
        return self.name

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return self.number

    def value(self) -> bytes:
        return self.body

    def error(self) -> None:
        return None


class InstantConsumer:
    """A consumer whose broker takes no time."""

    def __init__(self, messages: list[RecordedMessage]) -> None:
        self._messages, self.at = messages, 0

    def consume(self, num_messages: int, timeout: float) -> list[RecordedMessage]:
        del timeout
        self.at += num_messages
        return self._messages[self.at - num_messages : self.at]

    def committed(self, partitions: list[Any], timeout: float) -> list[Any]:
        del timeout
        return partitions

    def commit(self, *, offsets: list[Any], asynchronous: bool) -> None: ...

    def assign(self, partitions: list[Any]) -> None: ...


def stream(seconds: int) -> Iterator[RecordedMessage]:
    """Each second's predictions, then the outcomes of a tenth of them."""
    for second in range(seconds):
        at = START + timedelta(seconds=second)
        for n in range(second * PREDICTIONS, (second + 1) * PREDICTIONS):
            asked = Prediction(
                model="m",
                version="3",
                features=FEATURES,
                predictions=[0.25, 0.75],
                at=at,
                id=f"r{n}/0",
                user_id=f"u{n % 997}",
            )
            yield RecordedMessage(PREDICTIONS_TOPIC, n, asked.encode())
        for n in range(second * OUTCOMES, (second + 1) * OUTCOMES):
            said = ObservedOutcome(id=f"r{10 * n}/0", model="m", outcome=n % 2, at=at)
            yield RecordedMessage(OUTCOMES_TOPIC, n, said.encode())


def taken(act: Callable[[], object]) -> float:
    """Seconds of CPU time, the children's and threads' included."""
    began = time.process_time()
    act()
    return time.process_time() - began


def joined_by_pandas(asked: pa.Table, said: pa.Table) -> pd.DataFrame:
    last = said.to_pandas().sort_values("kafka_offset").drop_duplicates("id", keep="last")
    first = asked.to_pandas().sort_values(["asked_at", "kafka_partition", "kafka_offset"]).drop_duplicates("id")
    return first.merge(last[["id", "outcome", "known_at"]], on="id", how="left")


def joined_by_duckdb(asked: pa.Table, said: pa.Table) -> pd.DataFrame:
    with duckdb.connect(config={"threads": 1}) as engine:
        engine.execute("SET TimeZone = 'UTC'")
        engine.register("predictions", asked)
        engine.register("outcomes", said)
        return engine.sql(join.JOIN).df()


def main() -> int:
    seconds = 10 * ceil(int(sys.argv[1]) / 10) if len(sys.argv) > 1 else 30
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    pa.set_cpu_count(1)
    messages = list(stream(seconds))
    with tempfile.TemporaryDirectory() as place:
        store, consumer = folder(Path(place).as_uri()), InstantConsumer(messages)
        recorder = Recorder(model="m", consumer=consumer, target=store, partition=PartitionOffset, every=3600.0)

        def record() -> None:
            while consumer.at < len(messages):
                recorder.step()
            recorder.step()  # full stretches are written by the next step

        parsing = taken(lambda: [json.loads(each.body) for each in messages])
        archiving = taken(record)
        span = (START - timedelta(days=1), START + timedelta(days=2))
        asked, said = (join.read(store, kind, *span) for kind in RowKind)
        assert (len(asked), len(said)) == (seconds * PREDICTIONS, seconds * OUTCOMES), (len(asked), len(said))
        reading = taken(lambda: len(join.read(store, RowKind.PREDICTIONS, *span)))
        by_duckdb = taken(lambda: joined_by_duckdb(asked, said))
        by_pandas = taken(lambda: joined_by_pandas(asked, said))
        rows = taken(lambda: join.joined(asked, said))
    print(f"{seconds} s of {PREDICTIONS} predictions and {OUTCOMES} outcomes a second, one core")
    for what, cpu, baseline, of in (
        ("archive", archiving, "parsed as JSON alone", parsing),
        ("predictions read back", reading, "", 0.0),
        ("join", by_duckdb, "by pandas", by_pandas),
        ("join, as Python's rows", rows, "by pandas", by_pandas),
    ):
        beside = f", {cpu / of:.1f} times what it takes {baseline} ({of:.2f} s)" if of else ""
        print(f"{what:<24}{cpu:6.2f} s of CPU: {seconds / cpu:5.1f} times the stream{beside}")
    whole = archiving + reading + rows
    print(f"{'all of it':<24}{whole:6.2f} s of CPU: {seconds / whole:5.1f} times the stream")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
