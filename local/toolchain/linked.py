"""`python -m local.toolchain.linked`: writes which packages of modules with advisories the Go programs link.

Maintainers only, after `versions.advisories.extract` or a change of a go.sum or a cut: it reads the modules themselves.
A hole in a package that no program imports affects none of them.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from local.lock import building
from local.paths import REPOSITORY, Paths
from local.toolchain import gotools, knative, kubernetes
from local.toolchain.gotools import MODULES, package_path, prepared
from local.toolchain.tools import TOOLS
from versions.advisories.files import LINKED, extracted
from versions.advisories.judge import ANY, Linked, findings
from versions.advisories.pinned import pinned

REPLACED = "{{if .Replace}}{{.Replace.Path}}@{{.Replace.Version}}{{else}}{{.Path}}@{{.Version}}{{end}}"
PACKAGE = "{{.ImportPath}} {{with .Module}}" + REPLACED + "{{end}}"
"""A package and its `module@version`."""


def programs(paths: Paths) -> Iterator[tuple[str, Path, list[str], str]]:
    """Path of each go.sum; where its programs are built, from which packages, with which tags."""
    for folder in (kubernetes.MODULE, kubernetes.MODULE / "parsers", knative.MODULE):
        yield place(folder), folder, ["./..."], ""
    for tool in TOOLS.values():
        packages = [package_path(tool, package) for package in tool.commands]
        yield place(MODULES / tool.name), prepared(tool, paths.cache / "go"), packages, tool.tags


def place(folder: Path) -> str:
    return str((folder / "go.sum").relative_to(REPOSITORY))


def linked(paths: Paths) -> Linked:
    """The linked packages of every module version that an advisory names."""
    _, known = extracted()
    suspects: dict[str, set[str]] = {}
    for found in findings(pinned(), known, {}):
        if found.pin.ecosystem == "Go":
            suspects.setdefault(found.pin.place, set()).add(f"{found.pin.name}@{found.pin.version}")
    holes = {package for advisory in known for package in advisory.imports}
    result: dict[str, dict[str, list[str]]] = {}
    for name, folder, packages, tags in programs(paths):
        lines = gotools.go(["list", "-deps", f"-tags={tags}", "-f", PACKAGE, *packages], folder) if packages else ""
        built: dict[str, set[str]] = {}
        for line in lines.splitlines():
            package, _, module = line.partition(" ")
            built.setdefault(module.replace("@v", "@"), {ANY}).update({package} & holes)
        result[name] = {module: sorted(built.get(module, ())) for module in sorted(suspects.get(name, ()))}
    return result


if __name__ == "__main__":
    with building(Paths.default()):
        written = linked(Paths.default())
    LINKED.write_text(json.dumps(written, indent=1) + "\n")
    sys.exit(0)
