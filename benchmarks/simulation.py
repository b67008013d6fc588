"""A year of one model's predictions in virtual time, decided by the code that decides in the pods.

Features are normal and independent of each other, their rows depend on each other as the scenario says, and drift moves
the mean of the first one. That is all a KS test can see: it depends on ranks only.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from benchmarks.streams import Compared, Floats, autoregressive, compare_each
from contract.drift import DriftSettings
from loop.drift.statistics import YEAR, adjusted_p_value
from loop.retraining.decision import TOGETHER, Event, Hold, decide

PATIENCE: Final = 12
"""Windows after which a drift counts as missed."""
_START: Final = datetime(2001, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Scenario:
    """What is simulated besides the settings."""

    settings: DriftSettings
    predictions_per_hour: float = 1000.0
    reference_rows: int = 1000
    cooldown: timedelta = timedelta(hours=6)
    half_life: float = 0.0
    """Rows in which the correlation of two rows halves; 0: they are independent."""

    @property
    def stride_seconds(self) -> float:
        """From one look to the next."""
        return self.settings.stride / self.predictions_per_hour * 3600

    @property
    def looks_per_year(self) -> int:
        return int(YEAR / self.stride_seconds)

    @property
    def inflation(self) -> float:
        """Rows for an independent one."""
        kept = 0.5 ** (1 / self.half_life) if self.half_life else 0.0
        return (1 + kept) / (1 - kept)


@dataclass(frozen=True)
class DecisionRule:
    """A way to decide: p-values (looks, features) of looks that are so many seconds apart."""

    name: str
    p_values: Callable[[Scenario, Compared, float], Floats]
    whole: bool = False
    """It looks at whole windows, each row once, whatever `every` says."""

    def drifted(self, scenario: Scenario, compared: Compared) -> NDArray[np.bool_]:
        looks = self.every(scenario)
        seen = self.p_values(scenario, compared.every(looks), looks * scenario.stride_seconds)
        return seen < scenario.settings.p_value

    def every(self, scenario: Scenario) -> int:
        """Of how many looks it takes one."""
        return scenario.settings.looks if self.whole else 1


def _published(scenario: Scenario, compared: Compared, elapsed: float) -> Floats:
    return compared.published(scenario.settings, elapsed)


def _any_reference(scenario: Scenario, compared: Compared, elapsed: float) -> Floats:
    tests = len(scenario.settings.features)
    return adjusted_p_value(compared.naive, compared.distances, tests, elapsed, scenario.settings)


def _naive(_scenario: Scenario, compared: Compared, _elapsed: float) -> Floats:
    return compared.naive


RULES: Final = (
    DecisionRule("this detector", _published),
    DecisionRule("this detector, whole windows", _published, whole=True),
    DecisionRule("without steps 2 and 3", _any_reference),
    DecisionRule("naive p < threshold", _naive),
    DecisionRule("naive, whole windows", _naive, whole=True),
)


@dataclass(frozen=True)
class RuleOutcome:
    """What a rule's events led to."""

    events: int
    retrains: int
    refused: int


def retrain(scenario: Scenario, drifted: NDArray[np.bool_], step_seconds: float) -> RuleOutcome:
    """Puts the events of (looks, features) through the two holds of the cooldown, in virtual time."""
    holds: dict[str, Hold] = {}
    model_hold: Hold | None = None
    retrains = refused = 0
    for look, feature in np.argwhere(drifted):
        name, now = scenario.settings.features[feature], _START + timedelta(seconds=float(look) * step_seconds)
        event = Event(f"{look}-{feature}", name, "")
        decision = decide(holds.get(name), event, now, scenario.cooldown)
        holds[name], granted = decision.hold, decision.granted
        if granted:
            covering = decide(model_hold, event, now, min(TOGETHER, scenario.cooldown))
            model_hold, granted = covering.hold, covering.granted
        retrains += granted
        refused += not granted
    return RuleOutcome(retrains + refused, retrains, refused)


def interval(events: int, years: int) -> tuple[float, float]:
    """The 95 % interval of a yearly rate, exact for Poisson counts (Garwood 1936).

    Too narrow for a rule whose years differ by their references: then the worst year tells more.
    """
    low = float(chi2.ppf(0.025, 2 * events)) / 2 if events else 0.0
    return low / years, float(chi2.ppf(0.975, 2 * events + 2)) / 2 / years


def columns(scenario: Scenario, rows: int, features: int, random: np.random.Generator) -> Iterator[tuple[Floats, ...]]:
    """(reference, stream) of each feature: the reference are the rows just before the stream, in their order."""
    for _ in range(features):
        drawn = autoregressive(scenario.reference_rows + rows, scenario.half_life, random)
        yield tuple(np.split(drawn, [scenario.reference_rows]))


def year(scenario: Scenario, random: np.random.Generator) -> Compared:
    """One reference and a year without drift."""
    settings = scenario.settings
    rows = (scenario.looks_per_year - 1) * settings.stride + settings.window
    drawn = columns(scenario, rows, len(settings.features), random)
    return compare_each(settings, ((reference, stream) for reference, stream in drawn))


def outcome(scenario: Scenario, rule: DecisionRule, compared: Compared) -> RuleOutcome:
    """What a rule's events in all looks led to."""
    return retrain(scenario, rule.drifted(scenario, compared), rule.every(scenario) * scenario.stride_seconds)


def delays(scenario: Scenario, shift: float, trials: int, random: np.random.Generator) -> dict[str, Floats]:
    """Seconds from a drift's onset to the first event about its feature, by the rule's name: (trials,).

    Each trial has a reference of its own; infinite where `PATIENCE` windows miss.
    """
    window, found = scenario.settings.window, {rule.name: np.full(trials, np.inf) for rule in RULES}
    for trial in range(trials):
        onset = math.ceil(window * (1 + random.random()))  # a drift knows nothing of when anybody looks
        ((reference, stream),) = columns(scenario, window * (2 + PATIENCE), 1, random)
        stream[onset:] += shift
        compared = compare_each(scenario.settings, [(reference, stream)])
        for rule in RULES:
            drifted = rule.drifted(scenario, compared)[:, 0]
            ends = window + scenario.settings.stride * rule.every(scenario) * np.arange(len(drifted))
            late = ends[drifted & (ends > onset)]
            if len(late):
                found[rule.name][trial] = (late[0] - onset) / scenario.predictions_per_hour * 3600
    return found
