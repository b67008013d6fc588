"""docs/your-model.md, followed word for word: a model that is not the example, from nothing to production.

A trial of six minutes, so no part of `make e2e`: `make trial-model` runs it.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from mlflow import MlflowClient

from contract.names import Alias, GateResult, Tag
from local.paths import REPOSITORY
from tests.e2e.station import Station, Timed

PAGE: Final = REPOSITORY / "docs" / "your-model.md"
STACK: Final = REPOSITORY / "Pulumi.local.yaml"
FOLDER: Final = REPOSITORY / "models" / "churn"
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]


def commands() -> list[str]:
    """The page's shell blocks, each as a reader pastes it."""
    return re.findall(r"^```sh\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.fixture
def checkout(station: Station) -> Iterator[Path]:
    """The checkout as it is, and as it was again: the model leaves the stack, and its folder the checkout."""
    before = STACK.read_text(encoding="utf-8")
    assert not FOLDER.exists()
    yield REPOSITORY
    STACK.write_text(before, encoding="utf-8")
    shutil.rmtree(FOLDER.parent)
    station.make("up")


def test_the_page_leads_from_nothing_to_a_version_in_production(station: Station, checkout: Path, timed: Timed) -> None:
    blocks = commands()
    assert len(blocks) == 6
    for block in blocks:
        with timed(f"your model: {block.splitlines()[0][:60]}"):
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", block], cwd=checkout, env=os.environ, check=False,
                capture_output=True, text=True,
            )  # fmt: skip
        assert done.returncode == 0, f"{block}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
        if block.startswith("curl"):
            (answer,) = json.loads(done.stdout)["predictions"]
            assert sum(answer) == pytest.approx(1.0), "the probabilities of two classes"
    registry = MlflowClient(station.url)
    aliases = {alias: str(version) for alias, version in registry.get_registered_model("churn").aliases.items()}
    assert aliases[Alias.PRODUCTION] == "1", "the version that the page names"
    trained = registry.get_model_version("churn", aliases[Alias.STAGING])
    assert trained.tags[Tag.GATE] == GateResult.PASSED
    assert trained.tags[Tag.IMAGE].startswith("ml-loop.local/models/churn@sha256:")
