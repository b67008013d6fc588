"""A process that watches, from its first step to its last."""

import os
import signal
import socket
import threading
import urllib.request
from collections.abc import Iterator

import pytest

from loop.runtime import watcher


@pytest.fixture(autouse=True)
def signals() -> Iterator[None]:
    """Both handlers come back after the test."""
    before = {name: signal.getsignal(name) for name in (signal.SIGTERM, signal.SIGINT)}
    yield
    for name, handler in before.items():
        signal.signal(name, handler)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.mark.parametrize("name", [signal.SIGTERM, signal.SIGINT])
def test_it_steps_until_it_is_told_to_stop_and_ends_the_step_that_it_is_in(name: signal.Signals) -> None:
    steps: list[str] = []

    def step() -> float:
        if len(steps) == 2:
            os.kill(os.getpid(), name)
        steps.append("done")
        return 0.0

    watcher.run(step, port=free_port(), alive=lambda: (True, ""), ready=lambda: (True, ""))
    assert steps == ["done"] * 3


def test_a_long_pause_ends_when_it_is_told_to_stop() -> None:
    def step() -> float:
        threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGTERM)).start()
        return 3600.0

    watcher.run(step, port=free_port(), alive=lambda: (True, ""), ready=lambda: (True, ""))


def test_its_addresses_answer_while_it_steps_and_are_free_after_a_crash() -> None:
    port = free_port()

    def step() -> float:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz") as answer:
            assert answer.read() == b"looking\n"
        raise KeyError("features")

    with pytest.raises(KeyError):
        watcher.run(step, port=port, alive=lambda: (True, "looking"), ready=lambda: (True, ""))
    socket.create_server(("127.0.0.1", port)).close()
