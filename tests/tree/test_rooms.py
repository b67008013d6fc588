"""The picture of imports: no module stands on itself, and each room imports what the architecture's page says."""

import ast
import re
from collections import defaultdict
from graphlib import TopologicalSorter
from pathlib import Path

from tests.tree.modules import ROOT, modules

ROOMS = {path.name for path in ROOT.iterdir() if (path / "__init__.py").exists()} - {"tests"}


def name_of(path: Path) -> str:
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


MODULES = {name_of(path): ROOT / path for path in modules()} | {"__main__": ROOT / "__main__.py"}


def imported(module: str) -> set[str]:
    """The tree's modules that a module imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(MODULES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= inner & MODULES.keys() or {node.module}
    return (found & MODULES.keys()) - {module}


def test_no_module_stands_on_itself() -> None:
    order = TopologicalSorter({module: imported(module) for module in MODULES}).static_order()  # CycleError names one
    assert set(order) == MODULES.keys()


def test_each_room_imports_what_the_architecture_s_page_says() -> None:
    drawn: dict[str, set[str]] = defaultdict(set)
    for module in MODULES:
        room = module.partition(".")[0]
        if room in ROOMS or room == "__main__":
            drawn[room] |= {each.partition(".")[0] for each in imported(module)} - {room}
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = page.partition("## The rooms")[2].partition("\n### ")[0].splitlines()
    said: dict[str, set[str]] = {}
    for row in rows:
        if match := re.match(r"\| `([\w/]+?)(?:\.py|/)?` \|.*\| ([^|]*) \|$", row):
            said[match[1].partition("/")[0]] = set(re.findall(r"`(\w+)`", match[2]))
    assert {room: said.get(room) for room in drawn} == drawn


def test_each_room_says_in_one_line_what_it_is_for() -> None:
    for room in ROOMS:
        text = ast.get_docstring(ast.parse((ROOT / room / "__init__.py").read_text(encoding="utf-8")))
        assert text, room
        assert len(text.splitlines()[0]) > 20, room


def test_the_program_is_a_table_of_contents() -> None:
    assert len(MODULES["__main__"].read_text(encoding="utf-8").splitlines()) < 90


def test_no_module_is_longer_than_a_reader_keeps_in_mind() -> None:
    paths = [*MODULES.values(), *(ROOT / path for path in modules("tests"))]
    lines = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in paths}
    assert {name: count for name, count in lines.items() if count > 300} == {}
    assert "tests/tree/test_rooms.py" in lines
