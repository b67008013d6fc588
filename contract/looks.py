"""What a drift detector shows of its last looks: `GET /looks` on its metrics port, JSON, for programs that draw them.

Counts by bin and never a row: the outer bins of numbers have no end, and categories that are rare share one bin.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from contract.messages import DriftEvent, Malformed

LOOKS_PATH: Final = "/looks"
MOST_LOOKS: Final = 50
"""The number of windows whose looks the detector keeps."""
MOST_BINS: Final = 20
MOST_HISTOGRAMS: Final = 100
"""The most columns of a window with a histogram; further ones come without."""
OTHERS: Final = "(others)"
"""Bin of the categories that are rare in the reference, or not in it."""
MISSING: Final = "(missing)"


@dataclass(frozen=True, kw_only=True, slots=True)
class Histogram:
    """Shares of the reference's rows and of the window's, by bin."""

    bins: tuple[str, ...]
    """Each bin's label: `below 1.5`, `1.5 to 2`, `2 and above`, a category, `(others)` or `(missing)`."""
    edges: tuple[float, ...]
    """The inner edges of numbers: one bin more than edges, and then `(missing)`. Empty for anything but numbers."""
    reference: tuple[float, ...]
    window: tuple[float, ...]
    reference_rows: int = 0
    """Rows that the reference's shares are of; 0: not said."""

    def fields(self) -> Mapping[str, Any]:
        shares = {"reference": self.reference, "window": self.window}
        return {"bins": self.bins, "edges": self.edges, **shares, "reference_rows": self.reference_rows}


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """What one test saw in one window: its event, and what the event leaves out."""

    event: DriftEvent
    smallest: float | None = None
    """The least distance that would have been drift in such a window, to compare `event.distance` with. 1: none would
    have been; None: not known."""
    histogram: Histogram | None = None
    """None for a test of all features together."""
    own_p_value: float | None = None
    """As if this were the only test ever made: before the dial made `event.p_value` of it. None: not known."""

    def fields(self) -> Mapping[str, Any]:
        histogram = self.histogram.fields() if self.histogram else None
        own = {"smallest": self.smallest, "histogram": histogram, "own_p_value": self.own_p_value}
        return {**self.event.fields(), **own}


@dataclass(frozen=True, kw_only=True)
class LooksAnswer:
    """The answer to `GET /looks`."""

    model: str
    looks: tuple[Look, ...]
    """Oldest first; the looks of one window follow each other and have the same `event.window`."""

    def encode(self) -> bytes:
        """The answer as JSON. Raises ValueError for a number that is not finite."""
        looks = [look.fields() for look in self.looks]
        return json.dumps({"model": self.model, "looks": looks}, allow_nan=False).encode()

    @classmethod
    def parse(cls, value: bytes) -> "LooksAnswer | Malformed":
        """What an answer says, or why it is none."""
        try:
            answer = json.loads(value)
            return cls(model=str(answer["model"]), looks=tuple(map(_look, answer["looks"])))
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            return Malformed(f"no answer of {LOOKS_PATH}: {str(error)[:200]}")


def _look(fields: Any) -> Look:
    event = DriftEvent.parse(json.dumps(fields).encode())
    if isinstance(event, Malformed):
        raise ValueError(event.reason)
    smallest, histogram, own = fields["smallest"], fields["histogram"], fields.get("own_p_value")
    return Look(
        event=event,
        smallest=None if smallest is None else float(smallest),
        histogram=None if histogram is None else _histogram(histogram),
        own_p_value=None if own is None else float(own),
    )


def _histogram(fields: Any) -> Histogram:
    found = Histogram(
        bins=tuple(map(str, fields["bins"])),
        edges=tuple(map(float, fields["edges"])),
        reference=tuple(map(float, fields["reference"])),
        window=tuple(map(float, fields["window"])),
        reference_rows=int(fields.get("reference_rows", 0)),
    )
    if not len(found.bins) == len(found.reference) == len(found.window):
        raise ValueError("a histogram has another number of bins than of shares")
    return found
