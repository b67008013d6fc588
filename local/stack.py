"""Drives the program through Pulumi's Automation API: the SDK hosts the program, so no language plugin is needed.

It is the same `__main__.py` that plain `pulumi up` runs, with the same configuration.
"""

import json
import os
import runpy
import secrets
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import yaml
from pulumi import automation

from local import yaml12
from local.paths import REPOSITORY, Paths
from local.shell import run
from local.steps import StepError
from local.toolchain import pulumi
from restore.engine import reason
from settings.problem import PROJECT

BUILT_IN: Final = "local"
"""The stack of the built-in cluster."""
UPSERT: Final = "PULUMI_K8S_UPSERT_EXISTING_OBJECTS"
"""Lets the kubernetes plugin take over an object that the state does not know."""
SECRETS: Final = ("storeSecretKey", "logsSecretKey", "trackingSecretKey")


def render(stack: str, paths: Paths, images: Mapping[str, str], guests: Mapping[str, Any] | None = None) -> Path:
    """Writes the stack's configuration for this machine: the committed file, the secrets kept, the images built here.

    `guests` are models beside the file's own.

    With images it is the built-in cluster's stack, and gets that cluster's kubeconfig. The committed file stays as it
    is. The result also serves plain `pulumi up --config-file`.
    """
    paths.stack.mkdir(mode=0o700, parents=True, exist_ok=True)
    passphrase = paths.stack / "passphrase"
    if not passphrase.exists():
        passphrase.touch(mode=0o600)
        passphrase.write_text(secrets.token_urlsafe(32))
    target = paths.stack / f"Pulumi.{stack}.yaml"
    kept = yaml12.load(target.read_text()) if target.exists() else {}
    rendered = yaml12.load((REPOSITORY / f"Pulumi.{stack}.yaml").read_text())
    config = rendered.setdefault("config", {})
    for key in SECRETS:
        name = f"{PROJECT}:{key}"
        if name in kept.get("config", {}):
            config.setdefault(name, kept["config"][name])
    if images:
        config[f"{PROJECT}:images"] = dict(images) | config.get(f"{PROJECT}:images", {})
        config[f"{PROJECT}:cluster"]["kubeconfig"] = str(paths.kubeconfig)
    if guests:
        config[f"{PROJECT}:models"] = config.get(f"{PROJECT}:models", {}) | dict(guests)
    if "encryptionsalt" in kept:
        rendered["encryptionsalt"] = kept["encryptionsalt"]
    target.write_text(yaml.safe_dump(rendered, sort_keys=False))
    return target


def applied(stack: str, paths: Paths) -> Mapping[str, Any]:
    """The configuration as `render` wrote it for the last `up`."""
    return yaml12.load((paths.stack / f"Pulumi.{stack}.yaml").read_text())["config"]


def select(stack: str, paths: Paths) -> automation.Stack:
    """The stack, created if need be. Its configuration must have been rendered."""
    project = yaml.safe_load((REPOSITORY / "Pulumi.yaml").read_text())
    settings = automation.ProjectSettings(
        name=PROJECT,
        runtime="python",
        description=project["description"],
        backend=automation.ProjectBackend(paths.backend),
    )
    options = automation.LocalWorkspaceOptions(
        work_dir=str(paths.stack),
        project_settings=settings,
        env_vars=pulumi.environment(paths, sys.executable),
        pulumi_command=automation.PulumiCommand(root=str(paths.cache)),
    )
    return automation.create_or_select_stack(stack, PROJECT, program, opts=options)


def drop_stale_locks(paths: Paths) -> None:
    """Deletes the locks of a killed Pulumi, which would keep everyone from the stack for good."""
    for lock in (paths.stack / ".pulumi" / "locks").rglob("*.json"):
        holder = Path(f"/proc/{json.loads(lock.read_text())['pid']}")
        with suppress(FileNotFoundError):
            # A zombie has a name, but no arguments any more.
            if (holder / "comm").read_text().strip() == "pulumi" and (holder / "cmdline").read_bytes():
                continue
        killed(paths).touch()
        lock.unlink()


