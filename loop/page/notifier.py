"""`python3 -m loop notify`: tells a webhook what the page shows, each thing once, and again until it is taken.

Nothing in the loop waits for it. A notice is recorded after it was taken: one whose answer was lost comes twice, under
the same id.
"""

import asyncio
import logging
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from contract.commands import Notify
from contract.page import PageContent
from loop.page.journal import JournalError, KubernetesJournal
from loop.page.listening import listener
from loop.page.notices import notices
from loop.page.screen import screen
from loop.page.server import reader
from loop.page.sources import KUBERNETES, MLFLOW, Sources, clients, kubernetes
from loop.page.telling import Telling
from loop.page.webhook import Webhook, WebhookError
from loop.runtime import command, log

LOG: Final = logging.getLogger("notify")
PERIOD: Final = 10.0
"""Seconds between two looks."""
TIMEOUT: Final = 10.0
"""Seconds that a webhook may take."""
UNHEARD: Final = 600.0
"""Seconds of failures after which the pod is not ready, so that alerts on Deployments tell of it."""
STUCK: Final = 300.0
"""Seconds without a look after which the pod is not alive."""


@dataclass
class Notifier:
    """Looks at each model again and again."""

    content: Callable[[], PageContent]
    sources: Sources
    telling: Telling
    webhook: Callable[[], Webhook]
    """The webhook as the Secrets have it now. Raises WebhookError."""
    looked: float = 0.0
    """When it last looked, by the monotonic clock."""
    trouble: str = ""
    """What keeps it from telling anything; empty: nothing."""

    async def watch(self) -> None:
        while True:
            await self.step()
            await asyncio.sleep(PERIOD)

    async def step(self) -> None:
        trouble = ""
        try:
            await self._look(self.webhook())
        except (WebhookError, JournalError) as error:
            trouble = str(error)
        if trouble and trouble != self.trouble:
            LOG.error("%s", trouble)
        self.trouble, self.looked = trouble, time.monotonic()

    async def _look(self, webhook: Webhook) -> None:
        content = self.content()
        for model in content.models:
            found = await screen(model, content, self.sources)
            # With one of them missing, the outcome of a training would be half told.
            if not {KUBERNETES, MLFLOW} & {each.source for each in found.away}:
                await self.telling.tell(model.name, notices(found, content), content, webhook)

    def alive(self) -> tuple[bool, str]:
        return time.monotonic() - self.looked < STUCK, "looks every ten seconds, unless this says 503"

    def ready(self) -> tuple[bool, str]:
        since = self.telling.failing_since
        if self.trouble:
            return False, self.trouble
        if since is not None and self.telling.clock() - since > UNHEARD:
            return False, f"the webhook has taken nothing for {self.telling.clock() - since:.0f} s; the log says why"
        return True, "tells what happens"

    def app(self) -> Starlette:
        def answering(check: Callable[[], tuple[bool, str]]) -> Callable[[Request], Response]:
            def answer(_request: Request) -> Response:
                well, sentence = check()
                return PlainTextResponse(f"{sentence}\n", 200 if well else 503)

            return answer

        checks = {"/healthz": self.alive, "/readyz": self.ready}
        return Starlette(routes=[Route(path, answering(check)) for path, check in checks.items()])


def notifier(given: Notify) -> Notifier:
    """The notifier as a pod runs it. Raises ValueError for what the Secrets or the content must not hold."""
    content = reader(Path(given.content))

    def webhook() -> Webhook:
        return Webhook.read(Path(given.webhook), signed=given.signed)

    webhook()  # A Secret that is wrong from the start ends the pod with a sentence, which `up` shows.
    telling = Telling(
        KubernetesJournal(kubernetes(), content().namespace),
        httpx.AsyncClient(timeout=TIMEOUT, trust_env=False),
        given.on,
        given.format,
    )
    return Notifier(content, clients(), telling, webhook, looked=time.monotonic())


async def _run(given: Notify) -> None:
    """Runs until SIGTERM, or until one of the two ends by itself."""
    told = notifier(given)
    watching = asyncio.create_task(told.watch())
    serving = asyncio.create_task(listener(told.app(), given.port).serve())
    await asyncio.wait((watching, serving), return_when=asyncio.FIRST_COMPLETED)
    for task in (watching, serving):
        task.cancel()
    with suppress(asyncio.CancelledError):
        await watching
    with suppress(asyncio.CancelledError):
        await serving


def main() -> int:
    given = Notify.parse(sys.argv[1:])
    log.to_stderr()
    return command.run(lambda: asyncio.run(_run(given)), ValueError)
