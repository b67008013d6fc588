"""The README's table names each output that a stack has."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.program.program import ROOT, run


def paths(outputs: Mapping[str, Any]) -> Iterator[str]:
    """What is read of the outputs, as `pulumi stack output` shows it; what the stack installed is one of them."""
    for key, value in outputs.items():
        inner = value if isinstance(value, Mapping) and key != "platform" else None
        yield from (f"{key}.{path}" for path in paths(inner)) if inner else (key,)


def test_the_readme_names_each_output(tmp_path: Path) -> None:
    table = (ROOT / "README.md").read_text(encoding="utf-8").partition("## What you get")[2].partition("```")[0]
    outputs = run("local", tmp_path / "kubeconfig").exports
    assert set(paths(outputs)) <= set(re.findall(r"`([\w.]+)`", table))
