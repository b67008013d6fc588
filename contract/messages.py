"""The messages of the topics `ml.predictions` and `ml.drift`, with one encoder and one parser each.

Any client may write to a topic, so nothing is trusted: a parser never raises. What is no message is a `Malformed`.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from contract import fields
from contract.fields import rfc3339

ALL_FEATURES: Final = "*"
"""The feature named by a test that looks at all of them together."""
PREDICTION: Final = "@prediction"
"""The feature that is not a column but the model's answer: its score or its label."""
EVENT_ID_LENGTH: Final = 32
EVENT_ID_CHARACTERS: Final = "0-9a-f"
EVENT_ID: Final = f"[{EVENT_ID_CHARACTERS}]{{{EVENT_ID_LENGTH}}}"
"""Pattern of a drift event's id, as Python and Go read it."""
EVENT_ID_IN_NAME: Final = 16
"""How many of its characters are in the name of the Workflow that it starts, which is a label's value: 63 at most."""
_EVENT_ID: Final = re.compile(EVENT_ID)
_NO_MESSAGE: Final = (ValueError, TypeError, KeyError, OverflowError, RecursionError)
"""What reading arbitrary bytes may raise: text that is not UTF-8, brackets by the thousand, years before the first."""

Scalar = str | int | float | bool | None
DEEPEST: Final = 32
"""The most levels of lists and objects in an answer. Near Python's own limit, what one reader can read another cannot.
"""


@dataclass(frozen=True)
class Malformed:
    """Something on a topic that is not one of its messages."""

    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Prediction:
    """One row that a model answered, on `ml.predictions` under its tenant."""

    model: str
    version: str
    features: list[Scalar]
    predictions: list[Any]
    """JSON values, one for each output of the model."""
    at: datetime
    """When it was made, in UTC."""
    id: str = ""
    """The request's id, a slash, and the row's number in it from 0. Empty: written before predictions had one."""
    tenant: str = ""
    user_id: str = ""

    @property
    def request(self) -> tuple[str, ...]:
        """The same for all rows of one request."""
        return (self.id.rpartition("/")[0],) if self.id else (self.tenant, self.user_id, self.at.isoformat())

    @property
    def answer(self) -> Scalar:
        """The score or label by which the model's answers are watched."""
        return leading(self.predictions)

    def encode(self, dumps: Callable[[object], bytes] | None = None) -> bytes:
        """JSON, in which a number that is not finite is null. `dumps` is a faster encoder with that property."""
        message = {
            "id": self.id,
            "tenant": self.tenant,
            "user_id": self.user_id,
            "features": self.features,
            "predictions": self.predictions,
            "at": rfc3339(self.at),
            "model": self.model,
            "version": self.version,
        }
        return dumps(message) if dumps else json.dumps(_finite(message), allow_nan=False).encode()

    @classmethod
    def parse(
        cls, value: bytes | None, model: str, loads: Callable[[bytes], Any] = json.loads
    ) -> "Prediction | Malformed | None":
        """A message's prediction; None when it is another model's. `loads` is a faster decoder of the same JSON."""
        try:
            message = loads(value or b"")
            if fields.text(message, "model") != model:
                return None
            return cls(
                model=model,
                version=fields.text(message, "version", ""),
                features=_features(message),
                predictions=_answers(message),
                at=fields.moment(message, "at"),
                id=fields.text(message, "id", ""),
                tenant=fields.text(message, "tenant", ""),
                user_id=fields.text(message, "user_id", ""),
            )
        except _NO_MESSAGE as error:
            return Malformed(f"not a prediction: {_said(error)}")


@dataclass(frozen=True, kw_only=True)
class Window:
    """The predictions that an event is about."""

    start: datetime
    """Event times of the first and the last row, in UTC."""
    end: datetime
    rows: int


class EventKind(StrEnum):
    """What an event is about."""

    DRIFT = "drift"
    QUALITY = "quality"
    """A column that broke on its way here, which a human must mend and no training could."""
    PERFORMANCE = "performance"
    """Answers that were worse than the gate had measured, once their outcomes were known: `performance:<metric>`."""
    DATA = "data"  # enough rows that have got their outcome
    KNOWN = "known"
    """Drift on which a version in staging was trained: what it needs is an approval, not a training."""


