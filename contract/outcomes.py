"""What happened after a prediction: the messages of `ml.outcomes`, and the bodies in which clients send them.

Both are checked alike: a client that writes to the topic directly is held to the same rules.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from contract.fields import number, rfc3339
from contract.messages import Malformed

Observed = str | int | float | bool
MAX_OUTCOMES: Final = 1000
"""The most outcomes that one request may hold."""
LONGEST: Final = 1000
"""The most characters of an outcome that is a text."""
CLOCK_SKEW: Final = timedelta(minutes=5)
"""How far in the future `at` may be: no two clocks agree."""
_ID: Final = re.compile(r"[\x21-\x7e]{1,128}/[0-9]{1,9}")
_KEYS: Final = ("id", "outcome", "at")
_BODY: Final = 'send {"outcomes": [{"id": "REQUEST/ROW", "outcome": 1}]}'


@dataclass(frozen=True, kw_only=True, slots=True)
class ObservedOutcome:
    """What one predicted row turned out to be, on `ml.outcomes` under its id."""

    id: str
    """The prediction's: the request's id, a slash, and the row's number in it from 0."""
    model: str
    outcome: Observed
    at: datetime
    """When it was known, in UTC."""

    def encode(self) -> bytes:
        message = {"id": self.id, "model": self.model, "outcome": self.outcome, "at": rfc3339(self.at)}
        return json.dumps(message, allow_nan=False).encode()

    @classmethod
    def read(cls, said: Any, *, model: str, now: datetime) -> "ObservedOutcome":
        """The outcome that one entry of a body states. Raises ValueError with a sentence."""
        if not isinstance(said, Mapping):
            raise ValueError(f"is {_shown(said)}; it must be an object with id and outcome")
        if unknown := sorted(str(key) for key in said if key not in _KEYS):
            raise ValueError(f"has the key {unknown[0][:64]!r}; allowed are {', '.join(_KEYS)}")
        return cls(id=_id(said), model=model, outcome=_outcome(said), at=_at(said, now))

    @classmethod
    def parse(cls, value: bytes | None, *, now: datetime) -> "ObservedOutcome | Malformed":
        """What a message says, or why it is none."""
        try:
            message = dict(json.loads(value or b""))
            model = message.pop("model")
            if not isinstance(model, str):
                raise TypeError("model is not a text")
            known = {key: message[key] for key in _KEYS if key in message}  # later versions may say more
            return cls.read(known, model=model, now=now)
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            return Malformed(f"not an outcome: {str(error)[:200]}")


def read_body(body: bytes, *, model: str, now: datetime) -> list[ObservedOutcome]:
    """The outcomes of a request, each id once. Raises ValueError with a sentence that says which is wrong, and how."""
    try:
        said = json.loads(body, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"the body is not JSON ({str(error)[:100]}); {_BODY}") from error
    entries = said.get("outcomes") if isinstance(said, Mapping) and set(said) == {"outcomes"} else None
    if not isinstance(entries, Sequence) or isinstance(entries, str):
        raise ValueError(f"the body is not an object with the list outcomes alone; {_BODY}")
    if not 1 <= len(entries) <= MAX_OUTCOMES:
        raise ValueError(f"outcomes has {len(entries)} entries; send 1 to {MAX_OUTCOMES} at once")
    found: dict[str, ObservedOutcome] = {}
    for index, entry in enumerate(entries):
        try:
            outcome = ObservedOutcome.read(entry, model=model, now=now)
        except ValueError as error:
            raise ValueError(f"outcomes[{index}] {error}") from error
        first = found.setdefault(outcome.id, outcome)
        if first.outcome != outcome.outcome or type(first.outcome) is not type(outcome.outcome):
            two = f"{_shown(first.outcome)} and {_shown(outcome.outcome)}"
            raise ValueError(f"outcomes[{index}] has an id that came before with another outcome, {two}; send one")
    return list(found.values())


def _id(said: Mapping[str, Any]) -> str:
    value = said.get("id")
    if not isinstance(value, str) or not _ID.fullmatch(value):
        expected = "the X-Request-Id of the answer, a slash and the row's number from 0, such as 4f1c/0"
        raise ValueError(f"has the id {_shown(value)}; it must be {expected}")
    return value


def _outcome(said: Mapping[str, Any]) -> Observed:
    value = said.get("outcome")
    short = isinstance(value, str) and 0 < len(value) <= LONGEST and value.isprintable()
    if isinstance(value, bool) or short or number(value) is not None:
        return value  # pyright: ignore[reportReturnType]  # `number` and `short` narrow its type
    expected = f"a finite number, true, false or a text of 1 to {LONGEST} printable characters"
    raise ValueError(f"has the outcome {_shown(value)}; it must be {expected}")


def _at(said: Mapping[str, Any], now: datetime) -> datetime:
    value = said.get("at")
    if value is None:
        return now
    try:
        at = datetime.fromisoformat(value)
        if at.tzinfo is None:
            raise ValueError
        at = at.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        expected = "a time with its zone, such as 2026-11-27T08:00:00Z"
        raise ValueError(f"has at {_shown(value)}; it must be {expected}, or left out for now") from None
    if at > now + CLOCK_SKEW:
        raise ValueError(f"has at {_shown(value)}, which is in the future; it must be when the outcome was known")
    return at


def _shown(value: Any) -> str:
    """A value, with no more of a stranger's text than fits a line."""
    text = json.dumps(value, ensure_ascii=True, default=str)
    return text if len(text) <= 64 else f"{text[:60]}…"


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number")
