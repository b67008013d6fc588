"""Kafka in memory: partitions, a group's offsets with metadata, and processes that die between any two steps."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from mortal import Mortal, TopicPartition


class Message(NamedTuple):
    partition_: int
    offset_: int
    value_: bytes

    def partition(self) -> int:
        return self.partition_

    def offset(self) -> int:
        return self.offset_

    def value(self) -> bytes:
        return self.value_

    def error(self) -> None:
        return None


@dataclass
class Broker:
    """What survives every process."""

    partitions: Sequence[Sequence[bytes]]
    committed: dict[int, TopicPartition] = field(default_factory=dict)
    published: list[bytes] = field(default_factory=list)


class Process(Mortal):
    """A consumer and a producer of one process. Each of their effects may be the last; `lives` counts down to it."""

    def __init__(self, broker: Broker, dice: random.Random, lives: int | None) -> None:
        super().__init__(lives)
        self._broker, self._dice = broker, dice
        self._positions: dict[int, int] = {}

    def committed(self, partitions: list[TopicPartition], timeout: float) -> list[TopicPartition]:
        return [self._broker.committed.get(p.partition, p) for p in partitions]

    def get_watermark_offsets(self, partition: TopicPartition, timeout: float) -> tuple[int, int]:
        return 0, len(self._broker.partitions[partition.partition])

    def assign(self, partitions: list[TopicPartition]) -> None:
        self._positions = {
            p.partition: max(0, kept.offset) for p, kept in zip(partitions, self.committed(partitions, 0), strict=True)
        }

    def consume(self, num_messages: int, timeout: float) -> list[Message]:
        """A few messages, in order within each partition, in any order between them."""
        self._effect()
        messages: list[Message] = []
        for _ in range(self._dice.randint(1, 20)):
            left = [p for p, at in self._positions.items() if at < len(self._broker.partitions[p])]
            if not left:
                break
            partition = self._dice.choice(left)
            offset = self._positions[partition]
            messages.append(Message(partition, offset, self._broker.partitions[partition][offset]))
            self._positions[partition] += 1
        return messages

    def commit(self, *, offsets: list[TopicPartition], asynchronous: bool) -> None:
        assert not asynchronous, "a window would be published before its bookmark is safe"
        self._effect()
        self._broker.committed |= {o.partition: o for o in offsets}
        self._effect()

    def publish(self, messages: list[bytes]) -> None:
        for message in messages:
            self._effect()
            self._broker.published.append(message)
        self._effect()
