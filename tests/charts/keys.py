"""Which keys the pinned charts know, kept beside this module: a misspelt value does nothing, silently.

One `<chart>-<version>.keys` for each pin, a dotted path a line; below a path that ends with `.*` everything goes, as
the chart hands the whole map on to Kubernetes. `make chart-keys CHARTS=<folder of .tgz>` writes them anew after a pin
has changed (`make mirror ARGS="--charts FOLDER"` pulls the charts); tests only read them.
"""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import versions

HERE: Final = Path(__file__).parent
ANYTHING: Final = ".*"


@dataclass(frozen=True)
class Keys:
    """The keys that one version of a chart knows."""

    paths: frozenset[str]

    @classmethod
    def read(cls, name: str, version: str) -> "Keys":
        """What is kept of a pinned chart. Raises FileNotFoundError for a pin whose keys nobody has written."""
        return cls(frozenset(file(name, version).read_text(encoding="utf-8").split()))

    def unknown(self, values: Mapping[str, Any], above: str = "") -> Iterator[str]:
        """The dotted paths of keys that would do nothing."""
        for key, value in values.items():
            path = f"{above}{key}"
            if path + ANYTHING in self.paths:
                continue
            if path not in self.paths:
                yield path
            elif isinstance(value, Mapping):
                yield from self.unknown(cast("Mapping[str, Any]", value), f"{path}.")


def file(name: str, version: str) -> Path:
    """Where the keys of a chart are kept."""
    return HERE / f"{name}-{version}.keys"


def main(folder: Path) -> int:
    """Writes the keys of every pinned chart that is in the folder, and names those that are not."""
    from tests.components.platform.chart_archive import Archive  # noqa: PLC0415  # which stands on this module

    missing: list[str] = []
    for pin in (pin for pin in vars(versions).values() if isinstance(pin, versions.Chart)):
        archive = folder / f"{pin.name}-{pin.version}.tgz"
        if not archive.exists():
            missing.append(archive.name)
            continue
        target = file(pin.name, pin.version)
        for old in HERE.glob(f"{pin.name}-[0-9v]*.keys"):
            old.unlink()
        target.write_text("\n".join(sorted(Archive.read(archive).keys().paths)) + "\n", encoding="utf-8")
        print(f"wrote {target.name}")
    if missing:
        print(f"not in {folder}, so their keys were left as they are: {', '.join(missing)}", file=sys.stderr)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
