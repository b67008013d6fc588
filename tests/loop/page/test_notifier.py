"""The notifier against a webhook that listens, and sources that answer as the real ones do."""

import asyncio
import json
import logging
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import standardwebhooks
from page_world import MODEL, World, content, refused, version, workflow
from webhook_receiver import Receiver, receiving

from contract.notices import NoticeFormat, NoticeKind
from loop.page import sources, telling
from loop.page.journal import JournalError, KubernetesJournal
from loop.page.notifier import UNHEARD, Notifier
from loop.page.telling import Telling
from loop.page.webhook import Webhook, WebhookError
from loop.runtime import log

KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ALL = tuple(NoticeKind)


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "_token", lambda: "token")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


@dataclass
class Kept:
    """A journal that outlives a notifier."""

    keys: dict[str, set[str]] = field(default_factory=dict[str, set[str]])
    away: bool = False

    async def read(self) -> dict[str, set[str]]:
        if self.away:
            raise JournalError("ConfigMap loop-notifier: it cannot be reached")
        return {model: set(keys) for model, keys in self.keys.items()}

    async def write(self, model: str, keys: Collection[str]) -> None:
        if self.away:
            raise JournalError("ConfigMap loop-notifier: it cannot be reached")
        self.keys[model] = set(keys)


@dataclass
class Story:
    """A loop that goes on, and who is told of it. A new notifier starts with what the journal has."""

    receiver: Receiver
    world: World = field(default_factory=World)
    journal: Kept = field(default_factory=Kept)
    now: float = 1000.0
    on: tuple[NoticeKind, ...] = ALL
    shape: NoticeFormat = NoticeFormat.GENERIC
    changes: dict[str, Any] = field(default_factory=lambda: {"url": "https://ml.example.com/loop/"})
    notifier: Notifier = field(init=False)

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        client = httpx.AsyncClient(trust_env=False, timeout=5)
        told = Telling(self.journal, client, self.on, self.shape, clock=lambda: self.now)
        webhook = Webhook(self.receiver.url, standardwebhooks.Webhook(KEY))
        self.notifier = Notifier(lambda: content(**self.changes), self.world.sources(), told, lambda: webhook)

    def look(self, after: float = 10.0) -> list[dict[str, Any]]:
        """What the webhook is sent by one look."""
        self.now += after
        self.notifier.sources = self.world.sources()
        before = len(self.receiver.taken)
        self.notifier.telling.client = httpx.AsyncClient(trust_env=False, timeout=5)
        asyncio.run(self.notifier.step())
        return [json.loads(body) for _, body in self.receiver.taken[before:]]


def texts(sent: list[dict[str, Any]], kind: NoticeKind) -> list[str]:
    return [each["data"]["text"] for each in sent if each["type"] == kind]


def test_each_thing_is_told_once(receiver: Receiver) -> None:
    story = Story(receiver, World(versions=[version("3")], workflows=[], aliases={"production": "3"}))
    assert [each["type"] for each in story.look()] == ["drift"]
    story.world.workflows = [workflow("train-4", "Succeeded", trigger="drift", feature="price", p_value="1e-08")]
    story.world.versions = [version("4", ml_loop_trigger="drift:price"), version("3")]
    story.world.aliases = {"production": "3", "staging": "4"}
    sent = story.look()
    (trained,) = texts(sent, NoticeKind.TRAINING)
    assert trained == "Training train-4, started by drift of price: version 4 passed, auc 0.941"
    (waits,) = texts(sent, NoticeKind.APPROVAL)
    assert "Version 4 passed, auc 0.941, and waits for approval: ml-loop:models.recommender.production: 4" in waits
    story.world.versions[0]["tags"].append({"key": "ml-loop.rejected", "value": "it answers with errors"})
    assert texts(story.look(), NoticeKind.TAKEN_BACK) == ["Version 4 was taken back: it answers with errors"]
    assert story.look() == []


