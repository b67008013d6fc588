"""What came of a training, as its Workflow's message: the column of `argo list` that Argo leaves empty after a success.

A refused run and one that made a version both succeed. The steps of the loop say what they did in their output
`message`; the last of them to end has the last word.
"""

import logging
from collections.abc import Iterable
from typing import Any, Final, Protocol

from kubernetes.client.exceptions import ApiException

from contract.starting import SUCCEEDED
from loop.runtime.inference import said

_log = logging.getLogger(__name__)
Json = dict[str, Any]
SPEAKERS: Final = frozenset({"cooldown", "register"})
"""Templates that run the loop's own code alone. In the others your code could write the result of its own step."""


class EndedWorkflows(Protocol):
    """Workflows as `starting.Workflows` shows them."""

    def succeeded(self) -> list[Json]: ...
    def named(self, name: str) -> list[Json]: ...
    def tell(self, workflow: Json, sentence: str) -> None: ...


class Results:
    """Looks at each training once after it has ended, and at all that are kept when it begins."""

    def __init__(self, workflows: EndedWorkflows) -> None:
        self._workflows = workflows
        self._running: set[str] | None = None

    def look(self, running: set[str]) -> None:
        """`running` are the names of those that have not ended. Raises ApiException, and the next look begins there."""
        for each in self._ended(running):
            if sentence := result(each):
                self._tell(each, sentence)
        self._running = running

    def _ended(self, running: set[str]) -> Iterable[Json]:
        if self._running is None:
            return self._workflows.succeeded()
        return [each for name in sorted(self._running - running) for each in self._workflows.named(name)]

    def _tell(self, workflow: Json, sentence: str) -> None:
        try:
            self._workflows.tell(workflow, sentence)
        except ApiException as error:  # a word that cannot be left keeps none of the others
            _log.warning("%s: its result is not told: %s", workflow["metadata"]["name"], said(error))


def result(workflow: Json) -> str:
    """In a sentence what came of a training that has succeeded; empty where that is told, or nothing is known."""
    status = workflow.get("status", {})
    if status.get("phase") != SUCCEEDED or status.get("message"):
        return ""
    found: list[Json] = list((status.get("nodes") or {}).values())
    nodes = sorted(found, key=lambda node: str(node.get("finishedAt") or ""))
    words = [text for node in nodes if node.get("templateName") in SPEAKERS for text in _messages(node)]
    return " ".join(words[-1].split())[:300] if words else ""


def _messages(node: Json) -> Iterable[str]:
    for each in (node.get("outputs") or {}).get("parameters") or []:
        if each.get("name") == "message" and each.get("value"):
            yield str(each["value"])
