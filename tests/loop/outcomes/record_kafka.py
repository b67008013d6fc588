"""Kafka in memory for the recorder, whose processes die between any two steps."""

import random
from collections.abc import Iterator

from mortal import Broker, MortalConsumer

from loop.runtime.objects import ObjectFolder


class Process(MortalConsumer):
    """A consumer and a store of one process, which dies when its effects are used up."""

    def __init__(self, broker: Broker, store: ObjectFolder, dice: random.Random, lives: int | None) -> None:
        super().__init__(broker, dice, lives)
        self._store = store

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
