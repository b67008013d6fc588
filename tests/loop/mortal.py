"""What Kafka in memory is made of, for whatever reads it: places of messages, and processes that die at any step."""

from typing import NamedTuple


class Crash(Exception):  # noqa: N818  # not an error of the code under test
    """The process is gone."""


class TopicPartition(NamedTuple):
    topic: str
    partition: int
    offset: int = -1001
    metadata: str | None = None


class Mortal:
    """A process of which each effect may be the last; `lives` counts down to it, None: it lives for ever."""

    def __init__(self, lives: int | None) -> None:
        self._lives = lives

    def _effect(self) -> None:
        if self._lives is not None:
            self._lives -= 1
            if self._lives < 0:
                raise Crash
