"""How a command ends, whatever ends it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from contract.commands import Promote
from contract.names import EXIT_FAILED, EXIT_TRY_AGAIN, EXIT_VERDICT
from loop import __main__ as program
from loop.runtime import command

ROOT = Path(__file__).parents[3]


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The container's termination message; the test's own process keeps its handler of SIGTERM."""
    monkeypatch.setattr(command, "end_on_sigterm", lambda: None)
    path = tmp_path / "termination-log"
    path.touch()
    monkeypatch.setattr(command, "TERMINATION_LOG", path)
    return path


def test_a_failure_is_one_line_on_stderr_and_in_the_pods_status(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def refuse() -> None:
        raise ValueError("the bucket\n  is full")

    assert command.run(refuse, ValueError) == EXIT_FAILED
    assert capsys.readouterr().err == "error: the bucket is full\n"
    assert log.read_text() == "the bucket is full"


def test_a_long_reason_is_cut_between_characters_where_the_kubelet_would_cut_bytes(log: Path) -> None:
    command.leave("é" * 4000)
    assert log.read_text("utf-8") == "é" * 2048


def test_what_a_command_does_not_know_passes_through_to_the_program(log: Path) -> None:
    def break_down() -> None:
        raise KeyError("features")

    with pytest.raises(KeyError):
        command.run(break_down, ValueError)
    assert log.read_text() == ""


@pytest.mark.parametrize("where", ["import", "main"])
def test_a_crash_has_an_exit_code_of_its_own_and_says_where(
    where: str, log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "raise KeyError('features')"
    (tmp_path / "broken.py").write_text(text if where == "import" else f"def main():\n    {text}\n")
    monkeypatch.syspath_prepend(str(tmp_path))  # pyright: ignore[reportUnknownMemberType]
    monkeypatch.delitem(sys.modules, "broken", raising=False)
    monkeypatch.setattr(program, "MODULES", {Promote: "broken"})
    monkeypatch.setattr(sys, "argv", ["loop", "promote"])
    code = program.main()
    assert code not in {0, EXIT_FAILED, EXIT_VERDICT, EXIT_TRY_AGAIN}
    assert code == command.CRASHED
    assert "broken.py" in capsys.readouterr().err
    assert log.read_text() == "crashed: KeyError: 'features'"


def test_a_command_ends_at_once_when_its_pod_is_told_to() -> None:
    program = "import time; from loop.runtime import command; command.run(lambda: (print(flush=True), time.sleep(60)))"
    with subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.terminate()
        assert process.wait() == 128 + signal.SIGTERM


def test_the_users_command_is_told_to_end_with_the_step(tmp_path: Path) -> None:
    told = tmp_path / "told"
    script = f"trap 'touch {told}; exit 0' TERM; echo started >&2; while :; do sleep 0.1; done"
    environment = {
        **os.environ,
        "ML_LOOP_MODEL": "books",
        "ML_LOOP_OUTPUT": str(tmp_path),
        "ML_LOOP_TRIGGER": "manual",
        "ML_LOOP_WORKFLOW_UID": "3f2a",
        "MLFLOW_TRACKING_URI": "http://127.0.0.1:1",
    }
    step = [sys.executable, "-m", "loop", "train", "--", "sh", "-c", script]
    with subprocess.Popen(step, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        while process.stderr.readline() != "started\n":  # passed on by the step, which waits for the command by then
            assert process.poll() is None
        process.terminate()
        assert process.wait() == 128 + signal.SIGTERM
    assert told.exists()