@dataclass(frozen=True, kw_only=True)
class DriftEvent:
    """What one test said of one window, drift or not, on `ml.drift` under its model."""

    id: str
    """The same for the same window of the same feature against the same reference."""
    model: str
    feature: str
    """`ALL_FEATURES` where one test looks at all of them."""
    distance: float
    """KS distance, or MMD."""
    p_value: float
    """The adjusted p-value: below the threshold it is drift."""
    threshold: float
    window: Window
    reference_version: str
    at: datetime
    kind: EventKind = EventKind.DRIFT
    effective_rows: int | None = None
    """How many independent rows the window's rows are worth; None: not measured."""
    reason: str = ""
    """Why the p-value is 1 whatever the distance; empty: the p-value is the test's own."""
    evidence: str = ""
    """What was seen of drift, packed (`contract.evidence`)."""

    @property
    def drift(self) -> bool:
        return self.kind is EventKind.DRIFT and self.p_value < self.threshold

    def fields(self) -> Mapping[str, Any]:
        """The message's fields, as JSON has them."""
        window = {"from": rfc3339(self.window.start), "to": rfc3339(self.window.end), "n": self.window.rows}
        return {
            "id": self.id,
            "model": self.model,
            "feature": self.feature,
            "ks": self.distance,
            "p_value": self.p_value,
            "threshold": self.threshold,
            "window": window,
            "reference_version": self.reference_version,
            "at": rfc3339(self.at),
            "kind": str(self.kind),
            **({} if self.effective_rows is None else {"effective_rows": self.effective_rows}),
            **({"reason": self.reason} if self.reason else {}),
            **({"evidence": self.evidence} if self.evidence else {}),
        }

    def encode(self) -> bytes:
        """The event as JSON. Raises ValueError for a number that is not finite: such a test has found nothing."""
        return json.dumps(self.fields(), allow_nan=False).encode()

    @classmethod
    def parse(cls, value: bytes | None) -> "DriftEvent | Malformed":
        """What a message says, or why it is none."""
        try:
            message = json.loads(value or b"")
            window = message["window"]
            return cls(
                id=_id(message),
                model=fields.text(message, "model"),
                feature=fields.text(message, "feature"),
                distance=fields.bounded(message, "ks"),
                p_value=fields.bounded(message, "p_value", most=1.0),
                threshold=fields.bounded(message, "threshold", most=1.0),
                window=Window(
                    start=fields.moment(window, "from"), end=fields.moment(window, "to"), rows=fields.count(window, "n")
                ),
                reference_version=fields.text(message, "reference_version"),
                at=fields.moment(message, "at"),
                kind=EventKind(fields.text(message, "kind", EventKind.DRIFT)),
                effective_rows=fields.count(message, "effective_rows") if "effective_rows" in message else None,
                reason=fields.text(message, "reason", ""),
                evidence=fields.text(message, "evidence", ""),
            )
        except _NO_MESSAGE as error:
            return Malformed(f"not a drift event: {_said(error)}")


def leading(answer: Any) -> Scalar:
    """The first value in an answer's lists and objects; None where there is none."""
    while isinstance(answer, list | dict):
        answer = next(iter(answer.values() if isinstance(answer, dict) else answer), None)
    return answer


def _id(message: Any) -> str:
    text = fields.text(message, "id")
    if not _EVENT_ID.fullmatch(text):
        raise ValueError(f"id is not {EVENT_ID}")
    return text


def _features(message: Any) -> list[Scalar]:
    found = fields.list_of(message, "features")
    if not {list, dict}.isdisjoint(map(type, found)):
        raise TypeError("features holds a list or an object")
    return found


def _answers(message: Any) -> list[Any]:
    found = level = fields.list_of(message, "predictions", [])
    for _ in range(DEEPEST):
        inner = [each.values() if isinstance(each, dict) else each for each in level if isinstance(each, list | dict)]
        if not (level := [each for some in inner for each in some]):
            return found
    raise ValueError(f"predictions is nested more than {DEEPEST} deep")


def _finite(value: Any) -> Any:
    """The same JSON with null for each number that is not finite."""
    match value:
        case float():
            return value if -float("inf") < value < float("inf") else None
        case list():
            return [_finite(each) for each in value]
        case dict():
            return {key: _finite(each) for key, each in value.items()}
        case _:
            return value


def _said(error: Exception) -> str:
    """What is wrong, with no more of a stranger's text than fits a line."""
    text = str(error) if type(error) in {ValueError, TypeError} else f"{type(error).__name__} {error}"
    return text[:200]
