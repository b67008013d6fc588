"""Kafka in memory for the detector: what it reads, and the events that it publishes."""

import random
from collections.abc import Sequence

import mortal

from contract.names import PREDICTIONS_TOPIC


class Broker(mortal.Broker):
    """What survives every process: the partitions of predictions, and the events."""

    def __init__(self, partitions: Sequence[Sequence[bytes]]) -> None:
        super().__init__({(PREDICTIONS_TOPIC, number): log for number, log in enumerate(partitions)})
        self.published: list[bytes] = []


class Process(mortal.MortalConsumer):
    """A consumer and a producer of one process, which dies when its effects are used up."""

    def __init__(self, broker: Broker, dice: random.Random, lives: int | None) -> None:
        super().__init__(broker, dice, lives)
        self._published = broker.published

    def publish(self, messages: list[bytes]) -> None:
        for message in messages:
            self._effect()
            self._published.append(message)
        self._effect()
