"""What is to be tried, as the driver hands it to the environments in which the loop's own code runs."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Final

from contract.drift import DriftReference, DriftSettings, DriftTest

DETECTOR: Final = "ML_LOOP_TRY_DETECTOR"
"""Variable with the Python of the detector's environment, which is not the model's."""


class Station(StrEnum):
    """Where a model can fail, in the order of the loop. The values are shown."""

    MLFLOW = "MLflow"
    TRAIN = "train"
    EVALUATE = "evaluate"
    GATE = "gate"
    SERVE = "serve"
    PREDICT = "predict"
    DRIFT = "drift"
    AGAIN = "train once more"


class Progress(StrEnum):
    """What became of a station."""

    START = "start"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One model, as its settings describe it."""

    name: str
    folder: str
    """Holds the code; it is on the path of the model's commands, as in its image."""
    train: Sequence[str]
    evaluate: Sequence[str]
    gate: str
    """What the gate asks (`contract.gate`)."""
    compare: bool = True
    """Whether the gate compares with the version in production."""
    data_uri: str = ""
    parameters: str = "{}"
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    """Variables of training: `env`, and `secrets` as the shell has them."""
    max_rows: int
    """Rows of a request."""
    drift: Mapping[str, Any] | None = None
    """`DriftSettings` by name; None: no detector."""

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Trial":
        return cls(**json.loads(text))

    @property
    def drift_settings(self) -> DriftSettings | None:
        if self.drift is None:
            return None
        given: dict[str, Any] = {
            **self.drift,
            "features": tuple(self.drift["features"]),
            "test": DriftTest(self.drift["test"]),
            "reference": DriftReference(self.drift["reference"]),
        }
        return DriftSettings(**given)
