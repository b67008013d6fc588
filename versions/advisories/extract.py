"""`python -m versions.advisories.extract FOLDER…`: writes `osv.json` anew from OSV files. Maintainers only.

FOLDER holds `*.json` or `*.yaml` in the OSV format, at any depth: an unpacked `all.zip` of osv.dev's export, or the
tree of a database's repository (golang/vulndb, pypa/advisory-database, bitnami/vulndb). Only facts are kept, and only
of what is pinned: every advisory of its packages, so that an older version is judged too.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import yaml

from versions.advisories.files import EXTRACT
from versions.advisories.osv import PARSERS, Advisory, advisories
from versions.advisories.pinned import Pinned, pinned

LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def documents(folder: Path) -> Iterator[tuple[Mapping[str, Any], str]]:
    """Every OSV document below a folder, and the day of its last change."""
    for path in sorted(p for p in folder.rglob("*") if p.suffix in {".json", ".yaml", ".yml"}):
        text = path.read_text()
        read: Any = json.loads(text) if path.suffix == ".json" else yaml.load(text, LOADER)  # noqa: S506  # a safe loader
        if isinstance(read, dict) and "affected" in read:
            yield read, changed(read, path)


def changed(document: Mapping[str, Any], path: Path) -> str:
    """When it was last changed, by its own word or by its file's date: golang/vulndb does not say."""
    told = str(document.get("modified", ""))[:10]
    return told if told > "2000" else datetime.fromtimestamp(path.stat().st_mtime, UTC).date().isoformat()


def family(name: str) -> str:
    """A Go module whatever its major version: a pin may go back to an earlier one."""
    return re.sub(r"/v\d+$", "", name)


def extract(folders: Sequence[Path], pins: Iterable[Pinned]) -> dict[str, Any]:
    """What `osv.json` holds: the newest day of each ecosystem's advisories, and those of what is pinned."""
    wanted = {(pin.ecosystem, family(pin.name)) for pin in pins}
    days: dict[str, str] = {}
    found: dict[tuple[str, str, str], Advisory] = {}
    for folder in folders:
        for document, day in documents(folder):
            for ecosystem in {entry.get("package", {}).get("ecosystem") for entry in document["affected"]} & set(
                PARSERS
            ):
                days[ecosystem] = max(day, days.get(ecosystem, ""))
            for advisory in advisories(document, lambda ecosystem, name: (ecosystem, family(name)) in wanted):
                key = advisory.ecosystem, advisory.name, advisory.id
                found[key] = merged(found[key], advisory) if key in found else advisory
    entries = [{key: value for key, value in asdict(found[key]).items() if value != ()} for key in sorted(found)]
    return {"as_of": dict(sorted(days.items())), "advisories": entries}


def merged(one: Advisory, other: Advisory) -> Advisory:
    """What two entries of one document say of the same package, or of two documents of one identifier."""
    affected = tuple({tuple(each.items()): each for each in (*one.affected, *other.affected)}.values())
    imports = one.imports and other.imports and tuple(sorted({*one.imports, *other.imports}))
    return replace(one, affected=affected, versions=tuple(sorted({*one.versions, *other.versions})), imports=imports)


def written(document: Mapping[str, Any]) -> str:
    """An advisory a line, so that a diff shows what is new."""
    lines = ",\n".join(json.dumps(entry) for entry in document["advisories"])
    return f'{{"as_of": {json.dumps(document["as_of"])}, "advisories": [\n{lines}\n]}}\n'


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m versions.advisories.extract", description="Advisories that name a pin."
    )
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER")
    document = extract(parser.parse_args(arguments).folders, pinned())
    if not document["advisories"]:
        print("no advisory of a pinned package is in these folders; nothing was written", file=sys.stderr)
        return 1
    EXTRACT.write_text(written(document))
    print(f"{len(document['advisories'])} advisories, as of {document['as_of']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
