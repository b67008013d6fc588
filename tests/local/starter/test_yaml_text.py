"""Files that people write are changed where they must be, and nowhere else."""

from pathlib import Path

import pytest
import yaml

from local.paths import REPOSITORY
from local.starter import new
from local.starter.yaml_text import with_image, with_model

OLD, NEW = (f"ml-loop.local/models/churn@sha256:{each * 64}" for each in "ab")


@pytest.fixture
def settings(tmp_path: Path) -> str:
    return (new.make("churn", new.ModelKind.CLASSIFICATION, tmp_path / "churn") / "model.yaml").read_text()


def test_the_image_is_added_and_then_replaced(settings: str) -> None:
    once = with_image(settings, OLD)
    assert [line for line in once.splitlines() if line not in settings.splitlines()] == [f"    image: {OLD}"]
    assert with_image(once, NEW) == once.replace(OLD, NEW)


@pytest.mark.parametrize("stack", ["local", "dev", "prod"])
def test_a_stack_gets_the_model_and_keeps_each_of_its_lines(stack: str, settings: str) -> None:
    text = (REPOSITORY / f"Pulumi.{stack}.yaml").read_text()
    found = with_model(text, "churn", settings, OLD)
    kept = [line for line in text.splitlines() if line != "  ml-loop:models: {}"]
    assert [line for line in found.splitlines() if line in kept][: len(kept)] == kept
    before, after = (yaml.safe_load(each)["config"] for each in (text, found))
    model = yaml.safe_load(with_image(settings, OLD))
    assert after == before | {"ml-loop:models": before["ml-loop:models"] | model}


def test_of_a_model_that_is_there_only_the_image_changes(settings: str) -> None:
    text = with_model((REPOSITORY / "Pulumi.local.yaml").read_text(), "churn", settings, OLD)
    promoted = text + "      production: 1  # a human's\n"
    assert with_model(promoted, "churn", settings, NEW) == promoted.replace(OLD, NEW)


def test_a_stack_without_models_gets_the_key(settings: str) -> None:
    found = with_model("config:\n  ml-loop:namespace: ml\n", "churn", settings, OLD)
    assert yaml.safe_load(found)["config"]["ml-loop:models"]["churn"]["training"]["image"] == OLD
