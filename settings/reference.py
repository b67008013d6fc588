"""`docs/settings.md`: every key of a stack file, written from its JSON schema.

`python -m settings.schema` writes it beside the schema; `--check` compares.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import yaml

from settings.problem import PROJECT

ROOT: Final = Path(__file__).parent.parent
PAGE: Final = ROOT / "docs" / "settings.md"
STACK_FILES: Final = ("Pulumi.prod.yaml", "Pulumi.dev.yaml", "Pulumi.local.yaml")
"""Where examples are taken from, the fullest first."""
SECRET: Final = {"secure"}
"""What Pulumi writes into a stack file for a secret."""
ANY_NAME: Final = "<name>"
"""Stands in a key for a name that the user chooses."""
PREFACE: Final = """# Settings

Every key of `Pulumi.<stack>.yaml`, as `ml-loop:<key>`. Written by `make schema` from the same docstrings as
`settings.schema.json`; not edited by hand. An example is what one of the repository's own stack files says where one
does. A wrong value is refused before anything is changed, with the key, the value, what is allowed and the remedy.
How schedules, sizes, moments and URIs are written: [texts](texts.md).
"""

HEAD: Final = "| key | type | default | allowed | example | |\n| --- | --- | --- | --- | --- | --- |"
Schema = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class TableRow:
    """One key."""

    key: str
    kind: str
    default: str
    allowed: str
    example: str
    text: str

    def line(self) -> str:
        cells = (f"`{self.key}`", self.kind, self.default, self.allowed, self.example, self.text)
        return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def page(schema: Schema) -> str:
    """The whole page, from the schema of a stack file."""
    config = schema["properties"]["config"]
    required = set(config["required"])
    parts = [PREFACE]
    for full, given in config["properties"].items():
        name = full.partition(":")[2]
        rows = list(_rows(name, given, schema["$defs"], required=full in required))
        parts.append(f"\n## `{name}`\n\n{HEAD}")
        parts.append("\n".join(row.line() for row in rows))
    return "\n".join(parts) + "\n"


def _rows(key: str, given: Schema, defs: Schema, *, required: bool, text: str = "") -> Iterator[TableRow]:
    """The rows of a key and of all keys below it."""
    resolved, nullable = _resolved(given, defs)
    text = str(given.get("description") or text or resolved.get("description") or "")
    variants = [_resolved(each, defs)[0] for each in resolved.get("oneOf", [])]
    yield TableRow(
        key=key,
        kind=_kind(resolved),
        default="required" if required else _default(given, nullable=nullable),
        allowed=_allowed(resolved),
        example=_example(key),
        text=text,
    )
    if set(resolved.get("properties", ())) == SECRET:
        return
    for variant in variants or [resolved]:
        yield from _below(key, variant, defs, f"With kind `{_constant(variant)}`. " if variants else "")


def _below(key: str, resolved: Schema, defs: Schema, prefix: str) -> Iterator[TableRow]:
    required = set(resolved.get("required", []))
    for name, given in resolved.get("properties", {}).items():
        for row in _rows(f"{key}.{name}", given, defs, required=name in required):
            yield row if row.key != f"{key}.{name}" else TableRow(**{**vars(row), "text": prefix + row.text})
    for given in resolved.get("patternProperties", {}).values():
        yield from _rows(f"{key}.{ANY_NAME}", given, defs, required=False)
    items = resolved.get("items")
    if items is not None and _resolved(items, defs)[0].get("type") == "object":
        yield from _below(f"{key}[]", _resolved(items, defs)[0], defs, "")


def _resolved(given: Schema, defs: Schema) -> tuple[Schema, bool]:
    """The schema behind references and an optional null; whether it may be null."""
    nullable = False
    while True:
        options = [each for each in given.get("anyOf", []) if each.get("type") != "null"]
        nullable = nullable or len(options) < len(given.get("anyOf", []))
        if "$ref" in given:
            given = defs[given["$ref"].rpartition("/")[2]]
        elif len(options) == 1:
            given = options[0]
        else:
            return given, nullable


def _kind(resolved: Schema) -> str:
    if "oneOf" in resolved:
        return "one of the kinds"
    if set(resolved.get("properties", ())) == SECRET:
        return "secret"
    options = [each for each in resolved.get("anyOf", []) if each.get("type") != "null"]
    if options:
        return " or ".join(dict.fromkeys(str(each.get("type", "text")) for each in options))
    if "properties" in resolved or "patternProperties" in resolved:
        return "map"
    return "text" if resolved.get("type") in ("string", None) else str(resolved["type"])


def _default(given: Schema, *, nullable: bool) -> str:
    if "default" not in given:
        return "none"
    value = given["default"]
    if isinstance(value, dict):
        return "as below"
    return "unset" if value is None and nullable else f"`{json.dumps(value)}`"


def _constant(variant: Schema) -> str:
    return str(variant.get("properties", {}).get("kind", {}).get("const", variant.get("title", "")))


def _allowed(resolved: Schema) -> str:
    """Enumerations, bounds and patterns, in words."""
    if "const" in resolved:
        return f"`{resolved['const']}`"
    if "enum" in resolved:
        return ", ".join(f"`{each}`" for each in resolved["enum"])
    words = {
        "minimum": "at least {}",
        "exclusiveMinimum": "above {}",
        "maximum": "at most {}",
        "exclusiveMaximum": "below {}",
        "minLength": "at least {} characters",
        "maxLength": "up to {} characters",
        "minItems": "{} or more",
        "multipleOf": "a multiple of {}",
    }
    told = [text.format(resolved[word]) for word, text in words.items() if word in resolved]
    patterns = [str(each.get("pattern", "")) for each in (resolved, *resolved.get("anyOf", []))]
    # A longer pattern does not help: the error says in words what is allowed.
    return ", ".join([*told, *(f"matches `{pattern}`" for pattern in patterns if 0 < len(pattern) < 80)])


def _example(key: str) -> str:
    for name in STACK_FILES:
        config: dict[str, Any] = yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))["config"]
        for value in _found(config, [f"{PROJECT}:{key.split('.', maxsplit=1)[0]}", *key.split(".")[1:]]):
            if not isinstance(value, dict | list):
                return f"`{json.dumps(value, default=str)}`"
    return ""


def _found(value: Any, path: list[str]) -> Iterator[Any]:
    """The values at a path; a name that the user chooses is any of those there."""
    if not path:
        yield value
    elif isinstance(value, dict):
        inside = cast("dict[str, Any]", value)
        names = list(inside) if path[0] == ANY_NAME else [path[0].removesuffix("[]")]
        for name in names:
            if name in inside:
                yield from _found(inside[name], path[1:])
    elif isinstance(value, list):
        for each in cast("list[Any]", value):
            yield from _found(each, path)
