"""One `make up` or `make down` at a time; Go's caches stay while something is built from them."""

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

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


@contextmanager
def building(paths: Paths) -> Generator[None]:
    """Keeps Go's caches from being removed while the block runs; any number of builds at a time."""
    with _go_caches(paths).open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        yield


@contextmanager
def nothing_builds(paths: Paths) -> Generator[bool]:
    """Whether no build uses Go's caches: if so, none begins before the block has ended."""
    with _go_caches(paths).open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def _go_caches(paths: Paths) -> Path:
    paths.cache.mkdir(parents=True, exist_ok=True)
    return paths.cache / "go-caches.lock"
