"""How well answers were: the metrics that can be computed from predictions and outcomes, each with its error.

A metric's error is that of consecutive blocks of rows left out in turn (the block jackknife): rows that resemble their
neighbours thus count for fewer. Source: Künsch (1989), Annals of Statistics 17(3).
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t
from sklearn import metrics as sk

from contract.fields import number

BLOCKS: Final = 50
MIN_ROWS: Final = 100
"""The fewest rows with an outcome that say anything."""
Values = NDArray[Any]


@dataclass(frozen=True)
class Measurement:
    """A metric of these rows."""

    value: float
    error: float
    """Standard error."""
    rows: int
    blocks: int


def _classes(answers: Values) -> Values:
    """Answers to two classes may be probabilities."""
    between = answers.dtype.kind == "f" and bool(np.all((answers >= 0) & (answers <= 1)))
    return (answers >= 0.5).astype(float) if between else answers


_AUC: Final[Callable[[Values, Values], float]] = lambda y, p: float(sk.roc_auc_score(y, p))  # noqa: E731
MEASURES: Final[Mapping[str, Callable[[Values, Values], float]]] = {
    "auc": _AUC,
    "roc_auc": _AUC,
    "accuracy": lambda y, p: float(np.mean(y == _classes(p))),
    "f1": lambda y, p: float(sk.f1_score(y, _classes(p))),
    "precision": lambda y, p: float(sk.precision_score(y, _classes(p))),
    "recall": lambda y, p: float(sk.recall_score(y, _classes(p))),
    "log_loss": lambda y, p: float(sk.log_loss(y, p)),
    "brier": lambda y, p: float(np.mean((y - p) ** 2)),
    "mae": lambda y, p: float(np.mean(np.abs(y - p))),
    "mse": lambda y, p: float(np.mean((y - p) ** 2)),
    "rmse": lambda y, p: float(np.sqrt(np.mean((y - p) ** 2))),
    "r2": lambda y, p: float(sk.r2_score(y, p)),
}
"""Metrics by the names that evaluate commands give them."""
LOSSES: Final = frozenset({"log_loss", "brier", "mae", "mse", "rmse"})


def pairs(rows: Sequence[Mapping[str, Any]]) -> tuple[Values, Values]:
    """Outcomes and answers of joined rows, as numbers where all of them are, else as texts."""
    outcomes = [json.loads(row["outcome"]) for row in rows]
    answers = [_answer(json.loads(row["predictions"])) for row in rows]
    numbers = [
        [float(each) if isinstance(each, bool) else number(each) for each in some] for some in (outcomes, answers)
    ]
    if all(each is not None for some in numbers for each in some):
        return np.array(numbers[0], dtype=float), np.array(numbers[1], dtype=float)
    return np.array([str(each) for each in outcomes]), np.array([str(each) for each in answers])


def _answer(predictions: list[Any]) -> Any:
    """A row's answer: the last of several values; of two classes' probabilities that is the second one's."""
    return predictions[-1] if predictions else None


def measure(name: str, outcomes: Values, answers: Values) -> Measurement | None:
    """The metric of the rows; None where they do not determine it: too few, or all of one class."""
    find, rows = MEASURES[name], len(outcomes)
    if rows < MIN_ROWS:
        return None
    try:
        whole = find(outcomes, answers)
        edges = np.linspace(0, rows, min(BLOCKS, rows // 10) + 1).astype(int)
        kept = [np.r_[0:start, end:rows] for start, end in pairwise(edges)]
        without = np.array([find(outcomes[each], answers[each]) for each in kept])
    except (ValueError, TypeError):  # texts where numbers are asked for, one class only
        return None
    blocks = len(without)
    error = float(np.sqrt((blocks - 1) / blocks * np.sum((without - without.mean()) ** 2)))
    return Measurement(whole, error, rows, blocks) if np.isfinite(whole) and np.isfinite(error) else None


def fall(name: str, promised: float, found: Measurement) -> float:
    """How much worse it is than promised, as a share of the promise; below 0 where it is better."""
    worse = found.value - promised if name in LOSSES else promised - found.value
    return worse / abs(promised) if promised else worse


def p_value(name: str, promised: float, found: Measurement, least: float) -> float:
    """How likely such a fall is where the true one is at most `least`: one-sided."""
    worse = fall(name, promised, found) - least
    error = found.error / abs(promised) if promised else found.error
    if error <= 0:
        return 0.0 if worse > 0 else 1.0
    return float(t.sf(worse / error, found.blocks - 1))
