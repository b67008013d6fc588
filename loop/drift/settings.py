"""The settings of drift as command-line flags, the same for the detector and for `simulate`."""

import argparse
from dataclasses import fields

from contract.drift import DEFAULTS, DriftReference, DriftSettings, DriftTest


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add one flag per setting, except the features' names."""
    parser.add_argument("--window", type=int, default=DEFAULTS.window, help="rows per comparison")
    parser.add_argument("--test", type=DriftTest, choices=list(DriftTest), default=DEFAULTS.test)
    parser.add_argument("--p-value", type=float, default=DEFAULTS.p_value, help="threshold of the published p-value")
    parser.add_argument("--min-effect", type=float, default=DEFAULTS.min_effect, help="smallest distance that matters")
    parser.add_argument(
        "--false-retrains-per-year",
        type=float,
        default=DEFAULTS.false_retrains_per_year,
        help="expected drift events per year when nothing has drifted",
    )
    parser.add_argument("--reference", type=DriftReference, choices=list(DriftReference), default=DEFAULTS.reference)


def from_arguments(arguments: argparse.Namespace, features: tuple[str, ...]) -> DriftSettings:
    """Settings from parsed flags. Raises ValueError."""
    given = {field.name: getattr(arguments, field.name) for field in fields(DriftSettings) if field.name != "features"}
    return DriftSettings(features=features, **given)
