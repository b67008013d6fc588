"""Advisories in the OSV format (ossf.github.io/osv-schema): the parts that say which versions are affected."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from packaging.version import Version as PythonVersion
from semver import Version as SemanticVersion

Interval = Mapping[str, str]
"""`introduced`, and `fixed` or `last_affected` unless every later version is affected."""


def semantic(version: str) -> SemanticVersion:
    """A version of a Go module, or a text of Bitnami's (`18.4`); build metadata (`+incompatible`) does not count."""
    return SemanticVersion.parse(version.removeprefix("v"), optional_minor_and_patch=True)


PARSERS: Final[Mapping[str, Callable[[str], Any]]] = {
    "Go": semantic,
    "Bitnami": semantic,
    "PyPI": PythonVersion,
}
"""OSV ecosystem → what orders its versions. Advisories of other ecosystems are not read."""
KINDS: Final = ("fixed", "last_affected", "introduced")
"""Events that end or begin an interval, in the order in which they apply at one version."""


def parser(ecosystem: str) -> Callable[[str], Any]:
    return PARSERS[ecosystem]


@dataclass(frozen=True, kw_only=True)
class Advisory:
    """What one advisory says of one package."""

    id: str
    aliases: tuple[str, ...] = ()
    ecosystem: str
    name: str
    affected: tuple[Interval, ...] = ()
    versions: tuple[str, ...] = ()
    """Versions that are affected where no interval says so."""
    imports: tuple[str, ...] = ()
    """Packages of a Go module that have the hole; none: the module has it."""

    @property
    def identifiers(self) -> set[str]:
        return {self.id, *self.aliases}

    def affects(self, version: str) -> bool:
        parse = parser(self.ecosystem)
        return version in self.versions or any(_within(parse(version), each, parse) for each in self.affected)

    def remedy(self, version: str) -> str:
        """The oldest fix that is newer than the version."""
        parse = parser(self.ecosystem)
        fixes = sorted((each["fixed"] for each in self.affected if "fixed" in each), key=parse)
        later = [fix for fix in fixes if parse(fix) > parse(version)]
        return f"fixed in {later[0]}" if later else "no version has a fix"


def _within(version: Any, interval: Interval, parse: Callable[[str], Any]) -> bool:
    if interval["introduced"] != "0" and version < parse(interval["introduced"]):
        return False
    if "fixed" in interval:
        return bool(version < parse(interval["fixed"]))
    return "last_affected" not in interval or bool(version <= parse(interval["last_affected"]))


def advisories(document: Mapping[str, Any], wanted: Callable[[str, str], bool]) -> Iterator[Advisory]:
    """What an OSV document says of each package that is wanted (ecosystem, name); nothing for a withdrawn document."""
    for entry in () if document.get("withdrawn") else document["affected"]:
        package = entry.get("package", {})
        parse = PARSERS.get(package.get("ecosystem", ""))
        if parse is None or not wanted(package["ecosystem"], package["name"]):
            continue
        ranges = [each for each in entry.get("ranges", ()) if each["type"] in {"SEMVER", "ECOSYSTEM"}]
        imports = entry.get("ecosystem_specific", {}).get("imports", ())
        yield Advisory(
            id=document["id"],
            aliases=tuple(sorted(document.get("aliases", ()))),
            ecosystem=package["ecosystem"],
            name=package["name"],
            affected=tuple(interval for each in ranges for interval in intervals(each["events"], parse)),
            versions=() if ranges else tuple(entry.get("versions", ())),
            imports=tuple(sorted({each["path"] for each in imports})),
        )


def intervals(events: Sequence[Mapping[str, str]], parse: Callable[[str], Any]) -> Iterator[Interval]:
    """A range's events, in whatever order they come, as intervals of affected versions."""
    pairs = [(kind, version) for event in events for kind, version in event.items() if kind in KINDS]
    begin: str | None = None
    for kind, version in sorted(pairs, key=lambda pair: (pair[1] != "0", parse(pair[1]), KINDS.index(pair[0]))):
        if kind == "introduced":
            begin = begin or version
        elif begin is not None:
            yield {"introduced": begin, kind: version}
            begin = None
    if begin is not None:
        yield {"introduced": begin}
