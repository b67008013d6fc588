"""A year of one model's predictions in virtual time, decided by the code that decides in the pods.

Features are independent and normal; drift moves the mean of the first one. That is all a KS test can see: it depends
on ranks only. A year takes seconds because windows are sums of blocks, whose ranks against the reference are counted
once.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri
from scipy.stats import chi2

from contract.drift import DriftSettings
from loop.drift.statistics import (
    YEAR,
    adjusted_p_value,
    histograms,
    ks_distances,
    ks_p_value,
    places,
    reference_p_value,
)
from loop.retraining.decision import TOGETHER, Event, Hold, decide

Floats = NDArray[np.float64]

SLIDES: Final = 4
"""Looks per window of the naive sliding detector."""
_CHUNK: Final = 500
"""Looks at a time; a multiple of SLIDES, so that each tumbling window is within one."""
_NORMAL: Final = ndtri((np.arange(2**16) + 0.5) / 2**16)
"""A standard normal's quantiles: drawing from them is ten times faster than drawing normals, and as good for ranks."""
_START: Final = datetime(2001, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Scenario:
    """What is simulated besides the settings."""

    settings: DriftSettings
    predictions_per_hour: float = 1000.0
    reference_rows: int = 1000
    cooldown: timedelta = timedelta(hours=6)

    @property
    def block(self) -> int:
        return self.settings.window // SLIDES

    @property
    def window_seconds(self) -> float:
        return self.settings.window / self.predictions_per_hour * 3600

    @property
    def block_seconds(self) -> float:
        return self.block / self.predictions_per_hour * 3600

    @property
    def blocks_per_year(self) -> int:
        return int(YEAR / self.block_seconds)


@dataclass(frozen=True)
class DecisionRule:
    """A way to decide: p-values (looks, features) from KS distances, at each block (sliding) or at each window."""

    name: str
    p_values: Callable[[Scenario, Floats], Floats]
    sliding: bool = False


def _adjusted(scenario: Scenario, distances: Floats, *, any_reference: bool = True) -> Floats:
    rows, features = scenario.block * SLIDES, len(scenario.settings.features)
    p_values = ks_p_value(distances, scenario.reference_rows, rows)
    if any_reference:
        p_values = np.maximum(p_values, reference_p_value(distances, scenario.reference_rows, rows, features))
    return adjusted_p_value(p_values, distances, features, scenario.block_seconds * SLIDES, scenario.settings)


def _naive(scenario: Scenario, distances: Floats) -> Floats:
    return ks_p_value(distances, scenario.reference_rows, scenario.block * SLIDES)


RULES: Final = (
    DecisionRule("this detector", _adjusted),
    DecisionRule(
        "without the reference bound", lambda scenario, distances: _adjusted(scenario, distances, any_reference=False)
    ),
    DecisionRule("naive p < threshold, tumbling", _naive),
    DecisionRule("naive p < threshold, sliding", _naive, sliding=True),
)


def distances(
    scenario: Scenario,
    blocks: int,
    features: int,
    random: np.random.Generator,
    *,
    onset: float | None = None,
    shift: float = 0.0,
) -> Floats:
    """KS distance of the window that ends with each block, per feature: (blocks - SLIDES + 1, features).

    The first feature's mean moves by `shift` standard deviations from block `onset` on (a fraction is within a block).
    """
    columns = []
    for feature in range(features):
        reference = np.sort(random.standard_normal(scenario.reference_rows))
        own = places(reference, reference)
        before = np.searchsorted(reference, _NORMAL).astype(np.int32)
        after = np.searchsorted(reference, _NORMAL + shift).astype(np.int32)
        change = int((blocks if onset is None or feature > 0 else onset) * scenario.block)
        found = []
        for first in range(0, blocks - SLIDES + 1, _CHUNK):
            size = (min(_CHUNK, blocks - SLIDES + 1 - first) + SLIDES - 1, scenario.block)
            drawn = random.integers(0, len(_NORMAL), size, dtype=np.uint16)
            drifted = max(0, change - first * scenario.block)
            bins = np.concatenate([before[drawn.ravel()[:drifted]], after[drawn.ravel()[drifted:]]]).reshape(size)
            counts = histograms(bins, scenario.reference_rows)
            windows = np.cumsum(sum(counts[i : size[0] - SLIDES + 1 + i] for i in range(SLIDES)), axis=1)[:, :-1]
            found.append(ks_distances(own, windows, None, scenario.block * SLIDES))
        columns.append(np.concatenate(found))
    return np.stack(columns, axis=1)


@dataclass(frozen=True)
class RuleOutcome:
    """What a rule's events led to."""

    events: int
    retrains: int
    refused: int


def retrain(scenario: Scenario, drifted: NDArray[np.bool_], step_seconds: float) -> RuleOutcome:
    """Put the events of (looks, features) through the two holds of the cooldown, in virtual time."""
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


def year(scenario: Scenario, random: np.random.Generator) -> dict[str, RuleOutcome]:
    """One reference, one year without drift: what each rule's events led to, by the rule's name."""
    found = distances(scenario, scenario.blocks_per_year, len(scenario.settings.features), random)
    results = {}
    for rule in RULES:
        step = 1 if rule.sliding else SLIDES
        drifted = rule.p_values(scenario, found[::step]) < scenario.settings.p_value
        results[rule.name] = retrain(scenario, drifted, step * scenario.block_seconds)
    return results


def delays(scenario: Scenario, shift: float, trials: int, random: np.random.Generator) -> dict[str, Floats]:
    """Seconds from a drift's onset to the first event about its feature, per trial; infinite when 12 windows miss."""
    blocks, found = 14 * SLIDES, {rule.name: np.full(trials, np.inf) for rule in RULES}
    for trial in range(trials):
        onset = SLIDES + random.random() * SLIDES
        looks = distances(scenario, blocks, 1, random, onset=onset, shift=shift)
        ends = np.arange(SLIDES, blocks + 1)
        for rule in RULES:
            step = 1 if rule.sliding else SLIDES
            seen = rule.p_values(scenario, looks[::step])[:, 0] < scenario.settings.p_value
            late = ends[::step][seen & (ends[::step] >= onset)]
            if len(late):
                found[rule.name][trial] = (late[0] - onset) * scenario.block_seconds
    return found
