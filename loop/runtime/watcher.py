"""A process that watches: it steps until told to stop, and answers probes."""

import signal
import threading
from collections.abc import Callable

from loop.runtime import probes
from loop.runtime.probes import Check, Pages


def run(step: Callable[[], float], *, port: int, alive: Check, ready: Check, pages: Pages | None = None) -> None:
    """Call `step` until SIGTERM or SIGINT; it returns the seconds until its next call."""
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):  # process 1 of a container has no default handlers
        signal.signal(name, lambda _number, _frame: stop.set())
    server = probes.serve(port, alive, ready, pages)
    try:
        while not stop.wait(step()):
            pass
    finally:
        server.shutdown()
        server.server_close()
