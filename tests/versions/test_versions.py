"""The pins."""

import ast
import re
from pathlib import Path

import pytest

import versions
from policy.rules.advisories import advisories
from policy.rules.pins import pin_violations
from settings import ImageName
from versions import Chart, Image

ROOT = Path(versions.__file__).parent.parent
CHARTS = {name: pin for name, pin in vars(versions).items() if isinstance(pin, Chart)}
IMAGES = {name: pin for name, pin in vars(versions).items() if isinstance(pin, Image)}


def test_pins_are_exact_and_their_licenses_allow_production() -> None:
    assert list(pin_violations(versions)) == []


@pytest.mark.parametrize("name", CHARTS | IMAGES)
def test_a_renovate_marker_stands_above_each_pin(name: str) -> None:
    lines = Path(versions.__file__).read_text(encoding="utf-8").splitlines()
    (line,) = [number for number, text in enumerate(lines) if re.match(rf"{name}\b.* = (Chart|Image)\(", text)]
    assert lines[line - 1].startswith("# renovate: datasource=")


@pytest.fixture(scope="module")
def used() -> set[str]:
    """Names that components read of any module, `versions` among them."""
    trees = (ast.parse(module.read_text(encoding="utf-8")) for module in (ROOT / "components").rglob("*.py"))
    return {node.attr for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Attribute)}


def test_every_chart_is_installed_by_a_component(used: set[str]) -> None:
    assert CHARTS.keys() <= used


def test_an_image_is_found_by_a_name_that_settings_know_or_is_given_to_an_operator(used: set[str]) -> None:
    assert set(versions.IMAGES) == set(ImageName)
    assert {name for name, pin in IMAGES.items() if pin not in versions.IMAGES.values()} <= used


def test_a_digest_is_part_of_the_reference_once_it_is_known() -> None:
    pin = Image(repository="r.example/server", tag="1.2.3", license="MIT", why="", digest="sha256:00")
    assert pin.reference == "r.example/server:1.2.3@sha256:00"


def test_at_another_registry_an_image_keeps_its_path_tag_and_digest() -> None:
    pin = Image(repository="ghcr.io/team/server", tag="1.2.3", license="MIT", why="", digest="sha256:00")
    assert pin.mirrored("r.example:5000/m") == "r.example:5000/m/team/server:1.2.3@sha256:00"


@pytest.mark.parametrize("name", IMAGES)
def test_every_image_names_its_registry(name: str) -> None:
    assert "." in IMAGES[name].repository.partition("/")[0]


def test_a_database_s_tag_starts_with_its_version_as_the_operator_reads_it_there() -> None:
    assert re.match(r"[0-9]+\.[0-9]+", versions.POSTGRES.tag)


@pytest.mark.parametrize("name", CHARTS)
def test_no_pinned_chart_has_a_known_advisory(name: str) -> None:
    assert list(advisories(CHARTS[name].name, CHARTS[name].version)) == []
