"""How tests ask the questions."""

from typing import Any

from contract.starting import ENDED_BECAUSE
from local import check
from local.check.answer import Answer
from tests.local.check.station import Station, workflow


def waiting(message: str) -> dict[str, Any]:
    """A training whose first step has a pod that has not started."""
    made = workflow("m-train-9", "Running", "2026-01-09T00:00:00Z")
    steps = {"a": {"displayName": "m-train-9", "phase": "Running"}}
    made["status"]["nodes"] = steps | {"b": {"displayName": "train", "phase": "Pending", "message": message}}
    return made


def ended_because(sentence: str) -> dict[str, Any]:
    """A training that the loop has ended."""
    made = workflow("m-train-9", "Failed", "2026-01-09T00:00:00Z")
    made["metadata"]["annotations"] = {ENDED_BECAUSE: sentence}
    return made


def ask(number: int, station: Station, *, deep: bool = False) -> Answer:
    question = list(check.QUESTIONS.values())[number - 1]
    return check.answered(check.ACTING.get(question, question) if deep else question, station.live())
