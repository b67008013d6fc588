"""`python -m local.toolchain.pin NAME...`: writes go.mod, go.sum and tools.go of a Go tool after its version changed.

Maintainers only; needs the Go module proxy. The result is committed, and builds use it unchanged.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from local.toolchain.gotools import MODULES, downloaded, environment, go, package_path, repair
from local.toolchain.tools import OWN, TOOLS, GoTool


def pin(tool: GoTool) -> None:
    """Resolves the tool's dependency graph once, as upstream's own go.mod resolves it, replaces included."""
    folder = MODULES / tool.name
    folder.mkdir(parents=True, exist_ok=True)
    for old in ("go.mod", "go.sum", "tools.go"):
        (folder / old).unlink(missing_ok=True)
    upstream = downloaded(tool, folder)
    (folder / "go.mod").write_text(go_mod(tool, (upstream / "go.mod").read_text()))
    if (upstream / "go.sum").exists():
        (folder / "go.sum").write_bytes((upstream / "go.sum").read_bytes())
    packages = [package_path(tool, package) for package in tool.commands]
    if tool.commands and OWN not in tool.commands:
        imports = "\n".join(f'\t_ "{package}"' for package in packages)
        (folder / "tools.go").write_text(
            "//go:build tools\n\n// Package tools names the commands built here.\npackage tools\n\n"
            f"import (\n{imports}\n)\n"
        )
    with TemporaryDirectory() as scratch:
        work = Path(shutil.copytree(folder, f"{scratch}/work"))
        if tool.links:
            repair(tool, work)
        resolve = environment() | {"GOFLAGS": "-mod=mod -buildvcs=false"}
        used = ["list", "-deps", f"-tags={tool.tags}", *packages] if packages else ["mod", "download", tool.module]
        subprocess.run(["go", *used], cwd=work, env=resolve, check=True, stdout=subprocess.DEVNULL)
        if tool.links:
            go(["mod", "edit", f"-dropreplace={tool.module}"], work)
            subprocess.run(["go", "mod", "download", tool.module], cwd=work, env=resolve, check=True)
        for name in ("go.mod", "go.sum"):
            (folder / name).write_bytes((work / name).read_bytes())


def go_mod(tool: GoTool, upstream: str) -> str:
    """Our module's go.mod: the tool, and upstream's replaces of other modules, which do not apply to dependents."""
    language = re.search(r"^go (\S+)", upstream, re.MULTILINE)
    replaces = re.findall(r"^\s*(?:replace\s+)?(\S+(?: v\S+)?) => (\S+ v\S+)", upstream, re.MULTILINE)
    lines = [f"replace {old} => {new}" for old, new in [*replaces, *tool.replaces.items()]]
    version = language[1] if language else "1.25"
    return "\n".join(
        [
            f"module ml-loop/tools/{tool.name}\n",
            f"go {version}\n",
            f"require {tool.module} {tool.version}\n",
            *(f"require {module}\n" for module in tool.requires),
            *(f"exclude {module}\n" for module in tool.excludes),
            *lines,
            "",
        ]
    )


if __name__ == "__main__":
    for name in sys.argv[1:]:
        pin(TOOLS[name])
