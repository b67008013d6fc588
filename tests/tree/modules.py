"""The tree's modules, as the tests of this room read them."""

import os
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def modules() -> Iterator[Path]:
    """Paths below the root of all rooms' modules, tests and hidden folders apart."""
    for folder, inner, files in os.walk(ROOT):
        apart = {"tests"} if Path(folder) == ROOT else set[str]()
        inner[:] = sorted(each for each in inner if not each.startswith(".") and each not in apart)
        if Path(folder) != ROOT:
            yield from (Path(folder, name).relative_to(ROOT) for name in sorted(files) if name.endswith(".py"))
