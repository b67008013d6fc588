"""What the detector says about each watched column: how far the last window was from the reference, what is known."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from contract import metrics
from contract.looks import Histogram, Look
from contract.page import PageModel
from loop.page import words
from loop.page.sources import Series


@dataclass(frozen=True, kw_only=True)
class WatchedColumn:
    """One watched column in the last window."""

    name: str
    distance: float | None = None
    """None: no window was compared yet."""
    p_value: float | None = None
    smallest: float | None = None
    """The least distance that would have been drift; 1 or more: none would."""
    effective_rows: float | None = None
    broken: bool = False
    known_by: str | None = None
    """The version in staging that was trained on rows like these."""
    looks: tuple[Look, ...] = ()
    """What the last windows were, oldest first."""
    drifted: float = 0.0
    """How often it was drift, since the detector started."""

    @property
    def state(self) -> str:
        if self.broken:
            return "broken"
        if self.known_by:
            return "known"
        if self.distance is None:
            return "unknown"
        return "drift" if self.drifts else "steady"

    drifts: bool = False
    """Whether the last window was drift."""

    @property
    def distances(self) -> list[float]:
        return [look.event.distance for look in self.looks]

    @property
    def limits(self) -> list[float | None]:
        """The distance from which each look would have been drift; None where no distance would."""
        return [look.smallest if look.smallest and look.smallest < 1 else None for look in self.looks]

    @property
    def histogram(self) -> Histogram | None:
        """The last window beside its reference."""
        return self.looks[-1].histogram if self.looks else None

    @property
    def most_moved(self) -> str:
        """The bin whose share of the rows has changed most, with both shares."""
        if not (found := self.histogram):
            return ""
        shares = list(zip(found.bins, found.reference, found.window, strict=True))
        label, before, now = max(shares, key=lambda each: abs(each[1] - each[2]))
        return f"{label}, {words.share(before)} before, {words.share(now)} now"


@dataclass(frozen=True, kw_only=True)
class Monitored:
    """What watches the model, and what it sees."""

    reference: str | None
    """The version whose reference it compares with."""
    up_to_date: bool
    windows: float
    open_rows: float
    window: int
    unread: Mapping[str, float] = field(default_factory=dict[str, float])
    """Messages that were left out, by reason."""
    columns: tuple[WatchedColumn, ...] = ()

    @property
    def drifting(self) -> list[WatchedColumn]:
        return [each for each in self.columns if each.state == "drift"]

    @property
    def broken(self) -> list[WatchedColumn]:
        return [each for each in self.columns if each.state == "broken"]


def monitored(
    model: PageModel, exported: Sequence[Series], looks: Sequence[Look] = (), p_value: float = 0.05
) -> Monitored:
    of = [each for each in exported if each.labels.get("model") == model.name]
    reference = _one(of, metrics.REFERENCE_VERSION.name)
    names = dict.fromkeys([*model.features, *(each.labels["feature"] for each in of if "feature" in each.labels)])
    return Monitored(
        reference=f"{reference:.0f}" if reference else None,
        up_to_date=_one(of, metrics.REFERENCE_UP_TO_DATE.name) == 1,
        windows=_one(of, metrics.DRIFT_WINDOWS.name) or 0.0,
        open_rows=_one(of, metrics.OPEN_ROWS.name) or 0.0,
        window=model.window,
        unread=_left_out(of),
        columns=tuple(_column(name, of, looks, p_value) for name in names),
    )


def _column(name: str, of: Iterable[Series], looks: Sequence[Look], threshold: float) -> WatchedColumn:
    mine = [each for each in of if each.labels.get("feature") == name]
    p_value, known = _one(mine, metrics.DRIFT_P_VALUE.name), _one(mine, metrics.KNOWN_BY.name)
    events = [each for each in mine if each.name == metrics.DRIFT_EVENTS.name and each.labels.get("drift") == "true"]
    return WatchedColumn(
        name=name,
        distance=_one(mine, metrics.DRIFT_SCORE.name),
        p_value=p_value,
        smallest=_one(mine, metrics.SMALLEST_DISTANCE.name),
        effective_rows=_one(mine, metrics.EFFECTIVE_ROWS.name),
        broken=_one(mine, metrics.BROKEN_FEATURE.name) == 1,
        known_by=f"{known:.0f}" if known else None,
        looks=tuple(look for look in looks if look.event.feature == name),
        drifted=sum(each.value for each in events),
        drifts=p_value is not None and p_value < threshold,
    )


def _left_out(of: Iterable[Series]) -> dict[str, float]:
    return {
        each.labels["outcome"]: each.value
        for each in of
        if each.name == metrics.DRIFT_MESSAGES.name
        and each.labels.get("outcome") in {"malformed", "unknown_version"}
        and each.value
    }


def _one(found: Iterable[Series], name: str) -> float | None:
    return next((each.value for each in found if each.name == name), None)
