"""How a setting that is not allowed is reported: one line with the key, the value, what is allowed and the remedy.

Every check speaks through `Allowed` (one value) or `Problem` (several settings that contradict each other), so that all
messages have one shape. Values that are or may be secrets are never shown.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from typing import Any, Final

import pulumi
from pydantic import BaseModel, GetCoreSchemaHandler, ValidationError, ValidatorFunctionWrapHandler
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError, core_schema

PROJECT = "ml-loop"
"""Name of the Pulumi project: the prefix of every key of ours in `Pulumi.<stack>.yaml`."""

EXPLAINED = "setting"
"""Type of the pydantic errors whose text is already one of ours."""

NOT_SHOWN: Final = "this value (not shown)"
"""Stands for a value that may be a secret."""

Path = tuple[str | int, ...]

_CREDENTIALS = re.compile(r"//[^/@\s]*:[^/@\s]*@")
_LONGEST_SHOWN = 100


class SettingsError(pulumi.RunError):
    """The stack's settings are wrong. Its text has one line per problem; Pulumi prints it without a stack trace."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


def has_password(text: str) -> bool:
    """Whether an address in the text has a password in it."""
    return _CREDENTIALS.search(text) is not None


def shown(value: object) -> str:
    """The value as its owner wrote it, short, and without anything secret."""
    match value:
        case pulumi.Output():
            text = "a Pulumi secret"
        case str() if has_password(value):
            text = "an address with a password in it"
        case str() if len(value) > _LONGEST_SHOWN:
            text = f"{json.dumps(value[:_LONGEST_SHOWN], ensure_ascii=False)} and more"
        case None | bool() | int() | float() | str():
            text = json.dumps(value, ensure_ascii=False)
        case Mapping() | BaseModel():
            text = "a mapping"
        case list() | tuple():
            text = "a list" if value else "an empty list"
        case _:
            text = f"a {type(value).__name__}"
    return text


def refused(value: str, expected: str, remedy: str) -> str:
    return f"{value} is not allowed; expected {expected}. {remedy}."


def unknown_key(key: object, legal: Sequence[str]) -> str:
    """The value of an unknown key is left out: a password in the wrong place is still a password."""
    return f"this key does not exist; expected one of {', '.join(legal)}. {meant(key, legal) or 'Remove it'}."


def meant(word: object, legal: Sequence[str]) -> str | None:
    """The remedy for a misspelt word: the closest legal one, if any is close."""
    close = get_close_matches(str(word), legal, n=1)
    return f"Change it to {close[0]}" if close else None


def dotted(path: Iterable[str | int]) -> str:
    """`("models", "recommender", "drift")` as the user reads it: `ml-loop:models.recommender.drift`."""
    text = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path)
    return f"{PROJECT}:{text.removeprefix('.')}"


def line_error(path: Path, text: str, value: object) -> InitErrorDetails:
    """A line of a pydantic `ValidationError` with a text of ours."""
    # The text travels in the context: in the template, a brace of the user's value would be a placeholder.
    return InitErrorDetails(type=PydanticCustomError(EXPLAINED, "{text}", {"text": text}), loc=path, input=value)


@dataclass(frozen=True)
class Problem:
    """Two or more settings that contradict each other, told at the key to change."""

    path: Path
    """Key, relative to the section that reports it, as written in YAML."""
    text: str

    @classmethod
    def with_value(cls, path: Path, value: object, expected: str, remedy: str) -> "Problem":
        return cls(path, refused(shown(value), expected, remedy))

    @classmethod
    def missing(cls, path: Path, expected: str, remedy: str) -> "Problem":
        return cls(path, f"is missing; expected {expected}. {remedy}.")


@dataclass(frozen=True)
class Allowed:
    """What a value may be, in the words that refuse it. Goes last into `Annotated`: it rewords the checks before it."""

    expected: str
    remedy: str
    instead_of_value: str | None = None
    """Shown in place of a value that may be a secret."""
    choices: tuple[str, ...] = ()
    """The members of a closed set: the closest one is the remedy for a misspelt one."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_wrap_validator_function(self._check, handler(source))

    def _check(self, value: Any, inner: ValidatorFunctionWrapHandler) -> Any:
        try:
            return inner(value)
        except ValidationError as error:
            # What is inside a list or a mapping has a rule of its own, and is all there is to correct.
            inside = [details for details in error.errors() if details["type"] == EXPLAINED]
            if inside:
                lines = [line_error(details["loc"], details["msg"], details["input"]) for details in inside]
                raise ValidationError.from_exception_data(error.title, lines) from None
            remedy = meant(value, self.choices) or self.remedy
            text = refused(self.instead_of_value or shown(value), self.expected, remedy)
            raise PydanticCustomError(EXPLAINED, "{text}", {"text": text}) from None


def one_of(choices: type[StrEnum], remedy: str) -> Allowed:
    """The rule of a closed set."""
    return Allowed(f"one of {', '.join(choices)}", remedy, choices=tuple(choices))
