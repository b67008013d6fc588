"""Those who use the stack meanwhile. Each operation is one line of the history, with the answer that it got."""

import json
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final

from contract.names import MODEL_LABEL
from local.check.drift import synthetic
from local.check.live import RunningStack
from local.steps import StepError
from tests.chaos import in_loop
from tests.chaos.history import OK, Happening, History

PATIENCE: Final = 120.0
"""Seconds for which a client asks again: what is declared. A part that is paused for twenty seconds, and a pod that
starts again with a model to load, fit in."""
ONE_TRY: Final = 5.0


@dataclass
class Clients:
    """Threads that go on until they are told to stop."""

    live: RunningStack
    history: History
    run: str
    """Part of every id."""
    environment: Mapping[str, str]
    """Of a process that knows the way to Kafka."""
    stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list[threading.Thread])

    def start(self) -> None:
        for each, pause in ((self._predict, 0.5), (self._event, 8.0), (self._train, 90.0)):
            thread = threading.Thread(target=self._again, args=(each, pause))
            self._threads.append(thread)
            thread.start()

    def end(self) -> None:
        """Returns once the last operation has its answer."""
        self.stop.set()
        for thread in self._threads:
            thread.join()

    def _again(self, act: Callable[[int], None], pause: float) -> None:
        for number in count():
            act(number)
            if self.stop.wait(pause):
                return

    def _predict(self, number: int) -> None:
        """A prediction, and what became of it, which its client says at once."""
        name, rows = f"{self.run}-{number}", self.live.rows
        url = self.live.predict_url or ""
        body = {"instances": [rows[number % len(rows)]]}
        asked = self._answered(Happening.PREDICT, name, url, body, {"X-Request-Id": name})
        if asked:
            told = {"outcomes": [{"id": f"{name}/0", "outcome": number % 2}]}
            self._answered(Happening.OUTCOME, f"{name}/0", url.removesuffix(":predict") + ":outcome", told, {})

    def _answered(self, what: Happening, target: str, url: str, body: Any, headers: Mapping[str, str]) -> bool:
        began, tries, answer = time.time(), 0, ""
        while answer != OK and (not tries or time.time() - began < PATIENCE):
            if tries:
                time.sleep(0.5)
            tries += 1
            answer = _post(url, body, headers)
        return self.history.add(what, target, began, answer=answer, tries=tries).acknowledged

    def _event(self, number: int) -> None:
        """A drift event, by a producer that waits for the brokers' word; what it was not given is not sent again."""
        began, event = time.time(), synthetic(self.live)
        done = subprocess.run(
            in_loop.command("publish", self.live.model),
            input=event.encode().decode(),
            env=in_loop.environment(self.environment),
            capture_output=True,
            text=True,
            check=False,
        )
        answer = OK if done.returncode == 0 else f"not delivered: {done.stderr.strip()[-200:]}"
        self.history.add(Happening.EVENT, event.id, began, answer=answer, detail=str(number))

    def _train(self, number: int) -> None:
        """A training by hand: it waits for the one that is under way."""
        began, name = time.time(), f"{self.live.model}-{self.run}-{number}"
        where = {"namespace": self.live.namespace, "name": name, "labels": {MODEL_LABEL: self.live.model}}
        template = {"workflowTemplateRef": {"name": self.live.template}}
        workflow = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": where, "spec": template}
        answer = OK
        try:
            self.live.kubectl("create", "-f", "-", stdin=json.dumps(workflow))
        except (OSError, StepError) as error:
            answer = " ".join(str(error).split())[:200]
        self.history.add(Happening.TRAIN, name, began, answer=answer)


def _post(url: str, body: Any, headers: Mapping[str, str]) -> str:
    """`OK`, or what came instead."""
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json", **headers})  # noqa: S310  # our own gateway
    try:
        with urllib.request.urlopen(request, timeout=ONE_TRY) as answer:  # noqa: S310
            answer.read()
            return OK
    except urllib.error.HTTPError as error:
        return f"{error.code} {error.read(200).decode(errors='replace').strip()}"
    except OSError as error:
        return str(error)
