"""The commands that learn what became of predictions (`contract.commands` says what a command is)."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from contract.commands import Command
from contract.flags import Flag
from contract.names import METRICS_PORT, SERVER_PORT


@dataclass(frozen=True, kw_only=True)
class TakeOutcomes(Command):
    """Take in what became of predictions: POST /v1/models/NAME:outcome to Kafka."""

    NAME = "take-outcomes"

    models: Annotated[tuple[str, ...], Flag("a model whose outcomes are taken; once for each", name="model")]
    port: Annotated[int, "port of outcomes"] = SERVER_PORT
    metrics_port: Annotated[int, "port of /metrics, /healthz and /readyz"] = METRICS_PORT


@dataclass(frozen=True, kw_only=True)
class Record(Command):
    """Archive a model's predictions and outcomes as Parquet."""

    NAME = "record"

    model: Annotated[str, "the registered model's name"]
    every: Annotated[timedelta, Flag("what was read is archived at least so often, like 60s", unless_default=True)] = (
        timedelta(seconds=60)
    )
    port: Annotated[int, "port of /metrics, /healthz and /readyz"] = METRICS_PORT


@dataclass(frozen=True, kw_only=True)
class WatchPerformance(Command):
    """Judge a model's answers once their outcomes are known, and publish it."""

    NAME = "watch-performance"

    model: Annotated[str, "the registered model's name"]
    delay: Annotated[timedelta, "how long after its prediction an outcome counts, like 604800s"]
    every: Annotated[timedelta, "length of the spans of time that are judged, like 86400s"]
    archived: Annotated[timedelta, Flag("how often the record is written, like 60s", unless_default=True)] = (
        Record.every
    )
    min_fall: Annotated[float, "smallest fall that matters, as a share of what the gate measured"] = 0.02
    p_value: Annotated[float, "what consumers compare an event's p-value with"] = 0.05
    false_retrains_per_year: Annotated[float, "expected events of the model per year without any fall"] = 1
    new_rows: Annotated[int | None, "how many more rows with an outcome are an event; unset: none are"] = None
    port: Annotated[int, "port of /metrics, /healthz and /readyz"] = METRICS_PORT


@dataclass(frozen=True, kw_only=True)
class Freeze(Command):
    """Set down the rows of the record that a training works with."""

    NAME = "freeze"

    model: Annotated[str, "the registered model's name"]
    recent: Annotated[timedelta, "how old a prediction may be, like 2592000s"]
    delay: Annotated[timedelta, "how long after its prediction an outcome counts, like 604800s"]
    min_rows: Annotated[int, "fewer rows with an outcome are not learned from"]


@dataclass(frozen=True, kw_only=True)
class Erase(Command):
    """Take a user's rows out of a model's record."""

    NAME = "erase"

    user_id: Annotated[str, "whose rows, as X-User-Id said it"]

    def __post_init__(self) -> None:
        if not self.user_id:
            raise ValueError("--user-id is empty, as it is of all predictions without one: name a user")
