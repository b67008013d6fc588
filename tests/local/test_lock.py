"""One `make up` or `make down` at a time."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from local import cli
from local.lock import exclusive
from local.paths import REPOSITORY, Paths
from local.steps import StepError

HOLDER = """
import sys, time
from pathlib import Path
from local.lock import exclusive
from local.paths import Paths
with exclusive(Paths(Path(sys.argv[1])), "make up"):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(tmp_path / "cache")


def test_a_second_run_says_which_one_is_under_way_and_stops(paths: Paths) -> None:
    with exclusive(paths, "make up"), pytest.raises(StepError) as refused, exclusive(paths, "make down"):
        pytest.fail("both hold the lock")
    told = f"`make up` (process {os.getpid()}) is under way; wait for it to end, then try again"
    assert str(refused.value) == told


def test_the_command_line_tells_it_in_one_line_and_fails(
    paths: Paths, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ML_LOOP_CACHE", str(paths.cache))
    monkeypatch.setattr(sys, "argv", ["local", "up"])
    with exclusive(paths, "make down"):
        assert cli.main() == 1
    told = f"error: `make down` (process {os.getpid()}) is under way; wait for it to end, then try again\n"
    assert capsys.readouterr().err == told


def test_a_refused_run_leaves_the_holder_s_name_in_place(paths: Paths) -> None:
    with exclusive(paths, "make up"):
        for _ in range(2):
            with pytest.raises(StepError, match=r"^`make up` "), exclusive(paths, "make down"):
                pytest.fail("both hold the lock")


def test_a_run_that_failed_lets_go(paths: Paths) -> None:
    with pytest.raises(StepError, match="boom"), exclusive(paths, "make up"):
        raise StepError("boom")
    with exclusive(paths, "make down"):
        pass


def test_a_run_that_was_killed_lets_go(paths: Paths) -> None:
    command = [sys.executable, "-c", HOLDER, str(paths.cache)]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(StepError, match=rf"\(process {holder.pid}\) is under way"), exclusive(paths, "make up"):
            pytest.fail("both hold the lock")
        holder.kill()
    for _ in range(100):
        try:
            with exclusive(paths, "make up"):
                return
        except StepError:
            time.sleep(0.05)
    pytest.fail("the lock of a killed run is still held")
