"""`make try`: what each kind of model leaves passes every station, and each broken rule is one sentence."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from mlflow_server import MlflowServer

from contract.gate import Criterion, Direction, to_json
from contract.names import Env
from starter.answering import Server
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


@pytest.fixture(scope="session")
def server() -> Server:
    """One, as it is a process'."""
    return Server()


@pytest.fixture(params=GATES)
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def course(kind: str, tracking: MlflowServer, server: Server, tmp_path: Path) -> Course:
    return Course(trial(kind, f"a-{kind}"), tmp_path, server)


def test_each_kind_passes_every_station_and_what_comes_out_otherwise_the_next_time_is_told(
    kind: str, course: Course
) -> None:
    assert course.train().startswith("features: ")
    assert course.evaluate().startswith(f"{GATES[kind].metric} ")
    assert GATES[kind].metric in course.gate()
    assert course.serve() == "version 1"
    assert " -> " in course.predict()
    assert course.drift() == "none asked for (drift is not set)"
    assert "is not worse than version 1 in production" in course.again()

    other_rows = "date +%N | sha256sum | cut -c-64 > $ML_LOOP_OUTPUT/data_fingerprint"
    course._trial = replace(course._trial, evaluate=shell(other_rows))
    with pytest.raises(BrokenRuleError, match="must write a JSON object of metrics"):
        course.again()
    written = f"printf '{{\"{GATES[kind].metric}\": 0.5}}' > $ML_LOOP_OUTPUT/metrics.json"
    course._trial = replace(course._trial, evaluate=shell(f"{written} && {other_rows}"))
    with pytest.raises(BrokenRuleError, match="the gate compares on the same rows only"):
        course.again()


def test_a_gate_that_rejects_says_that_nothing_would_be_served(
    tracking: MlflowServer, server: Server, tmp_path: Path
) -> None:
    course = Course(trial("regression", "too-bad"), tmp_path, server)
    course.train()
    course._settings[Env.GATE] = to_json([replace(GATES["regression"], bound=1.0)])
    course.evaluate()
    with pytest.raises(BrokenRuleError, match="the gate rejects what was trained, so it would never be served: rmse"):
        course.gate()


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["sh", "-c", "exit 0"], "must write the id of its MLflow run"),
        (["sh", "-c", "echo no rows >&2; exit 3"], "ended with 3: no rows"),
        (["nothing"], "the train command 'nothing' cannot be started"),
    ],
    ids=["no run", "an error", "no program"],
)
def test_a_train_command_that_breaks_a_rule_is_told_in_a_sentence(
    command: list[str], said: str, tracking: MlflowServer, server: Server, tmp_path: Path
) -> None:
    course = Course(replace(trial("regression", "broken"), train=command), tmp_path, server)
    with pytest.raises(BrokenRuleError, match=said):
        course.train()


def shell(script: str) -> list[str]:
    return ["sh", "-c", script]
