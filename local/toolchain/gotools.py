"""The Go programs of the built-in cluster, each pinned to a module version, and how one is built.

Every entry has a module of ours in `local/go/tools/<name>` whose go.mod and go.sum pin the whole dependency graph; the
build never resolves a version by itself. `python -m local.toolchain.pin NAME` writes those files anew after a version
changes. `python -m local.toolchain.gotools NAME` builds one.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from local.paths import REPOSITORY, Paths
from local.steps import StepError, key_of

MODULES = REPOSITORY / "local" / "go" / "tools"
OWN = "./"
"""Instead of a package within the module: the command whose `main.go` lies beside our go.mod."""
STAGING = ("api", "apimachinery", "apiserver", "client-go", "component-base", "kms", "metrics")
"""Modules that Kubernetes releases with each version of its own, and metrics-server is built from."""
NEWER_THAN_KUBERNETES = (
    "github.com/davecgh/go-spew v1.1.2-0.20180830191138-d8f796af33cc",
    "github.com/go-openapi/jsonreference v0.21.0",
    "go.opentelemetry.io/otel/exporters/otlp/otlptrace v1.35.0",
    "go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc v1.35.0",
    "golang.org/x/exp v0.0.0-20250106191152-7588d65b2ba8",
    "golang.org/x/time v0.11.0",
)
"""What metrics-server asks for and Kubernetes does not: a third of its packages depends on these, and would differ."""


@dataclass(frozen=True, kw_only=True)
class GoTool:
    """One Go module and the commands built from it."""

    name: str
    module: str
    version: str
    licence: str
    commands: dict[str, str]
    """Package path within the module, or `OWN` → name of the binary."""
    ldflags: str = ""
    # Not in the text that keys are made of: a tool without tags keeps its key, and is not built anew.
    tags: str = field(default="", repr=False)
    """Build tags, separated by commas."""
    replaces: dict[str, str] = field(default_factory=dict[str, str])
    """Module path → `path version` that takes its place."""
    # Neither are these: go.mod, which keys are made of too, has them.
    requires: tuple[str, ...] = field(default=(), repr=False)
    """Modules that must be at least as new: `path version`."""
    excludes: tuple[str, ...] = field(default=(), repr=False)
    """Requirements of others that do not count: `path version`. Not replaces, by which a package is another one."""
    links: dict[str, str] = field(default_factory=dict[str, str])
    """Symbolic links that module zips drop: path in the module → its target, restored before the build."""
    blanks: tuple[str, ...] = ()
    """Empty files put where the module embeds what its release process would have made."""


TOOLS = {
    tool.name: tool
    for tool in (
        GoTool(
            name="pulumi",
            # renovate: datasource=go depName=github.com/pulumi/pulumi/pkg/v3
            module="github.com/pulumi/pulumi/pkg/v3",
            version="v3.259.0",
            licence="Apache-2.0",
            commands={"cmd/pulumi": "pulumi"},
            ldflags="-X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v3.259.0",
            # Upstream replaces this module by a fork; a dependency's replaces do not apply by themselves.
            replaces={
                "github.com/atotto/clipboard": "github.com/tgummerer/clipboard v0.0.0-20241001131231-d02d263e614e"
            },
        ),
        GoTool(
            name="coredns",
            # renovate: datasource=go depName=github.com/coredns/coredns
            module="github.com/coredns/coredns",
            version="v1.15.0",
            licence="Apache-2.0",
            commands={".": "coredns"},
        ),
        GoTool(
            name="metrics-server",
            # renovate: datasource=go depName=sigs.k8s.io/metrics-server
            module="sigs.k8s.io/metrics-server",
            # v0.9.0 is written for Kubernetes 1.36.
            version="v0.8.0",
            licence="Apache-2.0",
            commands={OWN: "metrics-server"},
            ldflags="-X k8s.io/client-go/pkg/version.gitVersion=v0.8.0",
            # Written for 0.33; with the cluster's own version, what both programs are made of is compiled once.
            requires=tuple(f"k8s.io/{name} v0.35.4" for name in STAGING),
            excludes=NEWER_THAN_KUBERNETES,
        ),
        GoTool(
            name="cloudnative-pg",
            # renovate: datasource=go depName=github.com/cloudnative-pg/cloudnative-pg
            module="github.com/cloudnative-pg/cloudnative-pg",
            version="v1.30.0",
            licence="Apache-2.0",
            commands={"cmd/manager": "cnpg-manager"},
            ldflags="-X github.com/cloudnative-pg/cloudnative-pg/pkg/versions.buildVersion=1.30.0",
        ),
        GoTool(
            name="versitygw",
            # renovate: datasource=go depName=github.com/versity/versitygw
            module="github.com/versity/versitygw",
            version="v1.8.0",
            licence="Apache-2.0",
            commands={"cmd/versitygw": "versitygw"},
        ),
        GoTool(
            name="argo-workflows",
            # renovate: datasource=go depName=github.com/argoproj/argo-workflows/v4
            module="github.com/argoproj/argo-workflows/v4",
            version="v4.0.7",
            licence="Apache-2.0",
            commands={"cmd/workflow-controller": "workflow-controller", "cmd/argoexec": "argoexec", "cmd/argo": "argo"},
            ldflags="-X github.com/argoproj/argo-workflows/v4.version=v4.0.7",
            links={"workflow/executor/osspecific/signal_linux.go": "signal_darwin.go"},
            # The web interface is built by npm at release; the `argo` command embeds it and never shows it.
            blanks=("ui/dist/app/index.html",),
        ),
        GoTool(
            name="argo-events",
            # renovate: datasource=go depName=github.com/argoproj/argo-events
            module="github.com/argoproj/argo-events",
            version="v1.9.10",
            licence="Apache-2.0",
            commands={"cmd": "argo-events"},
        ),
        GoTool(
            name="nats-server",
            # renovate: datasource=go depName=github.com/nats-io/nats-server/v2
            module="github.com/nats-io/nats-server/v2",
            version="v2.15.2",
            licence="Apache-2.0",
            commands={".": "nats-server"},
        ),
        GoTool(
            name="kserve",
            # renovate: datasource=go depName=github.com/kserve/kserve
            module="github.com/kserve/kserve",
            version="v0.20.0",
            licence="Apache-2.0",
            commands={"cmd/manager": "kserve-manager"},
        ),
        GoTool(
            name="gateway-api",
            # The version that Traefik (pyproject.toml, group programs) is written for.
            # renovate: datasource=go depName=sigs.k8s.io/gateway-api
            module="sigs.k8s.io/gateway-api",
            version="v1.6.1",
            licence="Apache-2.0",
            # Its definitions are read, nothing is built.
            commands={},
        ),
        GoTool(
            name="promtool",
            # renovate: datasource=go depName=github.com/prometheus/prometheus
            module="github.com/prometheus/prometheus",
            version="v0.311.3",
            licence="Apache-2.0",
            commands={"cmd/promtool": "promtool"},
            # It evaluates rules and finds no services: without all clouds' clients it is built in half the time.
            tags="remove_all_sd",
        ),
        GoTool(
            name="actionlint",
            # renovate: datasource=go depName=github.com/rhysd/actionlint
            module="github.com/rhysd/actionlint",
            version="v1.7.12",
            licence="MIT",
            commands={"cmd/actionlint": "actionlint"},
        ),
        GoTool(
            name="plugin-barman-cloud",
            # Held at what the chart BARMAN_CLOUD of `versions` installs.
            # renovate: datasource=go depName=github.com/cloudnative-pg/plugin-barman-cloud
            module="github.com/cloudnative-pg/plugin-barman-cloud",
            version="v0.13.0",
            licence="Apache-2.0",
            commands={"cmd/manager": "barman-cloud-manager"},
        ),
    )
}


def environment() -> dict[str, str]:
    """The environment of every Go command: static binaries, no stamps of version control or paths, the user's caches.

    The linker drops what debuggers read, so the compiler is told not to write it; and most compilers end before they
    have collected any memory.
    """
    flags = "-buildvcs=false -trimpath -gcflags=all=-dwarf=false"
    memory = {"GOGC": "off", "GOMEMLIMIT": "1536MiB"}
    return os.environ | {"CGO_ENABLED": "0", "GOFLAGS": flags, "GOWORK": "off"} | memory


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
    """Where the module's source lies: manifests are read there too."""
    return Path(go(["list", "-m", "-f", "{{.Dir}}", tool.module], prepared(tool, work)).strip())


