"""The real models that need no library but the image's: `make models` runs those of the others as well."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "models"))
import scikit
from closing import Server, close


@pytest.fixture(scope="module")
def server() -> Server:
    return Server()


@pytest.mark.parametrize("name", scikit.CASES)
def test_a_real_model_closes_the_loop(name: str, server: Server, tmp_path: Path) -> None:
    close(scikit.CASES[name], name, tmp_path, server)
