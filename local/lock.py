"""One `make up` or `make down` at a time."""

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager

from local.paths import Paths
from local.steps import StepError


@contextmanager
def exclusive(paths: Paths, what: str) -> Generator[None]:
    """Holds the cache's lock while the block runs; the kernel lets go of it however the process ends."""
    paths.cache.mkdir(parents=True, exist_ok=True)
    with (paths.cache / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise StepError(f"{lock.read().strip()} is under way; wait for it to end, then try again") from None
        lock.truncate(0)
        lock.write(f"`{what}` (process {os.getpid()})")
        lock.flush()
        yield
