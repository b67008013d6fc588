"""A dataclass as the words of a command line: each field is an option, written and read by its type.

Each option is one word (`--name=value`), as a value may begin with a hyphen. A field that is a dataclass itself brings
its own fields along. What `--help` says of a field stands in its annotation: `Annotated[int, "rows per comparison"]`.
"""

import argparse
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from datetime import timedelta
from enum import StrEnum
from types import NoneType
from typing import Any, Final, TypeVar, get_args, get_origin, get_type_hints

T = TypeVar("T")

_DASHES: Final = "\0"
"""Stands for the value `--`, which argparse loses in Python 3.11. No argument of a process can hold a NUL."""


@dataclass(frozen=True)
class Flag:
    """Part of a field's annotation where the text for `--help` is not enough."""

    help: str
    name: str = ""
    """The option's name where it is not the field's: the singular where the field has several values."""
    unless_default: bool = False
    """Whether the option is left out while its value is the default."""
    bare: bool = False
    """Whether it is given by its position instead of a name: as one word, or several values as all behind `--`."""


def spelled(field: str, hyphen: str = "-") -> str:
    """A field's option: `--p-value` for `p_value`."""
    return "--" + field.replace("_", hyphen)


def words(value: Any, hyphen: str = "-") -> list[str]:
    """The options of a dataclass, in the order of its fields. A field that is None or False has none."""
    found: list[str] = []
    for part in _parts(type(value), hyphen):
        given = getattr(value, part.name)
        found += part.words(given) if isinstance(part, _Option) else words(given, hyphen)
    return found


def add_to(parser: argparse.ArgumentParser, of: type, hyphen: str = "-", *, without: Sequence[str] = ()) -> None:
    """Give the parser the options of a dataclass, except those of the fields `without`."""
    for part in _parts(of, hyphen):
        if isinstance(part, _Nested):
            add_to(parser, part.of, hyphen, without=without)
        elif part.name not in without:
            part.add_to(parser)


def parse(parser: argparse.ArgumentParser, argv: Sequence[str]) -> argparse.Namespace:
    """Like `parser.parse_args`, for options that `words` wrote."""
    named = argv.index("--") if "--" in argv else len(argv)
    options = [re.sub("^(--[^=]+=)--$", rf"\g<1>{_DASHES}", word) for word in argv[:named]]
    return parser.parse_args([*options, *argv[named:]])


def read(of: type[T], arguments: argparse.Namespace, **others: Any) -> T:
    """The dataclass made from what a parser found and from other values. Raises what its constructor raises."""
    found: dict[str, Any] = {}
    for part in _parts(of):
        if part.name in others:
            found[part.name] = others[part.name]
        elif isinstance(part, _Nested):
            found[part.name] = read(part.of, arguments)
        else:
            given = getattr(arguments, part.name)
            found[part.name] = tuple(given) if part.many and given is not None else given
    return of(**found)


@dataclass(frozen=True)
class _Nested:
    name: str
    of: type


@dataclass(frozen=True)
class _Option:
    """One field: its option, and the type of one value."""

    name: str
    flag: str
    kind: type
    many: bool
    default: Any
    """MISSING: the option must be given."""
    about: Flag

    def words(self, value: Any) -> Iterator[str]:
        if value is None or value is False or (self.about.unless_default and value == self.default):
            return
        if self.about.bare:
            yield from ("--", *value) if self.many else (str(value),)
            return
        for each in value if self.many else (value,):
            yield self.flag if each is True else f"{self.flag}={_written(each)}"

    def add_to(self, parser: argparse.ArgumentParser) -> None:
        given: dict[str, Any] = {"dest": self.name, "help": self.about.help}
        if self.kind is bool:
            parser.add_argument(self.flag, action="store_true", **given)
            return
        if self.about.bare:
            parser.add_argument(self.name, nargs="+" if self.many else None, help=self.about.help)
            return
        needed = self.default is MISSING
        parser.add_argument(
            self.flag,
            action="append" if self.many else "store",
            type=_READERS.get(self.kind, self.kind),
            choices=list(self.kind) if issubclass(self.kind, StrEnum) else None,
            required=needed,
            default=None if needed else self.default,
            **given,
        )


def _parts(of: type, hyphen: str = "-") -> Iterator[_Option | _Nested]:
    hints = get_type_hints(of, include_extras=True)
    for field in fields(of):
        hint = hints[field.name]
        nested = isinstance(hint, type) and is_dataclass(hint)
        yield _Nested(field.name, hint) if nested else _option(field, hint, hyphen)


def _option(field: Field[Any], hint: Any, hyphen: str) -> _Option:
    kind, about = get_args(hint)
    about = about if isinstance(about, Flag) else Flag(about)
    many = get_origin(kind) is tuple
    (kind,) = [each for each in get_args(kind) or (kind,) if each not in (NoneType, ...)]
    return _Option(field.name, spelled(about.name or field.name, hyphen), kind, many, field.default, about)


def _written(value: Any) -> str:
    if isinstance(value, timedelta):
        return f"{value.total_seconds():.0f}s"
    if isinstance(value, float):
        short = f"{value:g}"
        return short if float(short) == value else repr(value)
    return str(value)


def _text(word: str) -> str:
    return "--" if word == _DASHES else word


def seconds(word: str) -> timedelta:
    """`3600s`. Raises argparse's error."""
    if not re.fullmatch("[0-9]{1,12}s", word):
        raise argparse.ArgumentTypeError(f"{word!r} is not a number of seconds; write it like 3600s")
    return timedelta(seconds=int(word[:-1]))


_READERS: Final[Mapping[type, Callable[[str], Any]]] = {str: _text, timedelta: seconds}
