"""The last looks, kept for the page that draws them: counts by bin, not rows."""

from collections.abc import Callable

from contract.looks import MOST_HISTOGRAMS, MOST_LOOKS, Histogram, Look, LooksAnswer
from contract.messages import ALL_FEATURES, DriftEvent
from loop.drift.decision import Outcome


class RecentLooks:
    """The last looks of one model. Written by the thread that compares, read by those that answer."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._windows: tuple[tuple[Look, ...], ...] = ()

    def add(
        self, events: list[DriftEvent], outcomes: list[Outcome], picture: Callable[[int], Histogram]
    ) -> tuple[Look, ...]:
        """Keep what was found in one window, and return it; `picture` draws the feature at a place."""
        looks = tuple(
            Look(
                event=event,
                smallest=None if outcome.smallest is None else min(1.0, round(float(outcome.smallest), 6)),
                histogram=picture(at) if event.feature != ALL_FEATURES and at < MOST_HISTOGRAMS else None,
                own_p_value=float(outcome.p_value),
            )
            for at, (event, outcome) in enumerate(zip(events, outcomes, strict=True))
        )
        self._windows = (*self._windows, looks)[-MOST_LOOKS:]  # replaced at once: no reader sees it change
        return looks

    def encode(self) -> bytes:
        """The answer of `GET /looks`."""
        looks = tuple(look for window in self._windows for look in window)
        return LooksAnswer(model=self._model, looks=looks).encode()
