"""Which pins have a published hole, as pure functions over what was read."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError

from versions.advisories.osv import Advisory
from versions.advisories.pinned import Pinned

ANY = "*"
Linked = Mapping[str, Mapping[str, Sequence[str]]]
"""Path of a go.sum → `module@version` → the packages of it that are linked, of those that have had holes; `ANY` where
any package is. A module that is not there may be linked whole: it was pinned after the list was written."""


@dataclass(frozen=True, kw_only=True)
class Excepted:
    """Holes that may stay in a package for a reason, until a day."""

    __pydantic_config__ = ConfigDict(extra="forbid", str_min_length=1)
    place: str
    """Path of the file that pins it, with `*` for any part."""
    package: str
    advisories: frozenset[str]
    """Identifiers; an alias such as a CVE counts as well."""
    reason: str
    ends: date
    """First day without it."""

    def covers(self, found: "Finding") -> bool:
        named = self.package == found.pin.name and fnmatchcase(found.pin.place, self.place)
        return named and not self.advisories.isdisjoint(found.advisory.identifiers)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A pin that an advisory names."""

    pin: Pinned
    advisory: Advisory

    def __str__(self) -> str:
        known_as = ", ".join([self.advisory.id, *(a for a in self.advisory.aliases if a.startswith("CVE-"))])
        remedy = self.advisory.remedy(self.pin.version)
        return f"{self.pin.place}: {self.pin.name} {self.pin.version} has {known_as}; {remedy}"


def findings(pins: Iterable[Pinned], known: Iterable[Advisory], linked: Linked) -> Iterator[Finding]:
    """Pins that advisories name, but for holes in packages of Go modules that are not linked."""
    by_name: dict[tuple[str, str], list[Advisory]] = {}
    for advisory in known:
        by_name.setdefault((advisory.ecosystem, advisory.name), []).append(advisory)
    for pin in pins:
        for advisory in by_name.get((pin.ecosystem, pin.name), ()):
            if advisory.affects(pin.version) and is_linked(pin, advisory, linked):
                yield Finding(pin=pin, advisory=advisory)


def is_linked(pin: Pinned, advisory: Advisory, linked: Linked) -> bool:
    """Whether a program may have the hole in it: yes where that is not known."""
    packages = linked.get(pin.place, {}).get(f"{pin.name}@{pin.version}")
    if packages is None:
        return True
    return not set(advisory.imports).isdisjoint(packages) if advisory.imports else ANY in packages


def problems(found: Sequence[Finding], exceptions: Sequence[Excepted], today: date) -> list[str]:
    """A line for each finding that no exception covers, and each exception that has ended or covers nothing."""
    in_force = [each for each in exceptions if today < each.ends]
    told = [str(one) for one in found if not any(each.covers(one) for each in in_force)]
    for each in exceptions:
        known_as = f"exceptions.yaml: {each.package}, {', '.join(sorted(each.advisories))}"
        if today >= each.ends:
            told.append(f"{known_as}: ended on {each.ends}; move the pin, or say why it may stay longer")
        elif idle := each.advisories - {i for f in found if each.covers(f) for i in f.advisory.identifiers}:
            told.append(f"{known_as}: {', '.join(sorted(idle))} names no pin any more; remove it")
    return told


def read_exceptions(entries: Any) -> list[Excepted]:
    """The exceptions of a document. Raises ValueError with the entry, the key and what is wrong."""
    try:
        return TypeAdapter(list[Excepted]).validate_python(entries)
    except ValidationError as error:
        told = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}, not {str(e['input'])[:80]!r}" for e in error.errors()]
        raise ValueError("exceptions.yaml: " + "; ".join(told)) from None