def test_what_was_there_before_the_notifier_is_no_news(receiver: Receiver) -> None:
    sent = Story(receiver).look()
    assert {each["type"] for each in sent} == {"drift", "approval"}


def test_a_restart_repeats_nothing_and_misses_nothing(receiver: Receiver) -> None:
    story = Story(receiver)
    story.look()
    story.world.workflows.append(workflow("train-6", "Failed"))
    story.restart()
    (sent,) = story.look()
    assert sent["data"]["about"] == "train-6"
    story.restart()
    assert story.look() == []


def test_a_notice_that_is_not_taken_is_sent_again_as_it_was(receiver: Receiver) -> None:
    story = Story(receiver)
    receiver.status = 503
    first = story.look()
    assert story.look(after=1.0) == []  # it is not due yet
    story.world.versions[0]["tags"].append({"key": "ml-loop.rejected", "value": "later"})
    receiver.status = 204
    again = story.look(after=60.0)
    assert [each for each in first if each["type"] == "drift"] == [each for each in again if each["type"] == "drift"]
    ids = [headers["webhook-id"] for headers, body in receiver.taken if json.loads(body)["type"] == "drift"]
    assert len(ids) == 2
    assert len(set(ids)) == 1
    assert story.look(after=60.0) == []


def test_it_is_not_ready_while_the_webhook_takes_nothing(receiver: Receiver) -> None:
    story = Story(receiver)
    receiver.status = 404
    story.look()
    assert story.notifier.ready()[0]
    story.look(after=UNHEARD + 1)
    well, sentence = story.notifier.ready()
    assert not well
    assert "has taken nothing" in sentence
    receiver.status = 200
    story.look(after=telling.LONGEST_PAUSE)
    assert story.notifier.ready()[0]


def test_a_drift_is_told_again_once_it_was_gone_for_an_hour(receiver: Receiver) -> None:
    story = Story(receiver, on=(NoticeKind.DRIFT,))
    drifting = story.world.exported["10.0.0.3"]
    assert len(story.look()) == 1
    story.world.exported = {**story.world.exported, "10.0.0.3": drifting.replace("1.2e-08", "0.8")}
    assert story.look(after=600) == []
    story.world.exported = {**story.world.exported, "10.0.0.3": drifting}
    assert story.look(after=600) == []  # the same one, which a window has missed
    story.world.exported = {**story.world.exported, "10.0.0.3": drifting.replace("1.2e-08", "0.8")}
    story.look()
    story.look(after=telling.GONE + 1)
    story.world.exported = {**story.world.exported, "10.0.0.3": drifting}
    assert len(story.look()) == 1


@pytest.mark.parametrize("away", ["kubernetes", "mlflow"])
def test_nothing_is_told_by_half(receiver: Receiver, away: str) -> None:
    story = Story(receiver, World(away={away}))
    assert story.look() == []
    story.world.away.clear()
    assert {each["type"] for each in story.look()} == {"drift", "approval"}


def test_a_refused_training_and_kinds_that_are_not_asked_for_are_not_told(receiver: Receiver) -> None:
    story = Story(receiver, on=(NoticeKind.TRAINING,))
    story.look()
    story.world.workflows.append(refused("train-7", "skipped: cooling down until 2026-11-27T12:00:00Z"))
    assert story.look() == []


def test_what_the_journal_could_not_keep_is_kept_later(receiver: Receiver) -> None:
    story = Story(receiver)
    story.look()
    story.world.workflows.append(workflow("train-8", "Failed"))
    story.journal.away = True
    assert len(story.look()) == 1
    assert "cannot be reached" in story.notifier.ready()[1]
    story.journal.away = False
    assert story.look() == []
    story.restart()
    assert story.look() == []


def test_a_receiver_verifies_who_sent_it(receiver: Receiver) -> None:
    Story(receiver).look()
    headers, body = receiver.taken[0]
    assert standardwebhooks.Webhook(KEY).verify(body, headers) == json.loads(body)
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook(KEY).verify(body.replace(b"recommender", b"another"), headers)


