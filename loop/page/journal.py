"""What the notifier has told, kept in a ConfigMap that the stack makes and only the notifier fills."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, Protocol

import httpx

from contract.notices import NOTIFIER
from loop.page.asking import TIMEOUT, reason
from loop.page.sources import authorization

PATCH: Final = {"Content-Type": "application/merge-patch+json"}


class JournalError(RuntimeError):
    """The journal cannot be read or written at the moment."""


class Journal(Protocol):
    """Keys of the notices that were told, by model. Methods raise JournalError."""

    async def read(self) -> dict[str, set[str]]: ...

    async def write(self, model: str, keys: Collection[str]) -> None: ...


@dataclass(frozen=True)
class KubernetesJournal:
    """In the ConfigMap `NOTIFIER`: a key for each model, its value the notices' keys between spaces."""

    client: httpx.AsyncClient
    namespace: str

    @property
    def _path(self) -> str:
        return f"/api/v1/namespaces/{self.namespace}/configmaps/{NOTIFIER}"

    async def read(self) -> dict[str, set[str]]:
        found = await self._ask("GET")
        data: dict[str, str] = found.json().get("data") or {}
        return {model: set(keys.split()) for model, keys in data.items()}

    async def write(self, model: str, keys: Collection[str]) -> None:
        await self._ask("PATCH", {"data": {model: " ".join(sorted(keys))}})

    async def _ask(self, method: str, body: object = None) -> httpx.Response:
        headers = authorization() | (PATCH if body is not None else {})
        try:
            reply = await self.client.request(method, self._path, json=body, headers=headers, timeout=TIMEOUT)
            return reply.raise_for_status()
        except (httpx.HTTPError, OSError) as error:
            raise JournalError(f"ConfigMap {NOTIFIER}: {reason(error)}") from error
