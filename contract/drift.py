"""What counts as drift: the settings of the stack file and of the detector, with their defaults and bounds."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

MIN_WINDOW: Final = 30
"""Fewer rows tell nothing of a distribution; the same least number holds for the reference."""


class DriftTest(StrEnum):
    """Which test compares the window with the reference."""

    KS = "ks"
    """Kolmogorov-Smirnov, feature by feature: names the feature that drifted."""
    MMD = "mmd"
    """Maximum mean discrepancy over all features at once: sees changes in how features depend on each other."""


class DriftReference(StrEnum):
    """Which rows the window is compared with."""

    TRAINING = "training"
    """The rows that the production version was trained on."""
    MONTHLY = "monthly"
    """The same month of the year in UTC: for data with seasons."""
    WEEKLY = "weekly"
    """The same day of the week in UTC."""


@dataclass(frozen=True)
class DriftSettings:
    """What counts as drift. Raises ValueError with one sentence when a value is out of its range."""

    features: tuple[str, ...]
    """Features to watch."""
    window: int = 1000
    """Rows per comparison. Each row is used once."""
    test: DriftTest = DriftTest.KS
    p_value: float = 0.05
    """The threshold that consumers of the drift topic compare an event's p-value with."""
    min_effect: float = 0.1
    """Smallest distance that matters, however significant: KS distance, or MMD with test mmd."""
    false_retrains_per_year: float = 1
    """Expected number of drift events per year when nothing has drifted, for the whole model."""
    reference: DriftReference = DriftReference.TRAINING

    def __post_init__(self) -> None:
        for key, legal, allowed in (
            ("window", self.window >= MIN_WINDOW, f"at least {MIN_WINDOW} rows"),
            ("p_value", 0 < self.p_value < 1, "between 0 and 1, both excluded"),
            ("min_effect", 0 <= self.min_effect < 1, "at least 0 and below 1"),
            ("false_retrains_per_year", 0 < self.false_retrains_per_year < float("inf"), "above 0"),
        ):
            if not legal:
                flag = "--" + key.replace("_", "-")
                raise ValueError(f"{flag} is {getattr(self, key)}; it must be {allowed}.")


DEFAULTS: Final = DriftSettings(features=())
"""What holds where nothing is set."""
