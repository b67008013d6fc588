"""Numbers and times as people read them."""

from datetime import UTC, datetime
from typing import Any

NOTHING = "–"  # noqa: RUF001  a dash for people


def moment(text: str | None) -> datetime | None:
    """A time as Kubernetes writes it."""
    return datetime.fromisoformat(text).astimezone(UTC) if text else None


def milliseconds(value: Any) -> datetime | None:
    """A time as MLflow writes it."""
    return datetime.fromtimestamp(int(value) / 1000, UTC) if value else None


def ago(at: datetime | None, now: datetime) -> str:
    """How long ago, or how long until: `3 min ago`, `in 2 h`."""
    if at is None:
        return NOTHING
    seconds = (now - at).total_seconds()
    if abs(seconds) < 5:
        return "just now"
    return f"{lasting(seconds)} ago" if seconds > 0 else f"in {lasting(-seconds)}"


def lasting(seconds: float) -> str:
    """A length of time in its largest unit that is at least two."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def number(value: float | None, digits: int = 3) -> str:
    return NOTHING if value is None else f"{value:.{digits}g}"


def short(text: str) -> str:
    """A text with two significant digits, if it is a number; any other text as it is."""
    try:
        return number(float(text), 2)
    except ValueError:
        return text


def fixed(value: float | None, digits: int = 3) -> str:
    return NOTHING if value is None else f"{value:.{digits}f}"


def count(value: float) -> str:
    """A whole number with thin spaces between its thousands."""
    return f"{value:,.0f}".replace(",", "\u202f")


def share(value: float | None) -> str:
    """A share as percent; a small one keeps two significant digits."""
    if value is None:
        return NOTHING
    return f"{100 * value:.2g} %" if 0 < value < 0.1 else f"{100 * value:.0f} %"


def time_of(seconds: float | None) -> str:
    """How long an answer takes, in words."""
    if seconds is None:
        return NOTHING
    return f"{1000 * seconds:.3g} ms" if seconds < 1 else f"{seconds:.2f} s"
