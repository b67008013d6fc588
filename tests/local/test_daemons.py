"""Daemons: what counts as ours, starting once, ending for certain."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local.node.daemons import Daemon, end, start_time

PATH = os.environ["PATH"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("run", "log"):
        (tmp_path / name).mkdir()
    return tmp_path


@pytest.fixture
def daemon(folder: Path) -> Iterator[Daemon]:
    daemon = Daemon("sleeper", ["sleep", "60"], folder)
    yield daemon
    daemon.stop(patience=1)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "nothing happened within 10 s"
        time.sleep(0.01)


def command(pid: int | None) -> str:
    return Path(f"/proc/{pid}/comm").read_text().strip()


def test_a_started_daemon_is_known_by_its_process(daemon: Daemon) -> None:
    assert daemon.start(PATH)
    until(lambda: command(daemon.pid()) == "sleep")


def test_a_running_daemon_is_not_started_twice(daemon: Daemon) -> None:
    daemon.start(PATH)
    first = daemon.pid()
    assert not daemon.start(PATH)
    assert daemon.pid() == first


def test_a_daemon_is_known_to_the_next_command(daemon: Daemon) -> None:
    daemon.start(PATH)
    assert Daemon(daemon.name, daemon.arguments, daemon.folder).pid() == daemon.pid()


def test_a_daemon_outlives_the_terminal_it_was_started_from(daemon: Daemon) -> None:
    daemon.start(PATH)
    pid = daemon.pid()
    assert pid is not None
    assert os.getsid(pid) == pid


def test_a_process_number_used_again_by_another_is_not_our_daemon(daemon: Daemon) -> None:
    # As after a reboot: the number lives, the process that we started does not.
    daemon.pid_file.write_text(f"{os.getpid()} 1")
    assert daemon.pid() is None


def test_stopping_a_daemon_whose_number_is_used_again_harms_nobody(daemon: Daemon) -> None:
    with subprocess.Popen(["sleep", "60"]) as other:
        daemon.pid_file.write_text(f"{other.pid} 1")
        daemon.stop(patience=0.1)
        assert other.poll() is None
        other.kill()
    assert not daemon.pid_file.exists()


@pytest.mark.parametrize("text", ["", "12", "1 2 3"])
def test_a_pid_file_that_was_cut_off_means_no_daemon(daemon: Daemon, text: str) -> None:
    daemon.pid_file.write_text(text)
    assert daemon.pid() is None


def test_a_process_that_ended_is_gone_even_before_anyone_took_its_exit_status() -> None:
    with subprocess.Popen(["true"]) as process:
        until(lambda: Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z")
        assert start_time(process.pid) is None


def test_stopping_ends_the_process_and_forgets_it(daemon: Daemon) -> None:
    daemon.start(PATH)
    pid = daemon.pid()
    assert pid is not None
    daemon.stop()
    assert start_time(pid) is None
    assert not daemon.pid_file.exists()


def test_stopping_twice_does_no_harm(daemon: Daemon) -> None:
    daemon.start(PATH)
    daemon.stop()
    daemon.stop()


def test_a_process_that_ignores_the_request_to_end_is_killed() -> None:
    with subprocess.Popen(["sh", "-c", 'trap "" TERM; exec sleep 60'], start_new_session=True) as process:
        until(lambda: command(process.pid) == "sleep")
        end([process.pid], patience=0.1)
        assert process.wait(10) in {-signal.SIGKILL, 0}
        assert start_time(process.pid) is None


def test_the_last_run_s_log_is_kept_beside_the_new_one(folder: Path) -> None:
    daemon = Daemon("talker", ["echo", "hello"], folder)
    for _ in range(2):
        daemon.start(PATH)
        until(lambda: daemon.pid() is None and daemon.log.read_text() == "hello\n")
    assert daemon.log.with_suffix(".log.1").read_text() == "hello\n"


def test_a_killed_process_is_gone_once_its_last_thread_is() -> None:
    """The thread that it began with is a zombie while another still holds what the process had open."""
    code = (
        "import ctypes, threading, time;"
        "threading.Thread(target=time.sleep, args=(60,)).start();"
        "ctypes.CDLL(None).syscall(60, 0)"  # exit of this thread alone
    )
    with subprocess.Popen([sys.executable, "-c", code]) as process:
        until(lambda: Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z")
        assert start_time(process.pid) is not None
        process.kill()
        until(lambda: start_time(process.pid) is None)
