"""The `pulumi.com/waitFor` annotation.

`condition=Ready`, `condition=Ready=False`, `jsonpath={.status.phase}=Running`, or a JSON list of these. The JSONPath is
the part of kubectl's that leads to values: fields, `['quoted.fields']`, indexes, `[*]` and `[?(@.type=="Ready")]`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from local.provider.values import Json

_STEP = re.compile(
    r"""\.(?P<field>[\w-]+) | \[(?P<index>-?\d+|\*)\] | \['(?P<quoted>[^']+)'\]
    | \[\?\(@\.(?P<key>[\w.-]+)\s*==\s*(?P<q>["'])(?P<value>.*?)(?P=q)\)\]""",
    re.VERBOSE,
)


@dataclass(frozen=True)
class WaitExpression:
    """One expression of the annotation."""

    text: str
    steps: tuple[re.Match[str], ...]
    value: str | None
    """None: any value will do."""

    def met(self, live: Json) -> bool:
        """Whether any value at the path is the wanted one, ignoring case."""
        found: list[Any] = [live]
        for step in self.steps:
            found = [value for item in found for value in _follow(item, step)]
        if self.value is None:
            return bool(found)
        return any(_text(value).lower() == self.value.lower() for value in found)


def parse(annotation: str) -> tuple[WaitExpression, ...]:
    """The expression. Raises ValueError, with a sentence, for one of neither form."""
    try:
        texts = json.loads(annotation)
    except ValueError:
        texts = [annotation]
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        raise ValueError(f"pulumi.com/waitFor is {annotation!r}: give one expression or a JSON list of expressions")
    return tuple(_parse(text) for text in texts)


def _parse(text: str) -> WaitExpression:
    form, _, rest = text.partition("=")
    if form == "condition" and rest:
        kind, _, value = rest.partition("=")
        path = f'.status.conditions[?(@.type=="{kind}")].status'
        return WaitExpression(text, _steps(path, text), value or "True")
    match = re.fullmatch(r"\{?(?P<path>[.\[][^{}]*?)\}?(?:=(?P<value>[^{}=]*))?", rest) if form == "jsonpath" else None
    if not match:
        raise ValueError(
            f'pulumi.com/waitFor holds {text!r}: write "condition=<Type>[=<Status>]" or "jsonpath={{.path}}[=<value>]"'
        )
    return WaitExpression(text, _steps(match["path"], text), match["value"])


def _steps(path: str, text: str) -> tuple[re.Match[str], ...]:
    steps: list[re.Match[str]] = []
    at = 0
    while at < len(path):
        step = _STEP.match(path, at)
        if not step:
            allowed = 'a field, an index or a filter [?(@.key=="value")]'
            raise ValueError(f"pulumi.com/waitFor holds {text!r}: {path[at:]!r} is not {allowed}")
        steps.append(step)
        at = step.end()
    return tuple(steps)


def _follow(item: Any, step: re.Match[str]) -> Iterable[Any]:
    if name := step["field"] or step["quoted"]:
        return [item[name]] if isinstance(item, dict) and item.get(name) is not None else []
    if not isinstance(item, list):
        return []
    if step["key"]:
        return [entry for entry in item if isinstance(entry, dict) and _text(entry.get(step["key"])) == step["value"]]
    if step["index"] == "*":
        return item
    index = int(step["index"])
    return [item[index]] if -len(item) <= index < len(item) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
