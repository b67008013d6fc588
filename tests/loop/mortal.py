"""Kafka in memory: offsets with metadata, and processes that die at any step."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

Place = tuple[str, int]
"""A topic and its partition."""


class Crash(Exception):  # noqa: N818  # not an error of the code under test
    """The process is gone."""


class TopicPartition(NamedTuple):
    topic: str
    partition: int
    offset: int = -1001
    metadata: str | None = None


class Message(NamedTuple):
    place: Place
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

    logs: Mapping[Place, Sequence[bytes]]
    kept: dict[Place, TopicPartition] = field(default_factory=dict)


class MortalConsumer:
    """A consumer of which each effect may be the last; `lives` counts down to it, None: it lives for ever."""

    def __init__(self, broker: Broker, dice: random.Random, lives: int | None) -> None:
        self._broker, self._dice, self._lives = broker, dice, lives
        self._positions: dict[Place, int] = {}

    def _effect(self) -> None:
        if self._lives is not None:
            self._lives -= 1
            if self._lives < 0:
                raise Crash

    def committed(self, partitions: list[TopicPartition], timeout: float) -> list[TopicPartition]:
        del timeout
        return [self._broker.kept.get((each.topic, each.partition), each) for each in partitions]

    def get_watermark_offsets(self, partition: TopicPartition, timeout: float) -> tuple[int, int]:
        del timeout
        return 0, len(self._broker.logs[partition.topic, partition.partition])

    def assign(self, partitions: list[TopicPartition]) -> None:
        kept = {(each.topic, each.partition): each.offset for each in self.committed(partitions, 0)}
        self._positions = {place: max(0, offset) for place, offset in kept.items()}

    def consume(self, num_messages: int, timeout: float) -> list[Message]:
        """A few messages, in order within each partition, in any order between them."""
        del num_messages, timeout
        self._effect()
        messages: list[Message] = []
        for _ in range(self._dice.randint(1, 20)):
            left = [place for place, at in self._positions.items() if at < len(self._broker.logs[place])]
            if not left:
                break
            place = self._dice.choice(left)
            offset = self._positions[place]
            messages.append(Message(place, offset, self._broker.logs[place][offset]))
            self._positions[place] += 1
        return messages

    def commit(self, *, offsets: list[TopicPartition], asynchronous: bool) -> None:
        assert not asynchronous, "what follows would be done before the bookmark is safe"
        self._effect()
        self._broker.kept |= {(each.topic, each.partition): each for each in offsets}
        self._effect()
