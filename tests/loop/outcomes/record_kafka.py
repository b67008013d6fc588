"""Kafka in memory for the recorder: offsets with metadata, and processes that die between any two steps."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from mortal import Mortal, TopicPartition

from loop.runtime.objects import ObjectFolder


class Message(NamedTuple):
    place: tuple[str, int]
    number: int
    body: bytes

    def topic(self) -> str:
        return self.place[0]

    def partition(self) -> int:
        return self.place[1]

    def offset(self) -> int:
        return self.number

    def value(self) -> bytes:
        return self.body

    def error(self) -> None:
        return None


@dataclass
class Broker:
    """What survives every process."""

    logs: dict[tuple[str, int], list[bytes]]
    kept: dict[tuple[str, int], TopicPartition] = field(default_factory=dict)


class Process(Mortal):
    """A consumer and a store of one process, which dies when its effects are used up."""

    def __init__(self, broker: Broker, store: ObjectFolder, dice: random.Random, lives: int | None) -> None:
        super().__init__(lives)
        self._broker, self._store, self._dice = broker, store, dice
        self._positions: dict[tuple[str, int], int] = {}

    def committed(self, partitions: list[TopicPartition], timeout: float) -> list[TopicPartition]:
        del timeout
        return [self._broker.kept.get((p.topic, p.partition), p) for p in partitions]

    def assign(self, partitions: list[Any]) -> None:
        kept = {(each.topic, each.partition): each.offset for each in self.committed(partitions, 0)}
        self._positions = {place: max(0, offset) for place, offset in kept.items()}

    def consume(self, num_messages: int, timeout: float) -> list[Message]:
        del num_messages, timeout
        self._effect()
        found: list[Message] = []
        for _ in range(self._dice.randint(1, 40)):
            left = [place for place, at in self._positions.items() if at < len(self._broker.logs[place])]
            if left:
                place = self._dice.choice(left)
                found.append(Message(place, self._positions[place], self._broker.logs[place][self._positions[place]]))
                self._positions[place] += 1
        return found

    def commit(self, *, offsets: list[TopicPartition], asynchronous: bool) -> None:
        assert not asynchronous
        self._effect()
        self._broker.kept |= {(each.topic, each.partition): each for each in offsets}
        self._effect()

    def put(self, name: str, data: bytes) -> None:
        self._effect()
        self._store.put(name, data)
        self._effect()

    def get(self, name: str) -> bytes:
        return self._store.get(name)

    def names(self, prefix: str = "") -> Iterator[str]:
        return self._store.names(prefix)

    def delete(self, name: str) -> None:
        raise AssertionError(f"the recorder only adds, and would delete {name}")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now
