"""What counts as drift: the settings of the stack file and of the detector, with their defaults and bounds."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Final

from contract.flags import Flag, spelled
from contract.intervals import FRACTION, POSITIVE, PROBABILITY, Interval

MIN_WINDOW: Final = 30
"""Fewer rows say nothing about a distribution; the same minimum holds for the reference."""

MOST_LOOKS: Final = 50
"""The most looks that a row may be in: where each began is kept in the metadata of a commit to Kafka, 4 KiB at most."""


class DriftTest(StrEnum):
    """Which test compares the window with the reference."""

    KS = "ks"
    """Kolmogorov-Smirnov, feature by feature: names the feature that drifted."""
    MMD = "mmd"
    """Maximum mean discrepancy over all features at once: sees changes in how features depend on each other."""

    @property
    def joint(self) -> bool:
        """Whether it looks at all features at once: its events name `messages.ALL_FEATURES`."""
        return self is DriftTest.MMD


class DriftReference(StrEnum):
    """Which rows the window is compared with."""

    TRAINING = "training"
    """The rows that the production version was trained on."""
    MONTHLY = "monthly"
    """The same month of the year in UTC: for data with seasons."""
    WEEKLY = "weekly"
    """The same day of the week in UTC."""


INTERVALS: Final[Mapping[str, Interval]] = {
    "window": Interval(said=f"at least {MIN_WINDOW} rows", ge=MIN_WINDOW),
    "p_value": PROBABILITY,
    "min_effect": FRACTION,
    "false_retrains_per_year": POSITIVE,
}
"""The interval of each number; the types of the settings are made of them, too."""


@dataclass(frozen=True)
class DriftSettings:
    """What counts as drift. Raises ValueError with one sentence when a value is out of its range."""

    features: Annotated[tuple[str, ...], Flag("a feature to watch; once for each", name="feature")]
    window: Annotated[int, "rows per comparison, the last ones"] = 1000
    every: Annotated[int | None, "rows from one comparison to the next; a quarter of the window unless given"] = None
    test: Annotated[DriftTest, "which test compares them"] = DriftTest.KS
    p_value: Annotated[float, "what consumers of the drift topic compare an event's p-value with"] = 0.05
    min_effect: Annotated[float, "smallest distance that matters, however significant (KS distance, or MMD)"] = 0.1
    false_retrains_per_year: Annotated[float, "expected drift events of the model per year without any drift"] = 1
    reference: Annotated[DriftReference, "which rows the window is compared with"] = DriftReference.TRAINING

    def __post_init__(self) -> None:
        for key, allowed in INTERVALS.items():
            if getattr(self, key) not in allowed:
                raise ValueError(f"{spelled(key)} is {getattr(self, key)}; it must be {allowed.said}.")
        if self.every is not None and not fits(self.every, self.window):
            raise ValueError(f"{spelled('every')} is {self.every}; it must be {fitting(self.window)}.")

    @property
    def stride(self) -> int:
        """Rows from one look to the next."""
        return self.every or quarter(self.window)

    @property
    def looks(self) -> int:
        """How many looks each row is in."""
        return self.window // self.stride


def fits(every: int, window: int) -> bool:
    """Whether a window is a whole number of steps: it is kept, and found again after a restart, in steps."""
    return 1 <= every <= window and window % every == 0 and window // every <= MOST_LOOKS


def fitting(window: int) -> str:
    return f"a part of the window of {window} rows that it is a whole multiple of, {MOST_LOOKS} times at most"


def quarter(window: int) -> int:
    """The step that is nearest to a quarter of the window."""
    return window // next(parts for parts in (4, 5, 3, 6, 2, 7, 1) if window % parts == 0)


DEFAULTS: Final = DriftSettings(features=())
"""The settings that hold where nothing is set."""
