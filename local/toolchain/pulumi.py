"""The Pulumi CLI and its plugins: what is installed is used; else the CLI is built, and stand-ins serve as plugins."""

import os
import re
import shutil
from importlib.metadata import version
from pathlib import Path
from typing import Final

from local.paths import REPOSITORY, Paths
from local.shell import run, succeeds
from local.steps import key_of

SDK: Final = version("pulumi")
KUBERNETES: Final = version("pulumi-kubernetes")
PLUGINS: Final = REPOSITORY / "local" / "plugins"
PLUGIN: Final = f"resource-kubernetes-v{KUBERNETES}"
STAND_IN: Final = "pulumi-resource-kubernetes"
POLICY_HOST: Final = "pulumi-analyzer-policy-python"


def installed() -> Path | None:
    """A Pulumi CLI on PATH that is at least as new as the SDK."""
    found = shutil.which("pulumi")
    if found is None:
        return None
    told = re.search(r"\d+\.\d+\.\d+", run(found, "version"))
    return Path(found) if told and tuple(map(int, told[0].split("."))) >= tuple(map(int, SDK.split("."))) else None


def users_own(paths: Paths) -> Path | None:
    """The user's own CLI, which is used instead of one of ours; none where the one on PATH is ours.

    Resolved, as the one on PATH may be the link that `link` left, which must not become a link to itself.
    """
    found = installed()
    return found.resolve() if found is not None and found.resolve().parent != paths.bin.resolve() else None


def link(found: Path, paths: Paths) -> str:
    """Puts the user's own CLI into the cache's bin folder; the note says where it came from."""
    target = paths.bin / "pulumi"
    target.unlink(missing_ok=True)
    target.symlink_to(found)
    return f"found {found}"


def provide_plugins(paths: Paths) -> str:
    """Links the stand-ins for plugins that cannot be installed. The note says so, because the two are not the same."""
    folder = plugins(paths)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if shutil.which(POLICY_HOST) is None:
        (folder / POLICY_HOST).symlink_to(PLUGINS / POLICY_HOST)
    if official_plugin(paths):
        return f"official kubernetes plugin v{KUBERNETES}"
    (folder / STAND_IN).symlink_to(PLUGINS / STAND_IN)
    return "stand-in for the kubernetes plugin, which cannot be downloaded here"


def official_plugin(paths: Paths) -> bool:
    """Whether Pulumi's own kubernetes plugin is installed, or can be now."""
    folder = home(paths) / "plugins" / PLUGIN
    if users_plugin().exists() and not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.symlink_to(users_plugin())
    if folder.exists():
        return True
    arguments = (str(paths.bin / "pulumi"), "plugin", "install", "resource", "kubernetes", f"v{KUBERNETES}")
    return succeeds("timeout", "120", "env", f"PULUMI_HOME={home(paths)}", *arguments)


def users_plugin() -> Path:
    """Where the user's own Pulumi keeps the plugin."""
    return Path.home() / ".pulumi" / "plugins" / PLUGIN


def plugins(paths: Paths) -> Path:
    """Folder that comes first on the CLI's PATH, for the built-in cluster only."""
    return paths.cache / "plugins"


def plugins_key() -> str:
    return key_of(SDK, KUBERNETES, str(PLUGINS), str(users_plugin().exists()))


def home(paths: Paths) -> Path:
    return paths.cache / "pulumi-home"


def environment(paths: Paths, python: str) -> dict[str, str]:
    """The environment of the CLI and of the plugins that it starts. The passphrase is in a file, never in an argument
    or a variable.
    """
    search = [str(plugins(paths)), str(paths.bin), os.environ.get("PATH", "")]
    return {
        "PATH": os.pathsep.join(search),
        "PULUMI_HOME": str(home(paths)),
        "PULUMI_BACKEND_URL": paths.backend,
        "PULUMI_CONFIG_PASSPHRASE_FILE": str(paths.stack / "passphrase"),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DIY_BACKEND_DISABLE_CHECKPOINT_BACKUPS": "true",
        "ML_LOOP_PYTHON": python,
    }


def language_host() -> str | None:
    """The official language host, which comes with the official CLI only."""
    return shutil.which("pulumi-language-python")
