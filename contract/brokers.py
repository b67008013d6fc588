"""What the loop needs of Kafka's brokers: topics, groups, and rights on them."""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Final

from contract.names import DRIFT_TOPIC, OUTCOMES_TOPIC, PREDICTIONS_TOPIC

READ, WRITE, DESCRIBE = "READ", "WRITE", "DESCRIBE"
TOPIC_RIGHTS: Final[Mapping[str, tuple[str, ...]]] = {
    PREDICTIONS_TOPIC: (READ, WRITE, DESCRIBE),
    OUTCOMES_TOPIC: (READ, WRITE, DESCRIBE),
    DRIFT_TOPIC: (READ, WRITE, DESCRIBE),
}
"""Each of the loop's topics, and what its pods do with it."""
NEEDS: Final = "ML_LOOP_KAFKA_NEEDS"
"""Variable of the Job that asks for them, as `Needs.to_json` writes it."""


def drift_group(model: str) -> str:
    """The group in which a model's detector reads predictions."""
    return f"ml-loop-drift-{model}"


def record_group(model: str) -> str:
    """The group that reads a model's predictions and outcomes for its record."""
    return f"ml-loop-record-{model}"


def retraining_group(model: str) -> str:
    """The group that reads a model's drift to start its training."""
    return f"ml-loop-retraining-{model}"


@dataclass(frozen=True)
class Needs:
    """Rights by topic, and the groups that must be readable."""

    topics: Mapping[str, tuple[str, ...]]
    groups: tuple[str, ...]

    @classmethod
    def of(
        cls,
        watched: Iterable[str],
        retrained: Iterable[str],
        answering: Collection[str] = (),
        apart: Collection[str] = (),
    ) -> "Needs":
        """What the loop needs for models with a detector, for those that retrain, and for those with outcomes.

        `apart` are topics that other accounts write.

        The account that writes drift is the detector's, which then reads its group as that account, too.
        """
        topics = {
            topic: tuple(each for each in rights if each != WRITE or topic not in apart)
            for topic, rights in TOPIC_RIGHTS.items()
            if topic != OUTCOMES_TOPIC or answering
        }
        detectors = () if DRIFT_TOPIC in apart else map(drift_group, watched)
        return cls(topics, (*detectors, *map(retraining_group, retrained), *map(record_group, answering)))

    def to_json(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "Needs":
        found = json.loads(text)
        return cls({topic: tuple(rights) for topic, rights in found["topics"].items()}, tuple(found["groups"]))
