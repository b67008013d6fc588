"""The JSON schema of `Pulumi.<stack>.yaml`, for editors, and the page of its keys.

`python -m settings.schema` writes both, `--check` compares them.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from settings.problem import PROJECT
from settings.reference import PAGE, page
from settings.root import Settings

SCHEMA_FILE = Path(__file__).parent.parent / "settings.schema.json"


def schema() -> dict[str, Any]:
    """The schema of a whole stack file. Keys of Pulumi and of providers (`aws:region`) are left alone."""
    settings = Settings.model_json_schema()
    properties = {f"{PROJECT}:{key}": value for key, value in settings["properties"].items()}
    # A secret may be set outside the file (by the driver, in an environment): the program asks for it, not the editor.
    required = [f"{PROJECT}:{key}" for key in settings["required"] if not key.endswith("SecretKey")]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Pulumi.<stack>.yaml of ml-loop",
        "type": "object",
        "required": ["config"],
        "properties": {
            "config": {
                "type": "object",
                "description": settings["description"],
                "properties": properties,
                "required": required,
                "propertyNames": {"anyOf": [{"enum": list(properties)}, {"pattern": f"^(?!{PROJECT}:)[^:]+:"}]},
            }
        },
        "$defs": settings["$defs"],
    }


def main() -> int:
    described = "Write settings.schema.json and docs/settings.md."
    parser = argparse.ArgumentParser(prog="python -m settings.schema", description=described)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the file is not current")
    check = parser.parse_args().check
    made = schema()
    texts = {SCHEMA_FILE: json.dumps(made, indent=2) + "\n", PAGE: page(made)}
    for file, text in texts.items():
        if not check:
            file.write_text(text, encoding="utf-8")
        elif not file.exists() or file.read_text(encoding="utf-8") != text:
            print(f"{file.name} is not current; run: make schema", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
