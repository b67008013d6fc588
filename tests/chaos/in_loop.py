"""Programs of this room that run in the environment of the loop's image, which has the clients of Kafka and Parquet."""

import os
from collections.abc import Mapping
from typing import Final

from local.paths import REPOSITORY

LOOP_PYTHON: Final = REPOSITORY / "images" / "loop" / ".venv" / "bin" / "python"


def command(program: str, *arguments: str) -> list[str]:
    """By its file: as a module it would be looked for in a library's package, which is called `tests` as well."""
    return [str(LOOP_PYTHON), "-P", str(REPOSITORY / "tests" / "chaos" / f"{program}.py"), *arguments]


def environment(variables: Mapping[str, str]) -> dict[str, str]:
    """With the checkout on the path."""
    return os.environ | dict(variables) | {"PYTHONPATH": str(REPOSITORY)}
