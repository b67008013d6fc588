"""The tree's modules, as the tests of this room read them."""

import os
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def modules(*rooms: str) -> Iterator[Path]:
    """Paths below the root of the modules of these rooms; without any, of all but the tests."""
    for folder, inner, files in os.walk(ROOT):
        at_root = Path(folder) == ROOT
        inner[:] = sorted(
            each
            for each in inner
            if not each.startswith(".") and not (at_root and (each not in rooms if rooms else each == "tests"))
        )
        if not at_root:
            yield from (Path(folder, name).relative_to(ROOT) for name in sorted(files) if name.endswith(".py"))