def killed(paths: Paths) -> Path:
    """A file that exists until an `up` succeeds after one was killed."""
    return paths.stack / "killed"


def heal(selected: automation.Stack, paths: Paths) -> None:
    """Lets an `up` continue where a killed one has left the stack."""
    drop_stale_locks(paths)
    if killed(paths).exists():
        # What it made last is in the cluster, and not yet in the state, or in it as a pending operation.
        selected.workspace.env_vars = {**selected.workspace.env_vars, UPSERT: "true"}
        selected.refresh(clear_pending_creates=True)


def make_secrets(stack: str, paths: Paths) -> None:
    """Makes the secrets that only have to be random, on first use. They go by standard input, never as arguments."""
    config = applied(stack, paths)
    environment = os.environ | pulumi.environment(paths, sys.executable)
    for key in SECRETS:
        if f"{PROJECT}:{key}" not in config:
            command = (str(paths.bin / "pulumi"), "config", "set", "--secret", f"{PROJECT}:{key}", "--stack", stack)
            run(*command, "--cwd", str(paths.stack), stdin=secrets.token_hex(24), env=environment)


def context_of(stack: str) -> str:
    """The kubeconfig context that a stack's committed file names."""
    file = REPOSITORY / f"Pulumi.{stack}.yaml"
    if not file.exists():
        raise StepError(
            f"there is no Pulumi.{stack}.yaml; `pulumi stack init {stack}` and a copy of Pulumi.dev.yaml make one"
        )
    return yaml.safe_load(file.read_text())["config"][f"{PROJECT}:cluster"]["context"]


def wants_backups(stack: str) -> bool:
    """Whether a stack's committed file asks for backups of MLflow's database. Only the program validates the file."""
    return committed(stack, "tracking", "postgres", "backup") is not None


def enforces_policies(stack: str) -> bool:
    """Whether a stack's committed file says that its cluster enforces NetworkPolicies: the built-in one then does."""
    return committed(stack, "cluster", "enforcesNetworkPolicies") is True


def committed(stack: str, section: str, *keys: str) -> Any:
    """What a stack's committed file holds at a setting; None where it holds nothing."""
    found: Any = yaml12.load((REPOSITORY / f"Pulumi.{stack}.yaml").read_text())["config"]
    for key in (f"{PROJECT}:{section}", *keys):
        found = found.get(key) if isinstance(found, Mapping) else None
    return found


def program() -> None:
    """Runs the checkout's program; a second run in one process starts afresh."""
    runpy.run_path(str(REPOSITORY / "__main__.py"), run_name="__main__")


def up(
    stack: str,
    paths: Paths,
    images: Mapping[str, str],
    show: Callable[[str], None],
    guests: Mapping[str, Any] | None = None,
) -> Mapping[str, Any]:
    """Applies the program under the policy pack. Returns the outputs without secrets."""
    options: dict[str, Any] = {"on_output": show, "color": "never", "suppress_progress": True}
    if (REPOSITORY / "policy" / "PulumiPolicy.yaml").exists():
        options["policy_packs"] = [str(REPOSITORY / "policy")]
    try:
        result = ready(stack, paths, images, guests).up(**options)
    except automation.CommandError as error:
        raise StepError(reason(str(error))) from None
    killed(paths).unlink(missing_ok=True)
    return plain(result.outputs)


def ready(
    stack: str, paths: Paths, images: Mapping[str, str], guests: Mapping[str, Any] | None = None
) -> automation.Stack:
    """The stack with its configuration and secrets, without stale locks. Raises CommandError."""
    render(stack, paths, images, guests)
    selected = select(stack, paths)
    make_secrets(stack, paths)
    heal(selected, paths)
    return selected


def outputs(stack: str, paths: Paths) -> Mapping[str, Any]:
    """The outputs of the last `up`; empty where there was none."""
    if not (paths.stack / f"Pulumi.{stack}.yaml").exists():
        return {}
    return plain(select(stack, paths).outputs())


def plain(values: Mapping[str, automation.OutputValue]) -> Mapping[str, Any]:
    return {name: value.value for name, value in values.items() if not value.secret}
