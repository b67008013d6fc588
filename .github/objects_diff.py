"""What a change does to the stack's objects, as Markdown: `objects_diff.py BASE.json HEAD.json`.

The files are what `pulumi preview --json` prints on an empty stack for two checkouts, so every object is there with all
its inputs and no cluster is asked. Secrets are masked by Pulumi.
"""

import difflib
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml


def objects(preview: Mapping[str, Any]) -> dict[str, str]:
    """`type name` → the object's inputs as YAML, for each resource that the preview makes, components aside."""
    states = (step.get("newState") for step in preview.get("steps", ()))
    made = [state for state in states if state and state.get("custom") and not state["type"].startswith("pulumi:")]
    return {
        f"{state['type']} {state['urn'].rpartition('::')[2]}": yaml.safe_dump(state.get("inputs", {})) for state in made
    }


def differences(base: Mapping[str, str], head: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """(`added`, `removed` or `changed` with the object's name, unified diff), by name."""
    for name in sorted({*base, *head}):
        old, new = base.get(name), head.get(name)
        if old != new:
            verb = "added" if old is None else "removed" if new is None else "changed"
            lines = difflib.unified_diff((old or "").splitlines(), (new or "").splitlines(), lineterm="", n=2)
            yield f"{verb} {name}", "\n".join(list(lines)[2:])


def markdown(base: Mapping[str, str], head: Mapping[str, str]) -> str:
    """One folded block for each object that differs."""
    found = list(differences(base, head))
    blocks = [f"<details><summary>{title}</summary>\n\n````diff\n{diff}\n````\n</details>" for title, diff in found]
    return "\n".join([f"{len(found)} of {len({*base, *head})} objects differ from the base.", *blocks])


def main(base: str, head: str) -> None:
    """Compare two files. An empty one, of a base that has no stack yet, has no objects."""
    before, after = (json.loads(Path(name).read_text() or "{}") for name in (base, head))
    print(markdown(objects(before), objects(after)))


if __name__ == "__main__":
    main(*sys.argv[1:])
