"""The areas of `components/` stand on floors: each imports only what stands below it."""

import ast
from pathlib import Path

import pytest

import components

ROOT = Path(components.__file__).parent
FLOORS = (
    *("kit", "platform", "storage", "streaming", "events", "serving", "training", "tracking", "monitoring"),
    *("model", "models", "observability"),
)
"""In the order of the table in docs/architecture.md."""


def imported(module: Path) -> set[str]:
    """The areas that a module imports."""
    nodes = ast.walk(ast.parse(module.read_text(encoding="utf-8")))
    names = [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
    return {name.split(".")[1] for name in names if name.startswith("components.")}


def test_every_area_has_a_floor() -> None:
    found = {path.stem for path in ROOT.iterdir() if path.name not in {"__init__.py", "__pycache__"}}
    assert found == set(FLOORS)


@pytest.mark.parametrize("area", FLOORS)
def test_no_area_imports_what_stands_above_it(area: str) -> None:
    modules = sorted((ROOT / area).rglob("*.py")) or [ROOT / f"{area}.py"]
    found = set[str]().union(*(imported(module) for module in modules))
    assert found <= set(FLOORS[: FLOORS.index(area) + 1])


def test_the_floors_are_those_of_the_architecture_s_page() -> None:
    page = (ROOT.parent / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = [line for line in page.partition("### The areas")[2].partition("\n### ")[0].splitlines() if "|" in line]
    named = [name.strip("` ").removesuffix(".py") for row in rows[2:] for name in row.split("|")[1].split(",")]
    assert tuple(named) == FLOORS
