"""Rows of a reference as a request has them. CSV has texts alone: the model's signature says what each of them is."""

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import yaml

Value = float | bool | str | None
NUMBERS: Final = frozenset({"integer", "long", "float", "double"})


def typed_rows(reference: str, description: str | None) -> list[list[Value]]:
    """The lines of `window.csv`, without its header. `description` is the model's file `MLmodel`, None: unknown.

    A missing value is None.
    """
    header, *lines = list(csv.reader(io.StringIO(reference))) or [[]]
    readers = _readers(header, description)
    return [[read(text) if text else None for read, text in zip(readers, line, strict=True)] for line in lines]


def _readers(header: Sequence[str], description: str | None) -> list[Callable[[str], Value]]:
    """One for each column, by its name in the signature; a signature of a tensor has no names."""
    signature: Mapping[str, Any] = yaml.safe_load(description or "{}").get("signature") or {}
    inputs: list[Mapping[str, Any]] = json.loads(signature.get("inputs") or "[]")
    types = {str(each.get("name")): each.get("type") for each in inputs}
    return [_reader(types.get(name)) for name in header]


def _reader(kind: str | None) -> Callable[[str], Value]:
    if kind == "string":
        return str
    if kind == "boolean":
        return lambda text: text.lower() in ("true", "1", "1.0")
    return float if kind in NUMBERS else _guessed


def _guessed(text: str) -> Value:
    try:
        return float(text)
    except ValueError:
        return text
