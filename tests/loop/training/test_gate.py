"""The gate's decision, as a pure function."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.gate import Criterion, Direction
from contract.names import GateResult
from loop.training.gate import Evaluation, decide
from loop.training.step import TrainingError

SCORE = st.floats(0, 1)


def auc(minimum: float, tolerance: float = 0.0) -> list[Criterion]:
    return [Criterion(metric="auc", bound=minimum, tolerance=tolerance)]


def rmse(maximum: float, tolerance: float = 0.0) -> Criterion:
    return Criterion(metric="rmse", bound=maximum, direction=Direction.LOWER, tolerance=tolerance)


def measured(value: float, version: str | None = None, data: str = "d1") -> Evaluation:
    return Evaluation(version, {"auc": value}, data)


@given(candidate=SCORE, minimum=SCORE, production=st.none() | SCORE, tolerance=st.floats(0, 0.5))
def test_a_candidate_passes_if_and_only_if_it_reaches_the_minimum_and_what_production_asks(
    candidate: float, minimum: float, production: float | None, tolerance: float
) -> None:
    current = None if production is None else measured(production, "3")
    decision = decide(auc(minimum, tolerance), measured(candidate), current)
    enough = candidate >= minimum and (production is None or candidate >= production - tolerance)
    assert (decision.gate is GateResult.PASSED) == enough


@pytest.mark.parametrize(
    ("value", "production", "reason"),
    [
        (0.8, None, "auc 0.8000 meets the minimum 0.7"),
        (0.6, None, "auc 0.6000 fails the minimum 0.7"),
        (0.6, 0.5, "auc 0.6000 fails the minimum 0.7"),
        (0.8, 0.9, "auc 0.8000 is worse than version 3 in production (0.9000, tolerance 0.02)"),
        (
            0.89,
            0.9,
            "auc 0.8900 meets the minimum 0.7 and is not worse than version 3 in production (0.9000, tolerance 0.02)",
        ),
    ],
)
def test_the_reason_names_the_numbers_that_decided(value: float, production: float | None, reason: str) -> None:
    current = None if production is None else measured(production, "3")
    assert decide(auc(0.7, 0.02), measured(value), current).reason == reason


def test_two_evaluations_on_different_rows_are_not_compared() -> None:
    with pytest.raises(TrainingError) as caught:
        decide(auc(0.7), measured(0.9), measured(0.8, "3", data="d2"))
    assert str(caught.value) == (
        "the candidate was measured on data d1 and version 3 in production on d2: "
        "the gate compares on the same rows only; run the training again"
    )


@given(candidate=SCORE, maximum=SCORE, production=st.none() | SCORE, tolerance=st.floats(0, 0.5))
def test_where_lower_is_better_a_candidate_passes_if_and_only_if_it_is_low_enough(
    candidate: float, maximum: float, production: float | None, tolerance: float
) -> None:
    current = None if production is None else Evaluation("3", {"rmse": production}, "d1")
    decision = decide([rmse(maximum, tolerance)], Evaluation(None, {"rmse": candidate}, "d1"), current)
    enough = candidate <= maximum and (production is None or candidate <= production + tolerance)
    assert (decision.gate is GateResult.PASSED) == enough


@pytest.mark.parametrize(
    ("value", "production", "reason"),
    [
        (3.1, None, "rmse 3.1000 meets the maximum 3.5"),
        (9.1, None, "rmse 9.1000 fails the maximum 3.5"),
        (9.1, 9.5, "rmse 9.1000 fails the maximum 3.5"),
        (3.4, 3.2, "rmse 3.4000 is worse than version 3 in production (3.2000, tolerance 0.1)"),
        (
            3.25,
            3.2,
            ("rmse 3.2500 meets the maximum 3.5 and is not worse than version 3 in production (3.2000, tolerance 0.1)"),
        ),
    ],
)
def test_the_reason_says_which_way_is_better(value: float, production: float | None, reason: str) -> None:
    current = None if production is None else Evaluation("3", {"rmse": production}, "d1")
    assert decide([rmse(3.5, 0.1)], Evaluation(None, {"rmse": value}, "d1"), current).reason == reason


def test_of_several_metrics_each_must_pass_and_only_those_that_do_not_are_the_reason() -> None:
    criteria = [*auc(0.7), rmse(3.5), Criterion(metric="recall", bound=0.5)]
    candidate = Evaluation(None, {"auc": 0.6, "rmse": 3.0, "recall": 0.4}, "d1")
    decision = decide(criteria, candidate, None)
    assert (decision.gate, decision.reason) == (
        GateResult.REJECTED,
        "auc 0.6000 fails the minimum 0.7; recall 0.4000 fails the minimum 0.5",
    )


def test_the_report_has_each_metric_s_numbers_and_those_of_the_first_where_one_is_read() -> None:
    candidate, production = (
        Evaluation(None, {"auc": 0.9, "rmse": 3.0}, "d1"),
        Evaluation("3", {"auc": 0.8, "rmse": 3.2}, "d1"),
    )
    first = {"metric": "auc", "direction": "higher", "candidate": 0.9, "minimum": 0.7, "production": 0.8}
    second = {"metric": "rmse", "direction": "lower", "candidate": 3.0, "maximum": 3.5, "production": 3.2}
    decision = decide([*auc(0.7, 0.01), rmse(3.5, 0.1)], candidate, production)
    assert decision.gate is GateResult.PASSED
    assert decision.report == first | {
        "tolerance": 0.01,
        "metrics": [first | {"tolerance": 0.01}, second | {"tolerance": 0.1}],
        "production_version": "3",
        "data": "d1",
        "reason": decision.reason,
    }


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("whose", ["the candidate", "version 3"])
def test_a_value_that_is_no_number_is_no_decision(value: float, whose: str) -> None:
    candidate, production = (value, 0.9) if whose == "the candidate" else (0.9, value)
    with pytest.raises(TrainingError) as caught:
        decide(auc(0.7), measured(candidate), measured(production, "3"))
    assert str(caught.value) == f"the gate asks for metric 'auc', and {whose} has {value}: it must be finite"
