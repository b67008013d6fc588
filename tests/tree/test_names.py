"""One name is one thing: no class of the tree shares its name with another."""

import ast
from collections import defaultdict

from tests.tree.modules import ROOT, modules


def classes() -> dict[str, list[str]]:
    """Name of a class → the rooms that define it."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in modules():
        for node in ast.parse((ROOT / path).read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef):
                found[node.name].append(path.parts[0])
    return found


def test_a_class_name_is_given_once_but_for_a_section_of_the_settings_and_what_is_made_of_it() -> None:
    shared = {name: rooms for name, rooms in classes().items() if len(rooms) > 1}
    twice = {name: rooms for name, rooms in shared.items() if len(rooms) > 2 or rooms.count("settings") != 1}
    assert not twice
    assert "Training" in shared  # the section, and the component
