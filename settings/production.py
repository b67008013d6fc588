"""`python -m settings.production STACK MODEL VERSION`: writes `production: VERSION` into the stack's file.

One number changes and everything else stays as it was written, comments included: PyYAML says where the nodes are, the
text is edited there.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import yaml

from settings.problem import PROJECT

ROOT = Path(__file__).parent.parent
KEY = "production"


def approve(text: str, model: str, version: int) -> str:
    """The text of a stack file with this version in production. Raises KeyError when the file has no such model."""
    node = yaml.compose(text, yaml.SafeLoader)
    for key in ("config", f"{PROJECT}:models", model):
        node = _child(node, key)
    assert isinstance(node, yaml.MappingNode)  # noqa: S101  # the last child was one
    edited = _replaced(text, node, version)
    # Through JSON, so that what an anchor shares between models is no longer shared.
    wanted: dict[str, Any] = json.loads(json.dumps(yaml.safe_load(text)))
    wanted["config"][f"{PROJECT}:models"][model][KEY] = version
    if yaml.safe_load(edited) != wanted:
        raise ValueError(f"models.{model} is written in a way that cannot be edited safely; set {KEY} by hand")
    return edited


def _replaced(text: str, model: yaml.MappingNode, version: int) -> str:
    for key, value in model.value:
        if key.value == KEY:
            return text[: value.start_mark.index] + str(version) + text[value.end_mark.index :]
    first = model.value[0][0].start_mark
    separator = ", " if model.flow_style else "\n" + " " * first.column
    return f"{text[: first.index]}{KEY}: {version}{separator}{text[first.index :]}"


def _child(node: yaml.Node | None, key: str) -> yaml.MappingNode:
    for name, value in node.value if isinstance(node, yaml.MappingNode) else ():
        if name.value == key and isinstance(value, yaml.MappingNode) and value.value:
            return value
    raise KeyError(key)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m settings.production", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("stack", help="whose Pulumi.<stack>.yaml is changed")
    parser.add_argument("model")
    parser.add_argument("version", type=int)
    arguments = parser.parse_args()
    file = ROOT / f"Pulumi.{arguments.stack}.yaml"
    try:
        file.write_text(approve(file.read_text("utf-8"), arguments.model, arguments.version), "utf-8")
    except KeyError as error:
        print(f"{file.name} has no {error.args[0]} to put version {arguments.version} into", file=sys.stderr)
        return 1
    except (OSError, ValueError) as error:
        print(f"{file.name}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
