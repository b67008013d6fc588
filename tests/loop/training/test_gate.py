"""The gate's decision, as a pure function."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.names import Gate
from loop.training.gate import Evaluation, Rule, decide
from loop.training.step import StepError

SCORE = st.floats(0, 1)


def measured(auc: float, version: str | None = None, data: str = "d1") -> Evaluation:
    return Evaluation(version, {"auc": auc}, data)


@given(candidate=SCORE, minimum=SCORE, production=st.none() | SCORE, tolerance=st.floats(0, 0.5))
def test_a_candidate_passes_if_and_only_if_it_reaches_the_minimum_and_what_production_asks(
    candidate: float, minimum: float, production: float | None, tolerance: float
) -> None:
    current = None if production is None else measured(production, "3")
    decision = decide(Rule("auc", minimum, tolerance), measured(candidate), current)
    enough = candidate >= minimum and (production is None or candidate >= production - tolerance)
    assert (decision.gate is Gate.PASSED) == enough


@pytest.mark.parametrize(
    ("auc", "production", "reason"),
    [
        (0.8, None, "auc 0.8000 reaches the minimum 0.7"),
        (0.6, None, "auc 0.6000 is below the minimum 0.7"),
        (0.6, 0.5, "auc 0.6000 is below the minimum 0.7"),
        (0.8, 0.9, "auc 0.8000 is worse than version 3 in production (0.9000, tolerance 0.02)"),
        (
            0.89,
            0.9,
            "auc 0.8900 reaches the minimum 0.7 and is not worse than version 3 in production (0.9000, tolerance 0.02)",
        ),
    ],
)
def test_the_reason_names_the_numbers_that_decided(auc: float, production: float | None, reason: str) -> None:
    current = None if production is None else measured(production, "3")
    assert decide(Rule("auc", 0.7, 0.02), measured(auc), current).reason == reason


def test_two_evaluations_on_different_rows_are_not_compared() -> None:
    with pytest.raises(StepError) as caught:
        decide(Rule("auc", 0.7), measured(0.9), measured(0.8, "3", data="d2"))
    assert str(caught.value) == (
        "the candidate was measured on data d1 and version 3 in production on d2: "
        "the gate compares on the same rows only; run the training again"
    )


def test_an_evaluation_survives_the_way_through_a_workflow_parameter() -> None:
    evaluation = measured(0.123456789, "3")
    assert Evaluation.from_json(evaluation.to_json()) == evaluation
