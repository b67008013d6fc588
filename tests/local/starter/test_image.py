"""`make image`: what cannot be built is told before anything is done, and the settings say what was built."""

from pathlib import Path

import pytest
from rich.console import Console

from local.display import Display
from local.paths import Paths
from local.starter import folder, image, new
from local.starter.image import Build, Order
from local.steps import Runner, StepError

REFERENCE = "registry.example.com/ml/churn@sha256:" + 64 * "a"


@pytest.fixture
def order(tmp_path: Path) -> Order:
    return Order(folder=folder.read(new.make("churn", new.ModelKind.RANKING, tmp_path / "churn")), stack="dev")


def test_without_a_cluster_there_is_nobody_to_give_it_to(order: Order, tmp_path: Path) -> None:
    paths = Paths(tmp_path / "cache")
    with pytest.raises(StepError, match="does not run, which gets the image; `make up` starts it"):
        Build(order, paths).run(Runner(paths.steps, Display(Console(quiet=True))))


def test_the_reference_is_written_where_people_and_the_stack_look(
    order: Order, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "Pulumi.dev.yaml").write_text("config:\n  ml-loop:models: {}\n")
    monkeypatch.setattr(image, "REPOSITORY", tmp_path)
    build = Build(order, Paths(tmp_path / "cache"))
    build.reference = REFERENCE
    build.write_settings()
    assert folder.read(order.folder.path).settings.training.image == REFERENCE
    assert f"image: {REFERENCE}" in (tmp_path / "Pulumi.dev.yaml").read_text()


def test_a_stack_without_a_file_is_told(order: Order, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image, "REPOSITORY", tmp_path)
    build = Build(order, Paths(tmp_path / "cache"))
    build.reference = REFERENCE
    with pytest.raises(StepError, match=r"STACK is 'dev', and there is no Pulumi.dev.yaml; make one"):
        build.write_settings()
