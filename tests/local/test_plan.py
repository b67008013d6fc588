"""The steps of `make up` as a whole: complete, acyclic, and in step with the stack's settings."""

from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import versions
from local.images.table import BACKUP_IMAGES, IMAGES
from local.operators import BARMAN_CLOUD, OPERATORS
from local.paths import Paths
from local.plan import Plan
from local.steps import Step
from local.toolchain import pulumi
from local.toolchain.tools import TOOLS
from settings import ImageName


@pytest.fixture(params=[False, True], ids=["without backups", "with backups"])
def steps(tmp_path: Path, request: pytest.FixtureRequest) -> list[Step]:
    return Plan(Paths(tmp_path), backups=request.param).steps()


def test_every_step_has_a_name_of_its_own(steps: list[Step]) -> None:
    names = [step.name for step in steps]
    assert sorted(set(names)) == sorted(names)


def test_the_steps_can_be_put_in_an_order(steps: list[Step]) -> None:
    graph = {step.name: set(step.needs) for step in steps}
    order = list(TopologicalSorter(graph).static_order())
    assert sorted(order) == sorted(graph)


def test_every_image_that_an_operator_needs_is_built() -> None:
    assert {name for operator in OPERATORS for name in operator.images} <= {image.name for image in IMAGES}
    assert {image.name for image in BACKUP_IMAGES} == set(BARMAN_CLOUD.images)


def test_only_a_stack_with_backups_pays_for_the_plugin(tmp_path: Path) -> None:
    without, with_backups = ({step.name for step in Plan(Paths(tmp_path), backups=b).steps()} for b in (False, True))
    assert without < with_backups
    assert with_backups - without == {
        *("modules plugin-barman-cloud", "build plugin-barman-cloud"),
        *("layer barman-cloud", "layer barman", "operator plugin-barman-cloud"),
        *(f"image {image.name}" for image in BACKUP_IMAGES),
    }


def test_the_plugin_is_the_one_that_the_chart_installs_elsewhere() -> None:
    assert f"Plugin {TOOLS[BARMAN_CLOUD.name].version.removeprefix('v')}," in versions.BARMAN_CLOUD.why


def test_every_image_for_the_stack_has_a_name_that_its_settings_know() -> None:
    assert {image.name for image in IMAGES if image.stack} <= set(ImageName)


def test_no_image_runs_as_root() -> None:
    assert {image.name: image.user for image in (*IMAGES, *BACKUP_IMAGES) if int(image.user) == 0} == {}


def test_modules_are_downloaded_at_once_while_builds_have_their_turns(steps: list[Step]) -> None:
    builds = {step.name.removeprefix("build "): step for step in steps if step.name.startswith("build ")}
    modules = {step.name.removeprefix("modules "): step for step in steps if step.name.startswith("modules ")}
    assert builds.keys() == modules.keys()
    assert all(step.heavy and step.needs == [f"modules {name}"] for name, step in builds.items())
    assert not any(step.heavy or step.needs for step in modules.values())


def test_go_s_caches_go_when_all_is_built_and_the_operators_manifests_were_read(steps: list[Step]) -> None:
    (caches,) = [step for step in steps if step.name == "go caches"]
    before = {step.name for step in steps if step.name.startswith(("build ", "modules ", "operator "))}
    assert set(caches.needs) == before


def pulumi_in(folder: Path) -> Path:
    """A program that says that it is Pulumi, as new as the SDK."""
    folder.mkdir()
    cli = folder / "pulumi"
    cli.write_text(f"#!/bin/sh\necho v{pulumi.SDK}\n")
    cli.chmod(0o755)
    return cli


def test_a_pulumi_of_the_user_s_is_used_and_none_is_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cli = pulumi_in(tmp_path / "users")
    monkeypatch.setenv("PATH", str(cli.parent), prepend=":")
    paths = Paths(tmp_path / "cache")
    steps = {step.name: step for step in Plan(paths).steps()}
    assert "build pulumi" not in steps
    assert steps["pulumi"].run() == f"found {cli}"
    assert (paths.bin / "pulumi").resolve() == cli


def test_the_link_to_a_pulumi_of_the_user_s_does_not_become_a_link_to_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cli = pulumi_in(tmp_path / "users")
    paths = Paths(tmp_path / "cache")
    paths.bin.mkdir(parents=True)
    (paths.bin / "pulumi").symlink_to(cli)
    monkeypatch.setenv("PATH", str(paths.bin), prepend=":")  # as `make env` has it
    steps = {step.name: step for step in Plan(paths).steps()}
    steps["pulumi"].run()
    assert (paths.bin / "pulumi").resolve() == cli


def test_a_pulumi_of_ours_on_the_path_is_no_user_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = Paths(tmp_path)
    pulumi_in(paths.bin)
    monkeypatch.setenv("PATH", str(paths.bin), prepend=":")
    assert "build pulumi" in {step.name for step in Plan(paths).steps()}


def test_a_program_of_a_wheel_is_no_build(steps: list[Step]) -> None:
    (layer,) = [step for step in steps if step.name == "layer traefik"]
    assert list(layer.needs) == ["programs"]
