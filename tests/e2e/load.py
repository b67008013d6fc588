"""Clients that ask the registry again and again: bounded in number, pace and time, and only on this machine."""

import threading
import time
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

CLIENTS = 3
PAUSE = 0.1
"""Seconds between one client's requests."""
LONGEST = 300
"""Seconds after which the clients stop by themselves."""


@dataclass
class Answers:
    """What the clients saw."""

    answered: int = 0
    failed: list[str] = field(default_factory=list[str])
    """Requests that stayed without an answer."""


@contextmanager
def asking(url: str, tries: int) -> Generator[Answers]:
    """Asks while the block runs; a request without an answer is sent up to `tries` times."""
    answers, stop, lock = Answers(), threading.Event(), threading.Lock()
    ends = time.monotonic() + LONGEST

    def ask() -> None:
        while not stop.wait(PAUSE) and time.monotonic() < ends:
            errors = request(url, tries)
            with lock:
                answers.answered += len(errors) < tries
                answers.failed += errors if len(errors) == tries else []

    clients = [threading.Thread(target=ask) for _ in range(CLIENTS)]
    for client in clients:
        client.start()
    try:
        yield answers
    finally:
        stop.set()
        for client in clients:
            client.join()


def request(url: str, tries: int) -> list[str]:
    """The errors before the answer; `tries` of them where there was none."""
    errors: list[str] = []
    for _ in range(tries):
        try:
            with urllib.request.urlopen(url, timeout=10) as response:  # noqa: S310  # the station's own address
                response.read()
            return errors
        except OSError as error:
            errors.append(str(error))
    return errors
