"""Clients who ask for predictions and say what became of them, and what the record has of it afterwards."""

import json
import subprocess
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from local import record
from local.paths import Paths
from tests.chaos import in_loop

CLIENTS: Final = 3
ROWS: Final = 20
"""Of a request."""
PAUSE: Final = 0.1


@dataclass
class SentOutcomes:
    """Ids, by what their requests were answered."""

    predicted: list[str] = field(default_factory=list[str])
    told: list[str] = field(default_factory=list[str])
    """200: Kafka has them."""
    refused: Counter[str] = field(default_factory=Counter[str])
    """Answers to outcomes that were sent again."""


class RecordedPlaces(NamedTuple):
    """Id → where its messages were, of predictions and of outcomes."""

    predictions: dict[str, list[tuple[int, int]]]
    outcomes: dict[str, list[tuple[int, int]]]

    @classmethod
    def of(cls, paths: Paths, model: str, prefix: str) -> "RecordedPlaces":
        """What the record has of ids that begin so."""
        command, environment = in_loop.command("recorded", prefix), in_loop.environment(record.variables(paths, model))
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        found = json.loads(done.stdout)
        return cls(*(_places(found[kind]) for kind in cls._fields))

    def doubled(self) -> list[str]:
        """Ids with a message that is there more than once."""
        return [name for kind in self for name, places in kind.items() if len(places) > len(set(places))]


def _places(rows: Sequence[tuple[str, int, int]]) -> dict[str, list[tuple[int, int]]]:
    found: dict[str, list[tuple[int, int]]] = {}
    for name, partition, offset in rows:
        found.setdefault(name, []).append((partition, offset))
    return found


@contextmanager
def clients(url: str, tag: str, rows: Sequence[Any]) -> Generator[SentOutcomes]:
    """They go on while the block runs, and send an outcome that got no 200 again until it has one."""
    sent, stop = SentOutcomes(), threading.Event()
    threads = [
        threading.Thread(target=_go_on, args=(url, f"{tag}-{each}", rows, sent, stop)) for each in range(CLIENTS)
    ]
    for thread in threads:
        thread.start()
    try:
        yield sent
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _go_on(url: str, tag: str, rows: Sequence[Any], sent: SentOutcomes, stop: threading.Event) -> None:
    number = 0
    while not stop.wait(PAUSE):
        name, number = f"{tag}-{number}", number + 1
        asked = [rows[(number * ROWS + each) % len(rows)] for each in range(ROWS)]
        if _post(url, {"instances": asked}, {"X-Request-Id": name}):
            continue
        ids = [f"{name}/{each}" for each in range(ROWS)]
        sent.predicted += ids
        tell(url, ids, sent)


def tell(url: str, ids: Sequence[str], sent: SentOutcomes, patience: float = 120.0) -> None:
    """Says what became of these. Raises AssertionError where nobody takes it."""
    said = {"outcomes": [{"id": each, "outcome": 1} for each in ids]}
    deadline = time.monotonic() + patience
    while problem := _post(url.removesuffix(":predict") + ":outcome", said, {}):
        sent.refused[problem] += 1
        assert time.monotonic() < deadline, f"no outcome is taken: {problem}"
        time.sleep(PAUSE)
    sent.told += ids


def _post(url: str, body: Any, headers: dict[str, str]) -> str:
    """Empty for 200; else what came."""
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json", **headers})  # noqa: S310  # our own gateway
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            answer.read()
            return ""
    except OSError as error:
        return str(error)
