"""`make image`: what cannot be built is told before anything is done, and the settings say what was built."""

from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from local.display import Display
from local.images.oci import REGISTRY
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
    with pytest.raises(StepError, match="which gets the image, is not running; start it with `make up`"):
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


@pytest.mark.parametrize(
    ("base", "options"),
    [
        ("", ("--pull-never",)),
        ("registry.example.com/ml/base@sha256:" + 64 * "b", ("--pull=missing",)),
        ("127.0.0.1:5000/base:1", ("--pull=missing", "--tls-verify=false")),
    ],
    ids=["built here", "a registry's", "a registry's of this machine"],
)
def test_a_base_is_pulled_where_this_machine_has_not_built_it(
    base: str, options: tuple[str, ...], order: Order, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, ...]] = []

    def buildah(_: Build, *arguments: str) -> str:
        asked.append(arguments)
        return ""

    monkeypatch.setattr(Build, "_buildah", buildah)
    named = base or f"{REGISTRY}/loop:0123456789ab"
    build = Build(replace(order, base=named), Paths(tmp_path / "cache"))
    (tmp_path / "cache" / "buildah").mkdir(parents=True)
    build.build()
    (arguments,) = asked
    assert tuple(each for each in arguments if each.startswith(("--pull", "--tls"))) == options
    assert f"LOOP={named}" in arguments
