"""What a play remembers between its parts, as another program approves in between."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

FIRST_ROW: Final = 128_000
"""First row played, of the census from 2016 on: late in 2017, some 5,600 rows before the people in group quarters."""
ROWS: Final = 1000
"""Rows of a step: five days of the census."""
STEPS: Final = 22
MONTH: Final = 6
"""Steps in a month: the census has some 5,800 rows a month."""


@dataclass
class PlayedStep:
    """A thousand people for whom predictions were asked."""

    number: int
    began: float
    """Seconds since 1970."""
    in_group_quarters: float
    """Share of the people in group quarters."""
    told: bool = False
    """Whether their outcomes have been sent."""


@dataclass
class Play:
    """One play, from its first row to its last."""

    file: Path
    tag: str
    """Prefix of the ids of its requests."""
    served: str
    """The version in production when it began."""
    offset: int
    """The next message of `ml.drift` to read."""
    steps: list[PlayedStep] = field(default_factory=list[PlayedStep])
    drift: dict[str, int] = field(default_factory=dict[str, int])
    """Feature in which drift was found → the step that was played then."""
    falls: list[int] = field(default_factory=list[int])
    """The steps that were played when a fall was found."""
    began: dict[str, int] = field(default_factory=dict[str, int])
    """Workflow that an event has started → the last step that was played then."""
    proposed: str = ""
    """The version that waits; empty: none does."""
    approved: bool = False
    """Whether it was put into production."""

    @property
    def trained_after(self) -> int | None:
        """The last step before the training that the loop began by itself."""
        return min(self.began.values(), default=None)

    def keep(self) -> None:
        part = self.file.with_suffix(".part")
        part.write_text(json.dumps(asdict(self) | {"file": str(self.file)}), "utf-8")
        part.replace(self.file)


def kept(file: Path) -> Play:
    """Raises OSError where there is none."""
    found = json.loads(file.read_text("utf-8"))
    steps = [PlayedStep(**each) for each in found.pop("steps")]
    return Play(**found | {"file": file, "steps": steps})
