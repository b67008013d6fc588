"""What is to be told now, what was told before, and what has to be tried again."""

import logging
import random
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import httpx

from contract.notices import NoticeFormat, NoticeKind
from contract.page import PageContent
from loop.page.journal import Journal
from loop.page.notices import HISTORY, Notice
from loop.page.webhook import Webhook, body

LOG: Final = logging.getLogger("notify")
GONE: Final = 3600.0
"""Seconds after which what no longer holds is forgotten. Drift that comes back earlier is the same drift."""
FIRST_PAUSE: Final = 5.0
LONGEST_PAUSE: Final = 600.0


@dataclass
class Pending:
    """A notice that was not taken yet: it stays as it was first seen."""

    notice: Notice
    since: datetime
    tries: int = 0
    due: float = 0.0
    """When it is next sent, by the monotonic clock."""

    def failed(self, now: float) -> None:
        pause = min(FIRST_PAUSE * 2**self.tries, LONGEST_PAUSE)
        self.tries += 1
        self.due = now + pause * random.uniform(0.5, 1)  # noqa: S311  jitter


@dataclass
class Telling:
    """What people are told about all models."""

    journal: Journal
    client: httpx.AsyncClient
    on: Collection[NoticeKind]
    shape: NoticeFormat
    clock: Callable[[], float] = time.monotonic
    failing_since: float | None = None
    """Since when nothing was taken, by the monotonic clock; None: the last attempt succeeded, or there was none."""
    _told: dict[str, set[str]] | None = None
    """None: the journal was not read yet."""
    _seen: dict[str, float] = field(default_factory=dict[str, float])
    _pending: dict[str, Pending] = field(default_factory=dict[str, Pending])
    _unwritten: set[str] = field(default_factory=set[str])
    """Models whose keys are not in the journal yet."""

    async def tell(self, model: str, found: Iterable[Notice], content: PageContent, webhook: Webhook) -> None:
        """Sends what is new about a model, whose sources have all answered. Raises JournalError."""
        now, holding = self.clock(), {each.key: each for each in found}
        told = await self._known(model, holding.values())
        self._seen.update(dict.fromkeys(holding, now))
        new = [each for key, each in holding.items() if key not in told]
        for each in new:
            self._pending.setdefault(each.key, Pending(each, datetime.now(UTC)))
        for each in new:
            if each.kind not in self.on or await self._sent(self._pending[each.key], content, webhook):
                told.add(each.key)
                del self._pending[each.key]
                self._unwritten.add(model)
        self._forget(model, told, now)
        if model in self._unwritten:
            await self.journal.write(model, told)
            self._unwritten.discard(model)

    async def _known(self, model: str, holding: Iterable[Notice]) -> set[str]:
        """The keys of what was told about a model. If it was never looked at, its history counts as told."""
        if self._told is None:
            self._told = await self.journal.read()
            self._seen = {key: self.clock() for keys in self._told.values() for key in keys}
        if model not in self._told:
            self._told[model] = {each.key for each in holding if each.kind in HISTORY}
            self._unwritten.add(model)
        return self._told[model]

    async def _sent(self, pending: Pending, content: PageContent, webhook: Webhook) -> bool:
        now = self.clock()
        if now < pending.due:
            return False
        sent, at = body(pending.notice, self.shape, content, pending.since), datetime.now(UTC)
        refusal = await webhook.post(self.client, pending.notice, sent, at)
        if refusal is None:
            LOG.info("told: %s: %s", pending.notice.model, pending.notice.text)
            self.failing_since = None
            return True
        pending.failed(now)
        self.failing_since = self.failing_since or now
        LOG.warning(
            "not told, tried again in %.0f s: %s (the webhook: %s)", pending.due - now, pending.notice.text, refusal
        )
        return False

    def _forget(self, model: str, told: set[str], now: float) -> None:
        def gone(key: str) -> bool:
            return now - self._seen.get(key, now) > GONE

        if old := {key for key in told if gone(key)}:
            told -= old
            self._unwritten.add(model)
        for key, each in list(self._pending.items()):
            if each.notice.model == model and gone(key):
                del self._pending[key]
