"""What a metric of some rows says: its value, how far that may be off, and whether it has fallen."""

import json

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from loop.outcomes import measures

DICE = np.random.default_rng(7)


def scored(rows: int, auc_shift: float = 1.5) -> tuple[measures.Values, measures.Values]:
    labels = DICE.integers(0, 2, rows).astype(float)
    return labels, 1 / (1 + np.exp(-DICE.normal(labels * auc_shift, 1.0)))


def test_independent_rows_have_the_textbook_s_error() -> None:
    right = (DICE.random(2000) < 0.8).astype(float)
    found = measures.measure("accuracy", right, np.ones(2000))
    assert found is not None
    assert found.value == pytest.approx(right.mean())
    assert found.error == pytest.approx(np.sqrt(0.8 * 0.2 / 2000), rel=0.35)


def test_rows_that_resemble_their_neighbours_count_for_fewer() -> None:
    right = np.repeat((DICE.random(100) < 0.8).astype(float), 20)
    found = measures.measure("accuracy", right, np.ones(2000))
    assert found is not None
    assert found.error > 2.5 * np.sqrt(0.8 * 0.2 / 2000)


def test_a_fall_is_seen_and_none_is_not() -> None:
    labels, answers = scored(1000)
    found = measures.measure("auc", labels, answers)
    assert found is not None
    assert found.value == pytest.approx(roc_auc_score(labels, answers))
    assert measures.p_value("auc", found.value + 0.1, found, 0.02) < 1e-4
    assert measures.p_value("auc", found.value, found, 0.02) > 0.5
    assert measures.fall("auc", 0.8, found) == pytest.approx((0.8 - found.value) / 0.8)


def test_a_loss_falls_when_it_grows() -> None:
    truth = DICE.normal(10, 1, 1000)
    found = measures.measure("rmse", truth, truth + DICE.normal(0, 2, 1000))
    assert found is not None
    assert measures.fall("rmse", 1.0, found) > 0.5
    assert measures.p_value("rmse", 1.0, found, 0.02) < 1e-6
    assert measures.p_value("rmse", 3.0, found, 0.02) > 0.99


def test_quiet_spans_are_not_taken_for_falls() -> None:
    """At one in a thousand, of 80 spans whose true metric is the promised one."""
    promised = 0.8555  # of scores that are 1.5 deviations apart
    found = [measures.measure("auc", *scored(500)) for _ in range(80)]
    assert sum(each is not None and measures.p_value("auc", promised, each, 0.0) < 0.001 for each in found) <= 1


@pytest.mark.parametrize(
    ("outcomes", "answers"),
    [([1.0] * 500, [0.5] * 500), ([0.0, 1.0] * 20, [0.5] * 40)],
)
def test_what_rows_do_not_determine_is_none(outcomes: list[float], answers: list[float]) -> None:
    assert measures.measure("auc", np.array(outcomes), np.array(answers)) is None


def test_texts_are_compared_as_texts() -> None:
    rows = [{"outcome": json.dumps(each), "predictions": '["left"]'} for each in ["left", "right"] * 100]
    outcomes, answers = measures.pairs(rows)
    found = measures.measure("accuracy", outcomes, answers)
    assert found is not None
    assert found.value == 0.5
    assert measures.measure("rmse", outcomes, answers) is None
