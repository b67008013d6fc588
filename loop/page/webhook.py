"""How a notice reaches a webhook: one POST, signed as Standard Webhooks describes it, by its own library."""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import httpx
import standardwebhooks

from contract.notices import SIGNING_FILE, URL_FILE, NoticeFormat
from contract.page import PageContent
from loop.page.links import Links
from loop.page.notices import Notice

PREFIX: Final = "whsec_"
LEAST_KEY: Final = 24
"""The fewest bytes of a key, by the specification."""
IN_CLUSTER: Final = (".svc", ".svc.cluster.local")


class WebhookError(ValueError):
    """The Secret does not hold a webhook; the text says why, and never shows its content."""


@dataclass(frozen=True)
class Webhook:
    """Where notices go."""

    url: str
    signer: standardwebhooks.Webhook | None = None
    """None: no notice is signed."""

    @classmethod
    def read(cls, folder: Path, *, signed: bool) -> "Webhook":
        """The webhook in the files of the Secrets' keys. Raises WebhookError."""
        return cls(_url(_text(folder / URL_FILE)), _signer(_text(folder / SIGNING_FILE)) if signed else None)

    def headers(self, notice: Notice, body: bytes, at: datetime) -> Mapping[str, str]:
        """Headers of one attempt at `at`."""
        named = {
            "Content-Type": "application/json",
            "webhook-id": notice.id,
            "webhook-timestamp": str(int(at.timestamp())),
        }
        if self.signer is None:
            return named
        return {**named, "webhook-signature": self.signer.sign(notice.id, at, body.decode())}

    async def post(self, client: httpx.AsyncClient, notice: Notice, body: bytes, at: datetime) -> str | None:
        """Sends a notice. None: it was taken; else why not, without the address, which may be a credential."""
        try:
            # Streamed, as only the status is read.
            headers = dict(self.headers(notice, body, at))
            async with client.stream("POST", self.url, content=body, headers=headers) as reply:
                taken, said = reply.is_success, f"it answers {reply.status_code} {reply.reason_phrase}".rstrip()
        except httpx.TimeoutException:
            return "it has not answered in time"
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            return f"it cannot be reached ({type(error).__name__})"
        return None if taken else said


def body(notice: Notice, shape: NoticeFormat, content: PageContent, at: datetime) -> bytes:
    """The notice as JSON. `at` is when it was first seen: a repetition is the same, byte for byte."""
    path = Links(content).screen(notice.model).removeprefix("/loop/")
    link = content.url and f"{content.url}{path}"
    return json.dumps(
        _slack(notice, link) if shape is NoticeFormat.SLACK else _generic(notice, content, link, at)
    ).encode()


def _generic(notice: Notice, content: PageContent, link: str | None, at: datetime) -> Mapping[str, Any]:
    data = {
        "stack": content.stack,
        "namespace": content.namespace,
        "model": notice.model,
        "about": notice.about,
        "text": notice.text,
        "link": link,
    }
    return {"type": notice.kind, "timestamp": at.isoformat(), "data": data}


def _slack(notice: Notice, link: str | None) -> Mapping[str, str]:
    named = f"<{link}|{_escaped(notice.model)}>" if link else f"*{_escaped(notice.model)}*"
    return {"text": f"{named}: {_escaped(notice.text)}"}


def _escaped(text: str) -> str:
    """Escapes the three characters of Slack's markup, so that a stranger's text makes no links and mentions."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        what = f"page.notifications.{file.name}"
        raise WebhookError(f"the Secret that {what} names, or its key, is missing or no text; create it") from error


def _url(text: str) -> str:
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as error:
        raise WebhookError(f"the webhook's address is no URL ({error}); write it like https://HOST/PATH") from error
    inside = url.scheme == "http" and url.host.endswith(IN_CLUSTER)
    if not url.host or not (url.scheme == "https" or inside):
        raise WebhookError(
            "the webhook's address must begin with https://, or with http:// and a Service's name of this cluster "
            "(HOST.NAMESPACE.svc); write such a one into the Secret"
        )
    return text


def _signer(text: str) -> standardwebhooks.Webhook:
    try:
        key = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError) as error:
        raise WebhookError(f"the key that signs is no base64 behind {PREFIX}; {_REMEDY}") from error
    if len(key) < LEAST_KEY:
        raise WebhookError(f"the key that signs has {len(key)} bytes, and must have {LEAST_KEY} at least; {_REMEDY}")
    return standardwebhooks.Webhook(key)


_REMEDY: Final = 'write echo "whsec_$(openssl rand -base64 32)" into the Secret'