def test_a_stranger_s_text_is_text_in_slack(receiver: Receiver) -> None:
    story = Story(receiver, shape=NoticeFormat.SLACK, on=(NoticeKind.TAKEN_BACK,))
    story.look()
    story.world.versions[0]["tags"].append({"key": "ml-loop.rejected", "value": "<!channel> & <https://evil|here>"})
    (sent,) = story.look()
    assert sent == {
        "text": "<https://ml.example.com/loop/models/recommender|recommender>: Version 4 was taken back: "
        "&lt;!channel&gt; &amp; &lt;https://evil|here&gt;"
    }


def test_a_redirect_is_not_followed_and_no_address_is_logged(
    receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    log.to_stderr()
    receiver.status = 307
    with caplog.at_level(logging.INFO, logger="notify"):
        Story(receiver).look()
    assert "it answers 307" in caplog.text
    assert "/hook" not in caplog.text


URLS = {
    "http://hooks.example.com/T0/SECRET": "must begin with https://",
    "ftp://hooks.example.com/T0/SECRET": "must begin with https://",
    "https:///T0/SECRET": "must begin with https://",
    "hooks.example.com/T0/SECRET": "must begin with https://",
    "": "must begin with https://",
    "https://[::1/SECRET": "no URL",
}


@pytest.mark.parametrize("url", URLS)
def test_an_address_that_is_none_gets_a_sentence_that_does_not_show_it(tmp_path: Path, url: str) -> None:
    (tmp_path / "url").write_text(f"{url}\n")
    with pytest.raises(WebhookError, match=URLS[url]) as error:
        Webhook.read(tmp_path, signed=False)
    assert "SECRET" not in str(error.value)


@pytest.mark.parametrize(
    "key", ["", "whsec_", "whsec_c2hvcnQ=", "not base64!", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS"]
)
def test_a_key_that_is_none_gets_a_sentence_that_does_not_show_it(tmp_path: Path, key: str) -> None:
    (tmp_path / "url").write_text("https://hooks.example.com/T0")
    (tmp_path / "signing").write_text(key)
    with pytest.raises(WebhookError, match="the key that signs") as error:
        Webhook.read(tmp_path, signed=True)
    assert not key.removeprefix("whsec_") or key not in str(error.value)


@pytest.mark.parametrize("missing", ["url", "signing"])
def test_a_missing_secret_is_named(tmp_path: Path, missing: str) -> None:
    for name, text in {"url": "http://receiver.tools.svc/hook", "signing": KEY}.items():
        if name != missing:
            (tmp_path / name).write_text(text)
    with pytest.raises(WebhookError, match=rf"page\.notifications\.{missing}"):
        Webhook.read(tmp_path, signed=True)


def test_the_journal_is_one_config_map() -> None:
    held: dict[str, str] = {}

    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/api/v1/namespaces/loop/configmaps/loop-notifier"
        assert request.headers["Authorization"] == "Bearer token"
        if request.method == "PATCH":
            assert request.headers["Content-Type"] == "application/merge-patch+json"
            held.update(json.loads(request.content)["data"])
        return httpx.Response(200, json={"metadata": {}, "data": held} if held else {"metadata": {}})

    client = httpx.AsyncClient(base_url="http://kubernetes", transport=httpx.MockTransport(answer))
    journal = KubernetesJournal(client, "loop")

    async def story() -> None:
        assert await journal.read() == {}
        await journal.write(MODEL, {"b", "a"})
        assert await journal.read() == {MODEL: {"a", "b"}}

    asyncio.run(story())
    gone = httpx.MockTransport(lambda _: httpx.Response(404))
    with pytest.raises(JournalError, match="ConfigMap loop-notifier: it answers 404"):
        asyncio.run(KubernetesJournal(httpx.AsyncClient(base_url="http://k", transport=gone), "loop").read())
