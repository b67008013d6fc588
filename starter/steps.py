"""Steps of a training, run here as their pods run them."""

import os
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO

from loop.__main__ import main


class BrokenRuleError(Exception):
    """One sentence: what the contract asks, and what was found instead."""


@contextmanager
def changed(settings: Mapping[str, str]) -> Generator[None]:
    """The environment of a step's pod, while it runs."""
    before = dict(os.environ)
    os.environ |= settings
    try:
        yield
    finally:
        os.environ.clear()
        os.environ |= before


def step(*arguments: str) -> str:
    """Runs a step. Returns what it printed. Raises BrokenRuleError with the step's sentence when it fails."""
    said, before = StringIO(), sys.argv
    sys.argv = ["loop", *arguments]
    try:
        with redirect_stdout(said), redirect_stderr(said):
            code = main()
    finally:
        sys.argv = before
        sys.stderr.write(said.getvalue())
    if code:
        raise BrokenRuleError(said.getvalue().rpartition("error: ")[2].strip())
    return said.getvalue()
