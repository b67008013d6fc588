"""`make try`: what each kind of model leaves passes every station, and each broken rule is one sentence."""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from mlflow_server import MlflowServer

from contract.gate import Criterion, Direction, to_json
from starter.plan import Trial
from starter.stations import Course
from starter.steps import BrokenRuleError

ROOT = Path(__file__).resolve().parents[3]
GATES = {
    "classification": Criterion(metric="auc", bound=0.9, direction=Direction.HIGHER, tolerance=0.0),
    "regression": Criterion(metric="rmse", bound=65.0, direction=Direction.LOWER, tolerance=0.0),
    "ranking": Criterion(metric="ndcg_at_3", bound=0.8, direction=Direction.HIGHER, tolerance=0.0),
}


def trial(kind: str, name: str) -> Trial:
    module = f"starter.kinds.{kind}"
    return Trial(
        name=name,
        folder=str(ROOT),
        train=[sys.executable, "-m", f"{module}.train"],
        evaluate=[sys.executable, "-m", f"{module}.evaluate"],
        gate=to_json([GATES[kind]]),
        max_rows=300,
    )


@pytest.mark.parametrize("kind", GATES)
def test_each_kind_passes_every_station(kind: str, tracking: MlflowServer, tmp_path: Path) -> None:
    course = Course(trial(kind, f"a-{kind}"), tmp_path)
    assert course.train().startswith("features: ")
    assert course.evaluate().startswith(f"{GATES[kind].metric} ")
    assert GATES[kind].metric in course.gate()
    assert course.serve() == "version 1"
    assert " -> " in course.predict()
    assert course.drift() == "none asked for (drift is not set)"
    assert "is not worse than version 1 in production" in course.again()


def shell(script: str) -> list[str]:
    return ["sh", "-c", script]


def no_run(given: Trial) -> Trial:
    return replace(given, train=shell("exit 0"))


def an_error(given: Trial) -> Trial:
    return replace(given, train=shell("echo no rows >&2; exit 3"))


def no_program(given: Trial) -> Trial:
    return replace(given, train=["nothing"])


def worse(given: Trial) -> Trial:
    return replace(given, gate=to_json([replace(GATES["regression"], bound=1.0)]))


def forgetful(given: Trial) -> Trial:
    other = "date +%N | sha256sum | cut -c-64 > $ML_LOOP_OUTPUT/data_fingerprint"
    return replace(given, evaluate=shell(f"{' '.join(given.evaluate)} && {other}"))


def pass_all(course: Course) -> None:
    for station in (course.train, course.evaluate, course.gate, course.serve, course.predict, course.again):
        station()


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (no_run, "must write the id of its MLflow run"),
        (an_error, "ended with 3: no rows"),
        (no_program, "the train command 'nothing' cannot be started"),
        (worse, "the gate rejects what was trained, so it would never be served: rmse"),
        (forgetful, "the gate compares on the same rows only"),
    ],
    ids=["no run", "an error", "no program", "too bad", "other rows each time"],
)  # fmt: skip
def test_a_broken_rule_is_a_sentence(
    broken: Callable[[Trial], Trial], said: str, tracking: MlflowServer, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    course = Course(broken(trial("regression", f"broken-{abs(hash(request.node.name))}")), tmp_path)
    with pytest.raises(BrokenRuleError, match=said):
        pass_all(course)
