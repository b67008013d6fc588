"""How a Go program of `local.toolchain.tools` is built. The build never resolves a version by itself.

`python -m local.toolchain.gotools NAME` builds one.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from local.lock import building, nothing_builds
from local.paths import REPOSITORY, Paths
from local.steps import StepError, key_of
from local.toolchain.cuts import CUTS, apply
from local.toolchain.tools import OWN, TOOLS, GoTool

MODULES = REPOSITORY / "local" / "go" / "tools"


def environment() -> dict[str, str]:
    """The environment of every Go command: static binaries, no stamps of version control or paths.

    The linker drops what debuggers read, so the compiler is told not to write it; and most compilers end before they
    collect any garbage. Caches are our own, and go once all is built, unless the user's environment names some.
    """
    flags = "-buildvcs=false -trimpath -modcacherw -gcflags=all=-dwarf=false"
    memory = {"GOGC": "off", "GOMEMLIMIT": "1536MiB"}
    caches = {variable: str(folder) for variable, folder in Paths.default().go_caches.items()}
    return caches | os.environ | {"CGO_ENABLED": "0", "GOFLAGS": flags, "GOWORK": "off"} | memory


def forget_caches(paths: Paths) -> str | None:
    """Removes what was downloaded and compiled on the way to the programs, unless another build still uses it."""
    folders = [folder for folder in paths.go_caches.values() if folder.exists()]
    with nothing_builds(paths) as free:
        if not free:
            return "kept: another build uses them"
        for folder in folders:
            shutil.rmtree(folder)
    return "removed" if folders else None


def go(arguments: list[str], folder: Path) -> str:
    """Runs one Go command and returns what it printed; a failure carries its last lines."""
    try:
        done = subprocess.run(
            ["go", *arguments], cwd=folder, env=environment(), capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        raise StepError("Go is not installed; install Go 1.25 or newer and put `go` on PATH") from None
    if done.returncode:
        raise StepError(f"go {arguments[0]} failed in {folder.name}:\n" + "\n".join(done.stderr.splitlines()[-15:]))
    return done.stdout


def module_folder(tool: GoTool, work: Path) -> Path:
    """Where the module's source is, from which manifests are read, too."""
    return Path(go(["list", "-m", "-f", "{{.Dir}}", tool.module], prepared(tool, work)).strip())


def prepared(tool: GoTool, work: Path) -> Path:
    """A build folder with the tool's pinned go.mod and go.sum, apart from the checkout, which stays clean."""
    folder = work / tool.name
    folder.mkdir(parents=True, exist_ok=True)
    for file in (MODULES / tool.name).iterdir():
        shutil.copyfile(file, folder / file.name)
    go(["mod", "download", tool.module], folder)
    if tool.links or tool.name in CUTS:
        repair(tool, folder)
    return folder


def downloaded(tool: GoTool, folder: Path) -> Path:
    """The module's folder in the module cache, downloaded if necessary."""
    return Path(json.loads(go(["mod", "download", "-json", f"{tool.module}@{tool.version}"], folder))["Dir"])


def repair(tool: GoTool, folder: Path) -> None:
    """Replaces a module by a copy with the symbolic links that its zip lost, and without what is cut."""
    source = downloaded(tool, folder)
    cuts = CUTS.get(tool.name, ())
    copy = folder / f"source-{tool.version}-{key_of(repr(tool), repr(cuts))[:12]}"
    if not copy.exists():
        for old in folder.glob("source*"):
            shutil.rmtree(old)
        unfinished = folder / "source.part"
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.copytree(source, unfinished, copy_function=shutil.copyfile)
        for path in unfinished.rglob("*"):
            path.chmod(0o755 if path.is_dir() else 0o644)
        for link, target in tool.links.items():
            (unfinished / link).unlink(missing_ok=True)
            (unfinished / link).symlink_to(target)
        for blank in tool.blanks:
            (unfinished / blank).parent.mkdir(parents=True, exist_ok=True)
            (unfinished / blank).touch()
        apply(cuts, unfinished)
        unfinished.rename(copy)
    # By a relative path, which is written into the binary: any folder makes the same bytes.
    go(["mod", "edit", f"-replace={tool.module}=./{copy.name}"], folder)


def key(tool: GoTool) -> str:
    # A tool without cuts keeps its key, and is not built anew.
    cuts = repr(CUTS[tool.name]) if tool.name in CUTS else ""
    return key_of(repr(tool) + tool.tags + cuts, MODULES / tool.name)


def fetch(tool: GoTool, paths: Paths) -> None:
    """Downloads the modules that the build takes packages from, and no others of its graph."""
    folder = prepared(tool, paths.cache / "go")
    if packages := [package_path(tool, package) for package in tool.commands]:
        go(["list", "-deps", f"-tags={tool.tags}", *packages], folder)


def linked_modules(tool: GoTool, paths: Paths) -> list[Path]:
    """Folders of the modules that the tool's binaries are made of."""
    packages = [package_path(tool, package) for package in tool.commands]
    return modules_of(packages, tool.tags, prepared(tool, paths.cache / "go"))


def modules_of(packages: Sequence[str], tags: str, folder: Path) -> list[Path]:
    """Folders of the modules of packages and all their imports, without the module being built."""
    listed = "{{with .Module}}{{if not .Main}}{{.Dir}}{{end}}{{end}}"
    lines = go(["list", "-deps", f"-tags={tags}", "-f", listed, *packages], folder).splitlines()
    return sorted({Path(line) for line in lines if line})


def build(tool: GoTool, paths: Paths) -> None:
    """Builds all commands of a tool into the cache's bin folder; a cut-off build leaves no half-written binary."""
    flags = [f"-tags={tool.tags}", "-ldflags", f"-s -w {tool.ldflags}".strip()]
    packages = {package_path(tool, package): binary for package, binary in tool.commands.items()}
    compile_into(paths.bin, packages, flags, prepared(tool, paths.cache / "go"))


def compile_into(target: Path, packages: Mapping[str, str], flags: Sequence[str], folder: Path) -> None:
    """Builds packages (path → name of the binary) at once, so that one is linked while another is compiled."""
    with TemporaryDirectory(dir=target, prefix=".build-") as unfinished:
        if len(packages) == 1:
            (package, binary), *_ = packages.items()
            go(["build", *flags, "-o", f"{unfinished}/{binary}", package], folder)
        else:
            # A folder's binaries have the names of their packages.
            go(["build", *flags, "-o", f"{unfinished}/", *packages], folder)
        for package, binary in packages.items():
            built = Path(unfinished) / binary
            (built if built.exists() else Path(unfinished) / Path(package).name).replace(target / binary)


def package_path(tool: GoTool, package: str) -> str:
    """The Go command's name for a package of the table."""
    return {".": tool.module, OWN: "."}.get(package, f"{tool.module}/{package}")


if __name__ == "__main__":
    cache = Paths.default()
    cache.bin.mkdir(parents=True, exist_ok=True)
    with building(cache):
        for name in sys.argv[1:]:
            build(TOOLS[name], cache)