def prepared(tool: GoTool, work: Path) -> Path:
    """A build folder with the tool's pinned go.mod and go.sum, apart from the checkout, which stays clean."""
    folder = work / tool.name
    folder.mkdir(parents=True, exist_ok=True)
    for file in (MODULES / tool.name).iterdir():
        shutil.copyfile(file, folder / file.name)
    go(["mod", "download", tool.module], folder)
    if tool.links:
        repair(tool, folder)
    return folder


def downloaded(tool: GoTool, folder: Path) -> Path:
    """The module's folder in the module cache, downloaded if need be."""
    return Path(json.loads(go(["mod", "download", "-json", f"{tool.module}@{tool.version}"], folder))["Dir"])


def repair(tool: GoTool, folder: Path) -> None:
    """Replaces a module whose zip lost its symbolic links by a copy that has them."""
    source = downloaded(tool, folder)
    copy = folder / f"source-{tool.version}"
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
        unfinished.rename(copy)
    go(["mod", "edit", f"-replace={tool.module}={copy}"], folder)


def key(tool: GoTool) -> str:
    return key_of(repr(tool) + tool.tags, MODULES / tool.name)


def fetch(tool: GoTool, paths: Paths) -> None:
    """Downloads the modules that the build takes packages from, and no others of its graph."""
    folder = prepared(tool, paths.cache / "go")
    if packages := [package_path(tool, package) for package in tool.commands]:
        go(["list", "-deps", f"-tags={tool.tags}", *packages], folder)


def build(tool: GoTool, paths: Paths) -> None:
    """Builds all commands of a tool into the cache's bin folder; a cut-off build leaves no half-written binary."""
    flags = [f"-tags={tool.tags}", "-ldflags", f"-s -w {tool.ldflags}".strip()]
    packages = {package_path(tool, package): binary for package, binary in tool.commands.items()}
    compile_into(paths.bin, packages, flags, prepared(tool, paths.cache / "go"))


def compile_into(target: Path, packages: Mapping[str, str], flags: Sequence[str], folder: Path) -> None:
    """Builds packages (path → name of its binary) in one go, so that one is linked while another is compiled."""
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
    """What the Go command calls a package of the table."""
    return {".": tool.module, OWN: "."}.get(package, f"{tool.module}/{package}")


if __name__ == "__main__":
    cache = Paths.default()
    cache.bin.mkdir(parents=True, exist_ok=True)
    for name in sys.argv[1:]:
        build(TOOLS[name], cache)
