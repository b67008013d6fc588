"""An answer to one of the seven questions."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Answer:
    """Yes or no, and the evidence in one line."""

    yes: bool
    evidence: str


def yes(evidence: str) -> Answer:
    return Answer(True, evidence)


def no(evidence: str) -> Answer:
    return Answer(False, evidence)
