"""Fields of a message as JSON has them. A reader raises TypeError, ValueError or KeyError, which names the field."""

from datetime import UTC, datetime
from typing import Any


def number(value: object) -> float | None:
    """A finite number of a message; None for anything else, such as a label, a boolean or null."""
    if isinstance(value, bool) or not isinstance(value, int | float):  # to Python a bool is an int
        return None
    try:
        found = float(value)
    except OverflowError:  # an integer with hundreds of digits
        return None
    return found if -float("inf") < found < float("inf") else None


def rfc3339(moment: datetime) -> str:
    """A time in UTC, to the millisecond."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def text(message: Any, key: str, default: str | None = None) -> str:
    value = message[key] if default is None else message.get(key, default)
    if not isinstance(value, str):
        raise TypeError(f"{key} is not a text")
    value.encode()  # JSON can spell half of a character, which can neither be logged nor become a label
    return value


def bounded(message: Any, key: str, most: float = float("inf")) -> float:
    found = number(message[key])
    if found is None or not 0 <= found <= most:
        bounds = f"from 0 to {most:g}" if most < float("inf") else "of at least 0"
        raise ValueError(f"{key} is not a number {bounds}")
    return found


def count(message: Any, key: str) -> int:
    value = message[key]
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise TypeError(f"{key} is not a whole number of at least 0")
    return value


def moment(message: Any, key: str) -> datetime:
    at = datetime.fromisoformat(text(message, key))
    if at.tzinfo is None:
        raise ValueError(f"{key} has no time zone")
    return at.astimezone(UTC)  # the first and last hours of time raise OverflowError


def list_of(message: Any, key: str, default: list[Any] | None = None) -> list[Any]:
    value = message[key] if default is None else message.get(key, default)
    if not isinstance(value, list):
        raise TypeError(f"{key} is not a list")
    return value
