"""The settings of drift, the same for the detector and for `simulate`: one dataclass and its command-line flags."""

import argparse
from dataclasses import dataclass, fields
from enum import StrEnum


class Test(StrEnum):
    """How a window is compared with the reference."""

    __test__ = False  # not a test class, whatever pytest makes of the name

    KS = "ks"
    """Kolmogorov-Smirnov, one test per feature."""
    MMD = "mmd"
    """Maximum mean discrepancy, one test for all features together: sees changed correlations too."""


class Seasons(StrEnum):
    """Which reference a window is compared with. Seasons are in UTC."""

    TRAINING = "training"
    """One reference, always."""
    MONTHLY = "monthly"
    """One reference per month of the year."""
    WEEKLY = "weekly"
    """One reference per day of the week."""


@dataclass(frozen=True)
class DriftSettings:
    """What counts as drift. Raises ValueError with one sentence when a value is out of its range."""

    features: tuple[str, ...]
    """Features to watch."""
    window: int = 1000
    """Rows per comparison. Each row is used once."""
    test: Test = Test.KS
    p_value: float = 0.05
    """The threshold that consumers of `ml.drift` compare `p_value` with."""
    min_effect: float = 0.1
    """Smallest distance that matters, however significant: KS distance, or MMD with test mmd."""
    false_retrains_per_year: float = 1.0
    """Expected number of drift events per year when nothing has drifted, for the whole model."""
    reference: Seasons = Seasons.TRAINING

    def __post_init__(self) -> None:
        for key, legal, allowed in (
            ("window", self.window >= 30, "at least 30 rows"),
            ("p_value", 0 < self.p_value < 1, "between 0 and 1, both excluded"),
            ("min_effect", 0 <= self.min_effect < 1, "at least 0 and below 1"),
            ("false_retrains_per_year", self.false_retrains_per_year > 0, "above 0"),
        ):
            if not legal:
                flag = "--" + key.replace("_", "-")
                raise ValueError(f"{flag} is {getattr(self, key)}; it must be {allowed}.")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add one flag per setting, except the features' names."""
    default = DriftSettings(features=())
    parser.add_argument("--window", type=int, default=default.window, help="rows per comparison")
    parser.add_argument("--test", type=Test, choices=list(Test), default=default.test)
    parser.add_argument("--p-value", type=float, default=default.p_value, help="threshold of the published p-value")
    parser.add_argument("--min-effect", type=float, default=default.min_effect, help="smallest distance that matters")
    parser.add_argument(
        "--false-retrains-per-year",
        type=float,
        default=default.false_retrains_per_year,
        help="expected drift events per year when nothing has drifted",
    )
    parser.add_argument("--reference", type=Seasons, choices=list(Seasons), default=default.reference)


def from_arguments(arguments: argparse.Namespace, features: tuple[str, ...]) -> DriftSettings:
    """Settings from parsed flags. Raises ValueError."""
    given = {field.name: getattr(arguments, field.name) for field in fields(DriftSettings) if field.name != "features"}
    return DriftSettings(features=features, **given)
