"""The runner behind `make up`: order, what is skipped, what is done again, what never overlaps."""

import io
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from local.display import Display
from local.steps import Runner, Step, StepError, key_of


@pytest.fixture
def shown() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def runner(tmp_path: Path, shown: io.StringIO) -> Runner:
    return Runner(tmp_path / "steps", Display(Console(file=shown, width=200)))


class Log:
    """Steps that note their names when they run."""

    def __init__(self) -> None:
        self.ran: list[str] = []

    def step(
        self,
        name: str,
        *needs: str,
        key: str | None = "same",
        present: bool = True,
        fails: BaseException | None = None,
    ) -> Step:
        def run() -> None:
            self.ran.append(name)
            if fails is not None:
                raise fails

        return Step(name=name, run=run, needs=needs, key=(lambda: key) if key else None, present=lambda: present)


@pytest.fixture
def log() -> Log:
    return Log()


def test_a_step_runs_after_everything_it_needs(runner: Runner, log: Log) -> None:
    runner.run([log.step("stack", "node", "image"), log.step("image", "node"), log.step("node")])
    assert log.ran == ["node", "image", "stack"]


def test_a_heavy_step_that_waits_for_its_turn_does_not_take_it_after_a_failure(runner: Runner, log: Log) -> None:
    steps = [replace(log.step(name, fails=StepError(name)), heavy=True) for name in ("one", "two", "three")]
    with pytest.raises(StepError):
        runner.run(steps)
    assert len(log.ran) == 1


def test_a_finished_step_is_not_run_again(runner: Runner, log: Log, shown: io.StringIO) -> None:
    runner.run([log.step("build")])
    runner.run([log.step("build")])
    assert log.ran == ["build"]
    assert shown.getvalue().splitlines()[-1].split() == ["✓", "build", "cached"]


def test_a_step_runs_again_when_its_inputs_changed(runner: Runner, log: Log) -> None:
    runner.run([log.step("build", key="v1")])
    runner.run([log.step("build", key="v2")])
    assert log.ran == ["build", "build"]


def test_a_step_runs_again_when_its_result_is_gone(runner: Runner, log: Log) -> None:
    runner.run([log.step("build")])
    runner.run([log.step("build", present=False)])
    assert log.ran == ["build", "build"]


def test_a_step_without_a_key_always_runs(runner: Runner, log: Log) -> None:
    runner.run([log.step("start", key=None)])
    runner.run([log.step("start", key=None)])
    assert log.ran == ["start", "start"]


def test_a_key_is_read_when_the_needs_are_done(runner: Runner, tmp_path: Path) -> None:
    made = tmp_path / "made"
    keys: list[str] = []

    def key() -> str:
        keys.append(made.read_text())
        return keys[-1]

    first = Step(name="first", run=lambda: str(made.write_text("by first")))
    runner.run([Step(name="second", run=lambda: None, needs=["first"], key=key), first])
    assert keys == ["by first"]


def test_a_run_after_a_failure_resumes_at_the_failed_step(runner: Runner, log: Log) -> None:
    def steps(fails: StepError | None) -> list[Step]:
        return [log.step("base"), log.step("layer", "base", fails=fails), log.step("image", "layer")]

    with pytest.raises(StepError, match="no space left"):
        runner.run(steps(StepError("no space left")))
    assert log.ran == ["base", "layer"]
    runner.run(steps(None))
    assert log.ran == ["base", "layer", "layer", "image"]


def test_a_step_that_was_cut_off_runs_again_though_an_earlier_run_had_finished(runner: Runner, log: Log) -> None:
    runner.run([log.step("build", key="v1")])
    with pytest.raises(KeyboardInterrupt):
        runner.run([log.step("build", key="v2", fails=KeyboardInterrupt())])
    # Back to the first inputs: the half-done second run may have damaged what the first one made.
    runner.run([log.step("build", key="v1")])
    assert log.ran == ["build"] * 3


def test_a_failure_lets_running_steps_finish_and_starts_no_new_one(runner: Runner, log: Log) -> None:
    failed = threading.Event()

    def fail() -> None:
        failed.set()
        raise StepError("boom")

    def slow() -> None:
        assert failed.wait(5)
        time.sleep(0.05)
        log.ran.append("slow")

    steps = [Step(name="fail", run=fail), Step(name="slow", run=slow), log.step("after slow", "slow")]
    with pytest.raises(StepError, match="boom"):
        runner.run(steps)
    assert log.ran == ["slow"]


def test_independent_steps_overlap(runner: Runner) -> None:
    together = threading.Barrier(2, timeout=5)

    def meet() -> None:
        together.wait()

    runner.run([Step(name=name, run=meet) for name in ("one", "two")])
    assert not together.broken


def test_heavy_steps_never_overlap(runner: Runner) -> None:
    busy = threading.Lock()
    overlapped: list[str] = []

    def work(name: str) -> Callable[[], None]:
        def run() -> None:
            if not busy.acquire(blocking=False):
                overlapped.append(name)
                return
            time.sleep(0.02)
            busy.release()

        return run

    runner.run([Step(name=name, run=work(name), heavy=True) for name in "abcdef"])
    assert overlapped == []


def test_a_need_that_no_step_has_is_a_mistake_found_before_anything_runs(runner: Runner, log: Log) -> None:
    with pytest.raises(ValueError, match=r"^step 'image' needs unknown steps: \['layer'\]$"):
        runner.run([log.step("node"), log.step("image", "node", "layer")])
    assert log.ran == []


def test_what_a_step_reports_is_shown_beside_its_name(runner: Runner, shown: io.StringIO) -> None:
    runner.run([Step(name="pulumi", run=lambda: "found /usr/bin/pulumi")])
    started, finished = shown.getvalue().splitlines()
    assert started == "  … pulumi"
    assert finished.startswith("✓ pulumi ")
    assert finished.endswith("  found /usr/bin/pulumi")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    (folder / "inner").mkdir(parents=True)
    (folder / "inner" / "one.py").write_text("1")
    return folder


def test_a_key_changes_with_a_file_s_content_and_its_name(folder: Path) -> None:
    before = key_of(folder)
    (folder / "inner" / "one.py").write_text("2")
    changed = key_of(folder)
    (folder / "inner" / "one.py").rename(folder / "inner" / "two.py")
    assert len({before, changed, key_of(folder)}) == 3


def test_a_key_ignores_what_the_interpreter_and_uv_leave_behind(folder: Path) -> None:
    before = key_of(folder)
    for name in ("__pycache__", ".venv"):
        (folder / name).mkdir()
        (folder / name / "left.pyc").write_text("anything")
    assert key_of(folder) == before


def test_a_key_tells_where_one_part_ends(folder: Path) -> None:
    assert key_of("ab", "c") != key_of("a", "bc")
