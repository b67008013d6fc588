"""Everything that is built from Go modules for the built-in cluster, as one shape: its key, its binaries, its build."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from local.paths import Paths
from local.toolchain import gotools, kubernetes
from local.toolchain.tools import GoTool


@dataclass(frozen=True, kw_only=True)
class Program:
    """What one build leaves in the bin folder."""

    name: str
    binaries: tuple[str, ...]
    links: tuple[tuple[str, str], ...] = ()
    """Name of a link in the bin folder, and the binary that it names."""
    key: Callable[[], str]
    fetch: Callable[[Paths], None]
    """Downloads what the build reads."""
    build: Callable[[Paths], None]
    modules: Callable[[Paths], Iterable[Path]]
    """Folders of the modules that are linked, whose licenses go with the binaries."""


def of_tool(tool: GoTool) -> Program:
    return Program(
        name=tool.name,
        binaries=tuple(tool.commands.values()),
        key=partial(gotools.key, tool),
        fetch=partial(gotools.fetch, tool),
        build=partial(gotools.build, tool),
        modules=partial(gotools.linked_modules, tool),
    )


KUBERNETES = Program(
    name="kubernetes",
    binaries=kubernetes.COMMANDS,
    links=kubernetes.LINKS,
    key=kubernetes.key,
    fetch=kubernetes.fetch,
    build=kubernetes.build,
    modules=kubernetes.linked_modules,
)
