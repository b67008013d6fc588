"""The object-level diff of a pull request's comment, as the workflow `preview` writes it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def preview(**inputs: Any) -> dict[str, Any]:
    """What `pulumi preview --json` prints of ConfigMaps, a component and a provider."""
    steps = [
        {
            "newState": {
                "type": "kubernetes:core/v1:ConfigMap",
                "urn": f"urn:p::s::t::{name}",
                "custom": True,
                "inputs": data,
            }
        }
        for name, data in inputs.items()
    ]
    component = {"newState": {"type": "ml-loop:tracking:Mlflow", "urn": "urn:p::s::t::mlflow", "custom": False}}
    provider = {"newState": {"type": "pulumi:providers:kubernetes", "urn": "urn:p::s::t::cluster", "custom": True}}
    return {"steps": [*steps, component, provider, {"op": "same"}]}


def compared(folder: Path, base: dict[str, Any] | None, head: dict[str, Any]) -> str:
    """The script's Markdown; without a `base`, its file is empty."""
    (folder / "base.json").write_text("" if base is None else json.dumps(base))
    (folder / "head.json").write_text(json.dumps(head))
    command = [sys.executable, ROOT / ".github" / "objects_diff.py", folder / "base.json", folder / "head.json"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_only_real_objects_are_compared_and_a_base_without_a_stack_has_none(tmp_path: Path) -> None:
    text = compared(tmp_path, None, preview(a={"data": {"x": "1"}}))
    assert text.splitlines()[0] == "1 of 1 objects differ from the base."
    assert "added kubernetes:core/v1:ConfigMap a</summary>" in text
    assert "+data:\n+  x: '1'" in text


def test_what_is_added_removed_and_changed_is_shown_line_by_line(tmp_path: Path) -> None:
    text = compared(
        tmp_path,
        preview(same={"x": 1}, changed={"x": 1}, gone={"x": 1}),
        preview(same={"x": 1}, changed={"x": 2}, new={"x": 1}),
    )
    assert text.splitlines()[0] == "3 of 4 objects differ from the base."
    for title, line in (("changed", "-x: 1\n+x: 2"), ("gone", "-x: 1"), ("new", "+x: 1")):
        assert f"ConfigMap {title}</summary>" in text
        assert line in text
    assert "ConfigMap same" not in text


def test_equal_stacks_have_no_blocks(tmp_path: Path) -> None:
    assert compared(tmp_path, preview(a={"x": 1}), preview(a={"x": 1})) == "0 of 1 objects differ from the base.\n"
