"""How the page asks its sources: each question once for all viewers, with short-lived answers and a short limit.

A source that does not answer is not a failure of the page: the answer is then `Away`, with the reason.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

import httpx

T = TypeVar("T")

FRESH: Final = 3.0
"""Seconds for which an answer is used again."""
TIMEOUT: Final = 3.0
"""Seconds until a silent source counts as away."""


@dataclass(frozen=True)
class Away:
    """A source that could not be asked."""

    source: str
    reason: str


@dataclass(frozen=True)
class Told(Generic[T]):
    """A source's answer."""

    value: T


@dataclass
class Answers:
    """The last answer to each question, while it is fresh."""

    clock: Callable[[], float] = time.monotonic
    _known: dict[str, tuple[float, "Told[Any] | Away"]] = field(
        default_factory=dict[str, "tuple[float, Told[Any] | Away]"]
    )
    _asking: dict[str, "asyncio.Task[Told[Any] | Away]"] = field(
        default_factory=dict[str, "asyncio.Task[Told[Any] | Away]"]
    )

    async def ask(
        self, source: str, question: str, ask: Callable[[], Awaitable[T]], fresh: float = FRESH
    ) -> "Told[T] | Away":
        """The answer, from memory while it is fresh. Those who ask the same at once wait for one answer."""
        key = f"{source} {question}"
        until, known = self._known.get(key, (0.0, None))
        if known is not None and self.clock() < until:
            return known
        if key not in self._asking:
            self._asking[key] = asyncio.create_task(self._answer(source, key, ask, fresh))
        return await asyncio.shield(self._asking[key])

    async def _answer(self, source: str, key: str, ask: Callable[[], Awaitable[T]], fresh: float) -> "Told[T] | Away":
        try:
            found: Told[T] | Away = Told(await asyncio.wait_for(ask(), TIMEOUT))
        except (httpx.HTTPError, OSError, TimeoutError, ValueError, KeyError, TypeError) as error:
            found = Away(source, reason(error))
        finally:
            del self._asking[key]
        now = self.clock()
        self._known = {other: known for other, known in self._known.items() if now < known[0]}
        self._known[key] = (now + (fresh if isinstance(found, Told) else FRESH), found)
        return found


def reason(error: Exception) -> str:
    """Why a source could not be asked, for people."""
    match error:
        case httpx.HTTPStatusError():
            return f"it answers {error.response.status_code} {error.response.reason_phrase}".rstrip()
        case httpx.TimeoutException() | TimeoutError():
            return f"it has not answered within {TIMEOUT:g} s"
        case httpx.TransportError() | OSError():
            return "it cannot be reached"
        case _:
            return "it answers what the page does not understand"
