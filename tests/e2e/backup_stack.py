"""A tracking station with backups: the whole program, by a state of its own, beside the station of all tests.

Its store is not AWS's, and not the bundled one: TLS by an authority of its own, and another region.
"""

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import yaml
from mlflow import MlflowClient
from pulumi import automation
from rich.console import Console

from local import stack
from local.display import Display
from local.images.oci import Archive
from local.images.table import IMAGES
from local.operators import BARMAN_CLOUD
from local.paths import REPOSITORY, Paths
from local.plan import Plan
from local.shell import run
from local.steps import Runner, Step
from settings.problem import PROJECT
from tests.e2e.empty_stack import Apart
from tests.e2e.foreign_store import ForeignStore

NAME: Final = "backup"
"""Of the stack: the namespaces of one with the same name as ours would count as its own, and block it."""
NAMESPACE: Final = "backup"
LOOP: Final = "backup-loop"
NODE_PORT: Final = 30502
ADDRESS: Final = f"http://10.173.0.1:{NODE_PORT}"
SETTINGS: Final[dict[str, Any]] = {
    "namespace": LOOP,
    "tracking": {
        "namespace": NAMESPACE,
        "replicas": 1,
        "nodePort": NODE_PORT,
        "postgres": {"instances": 1, "storage": "1Gi", "backup": {}},
    },
}
LEFT_OUT: Final = ("gateway", "kafka", "models", "page")


@dataclass
class BackupStack:
    """One stack; `folder` has its state. Its models and backups are in a store that is not its own."""

    folder: Path
    store: ForeignStore
    paths: Apart = field(init=False)

    def __post_init__(self) -> None:
        self.paths = Apart(Paths.default().cache, self.folder)
        self.folder.mkdir(exist_ok=True)
        self.paths.kubeconfig.symlink_to(Paths.default().kubeconfig)

    @cached_property
    def pulumi(self) -> automation.Stack:
        """The stack, with the settings of the built-in one where ours say nothing."""
        images = {each.name: Archive(each, self.paths).reference for each in IMAGES if each.stack}
        file = stack.render(stack.BUILT_IN, self.paths, images)
        rendered = yaml.safe_load(file.read_text())
        config = {key: value for key, value in rendered["config"].items() if key.partition(":")[2] not in LEFT_OUT}
        settings = SETTINGS | {"artifacts": self.store.settings}
        rendered["config"] = config | {f"{PROJECT}:{key}": value for key, value in settings.items()}
        file.rename(file.with_name(f"Pulumi.{NAME}.yaml")).write_text(yaml.safe_dump(rendered))
        selected = stack.select(NAME, self.paths)
        stack.make_secrets(NAME, self.paths)
        return selected

    def up(self) -> None:
        """What `make up` does. Raises CommandError."""
        self.pulumi.up(color="never", suppress_progress=True, policy_packs=[str(REPOSITORY / "policy")])

    def ask_for_restore(self, archive: str, until: str) -> None:
        """The change that is reviewed: a new archive to write, and the old one's moment."""
        backup = "ml-loop:tracking.postgres.backup"
        for key, value in (("archive", f"{archive}-2"), ("restore.archive", archive), ("restore.until", until)):
            self.pulumi.set_config(f"{backup}.{key}", automation.ConfigValue(value), path=True)

    def protect(self) -> None:
        """As a production stack does by itself."""
        (database,) = [each for each in self.urns() if each.endswith("::mlflow-db-cluster")]
        workspace = self.pulumi.workspace
        arguments = ["state", "protect", database, "--stack", self.pulumi.name, "--yes"]
        workspace.pulumi_command.run(arguments, workspace.work_dir, dict(workspace.env_vars))

    def urns(self) -> Iterator[str]:
        """Of all that the stack has."""
        state: Any = self.pulumi.export_stack().deployment
        return (each["urn"] for each in state["resources"])

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        command = [str(self.paths.bin / "kubectl"), f"--kubeconfig={self.paths.kubeconfig}"]
        return run(*command, *arguments, stdin=stdin)

    def read(self, kind: str, name: str, namespace: str = NAMESPACE) -> Any:
        return json.loads(self.kubectl("get", kind, name, "-n", namespace, "-o", "json"))

    def backups(self) -> list[str]:
        """The phases of base backups."""
        items = json.loads(self.kubectl("get", "backups.postgresql.cnpg.io", "-n", NAMESPACE, "-o", "json"))["items"]
        return [each.get("status", {}).get("phase", "new") for each in items]

    @property
    def registry(self) -> MlflowClient:
        return MlflowClient(tracking_uri=ADDRESS)

    def delete(self) -> None:
        """Everything of it; its state is in a folder that nobody keeps."""
        namespaced = f"{NAMESPACE}-mlflow-token-review"
        self.kubectl("delete", "clusterrolebinding,clusterrole", namespaced, "--ignore-not-found")
        self.kubectl("delete", "namespace", NAMESPACE, LOOP, "--ignore-not-found", "--wait=false")


def provide_plugin(paths: Paths) -> None:
    """What `make up` adds for a stack with backups; everything else of the cluster is up."""
    steps = Plan(paths, backups=True).steps()
    Runner(paths.steps, Display(Console())).run(list(needed(steps, f"operator {BARMAN_CLOUD.name}")))


def needed(steps: Sequence[Step], name: str) -> Iterator[Step]:
    """A step and all that it needs, in the order of `steps`."""
    known, wanted, waiting = {step.name: step for step in steps}, {name}, [name]
    while waiting:
        new = set(known[waiting.pop()].needs) - wanted
        wanted |= new
        waiting += new
    return (step for step in steps if step.name in wanted)


def moment() -> str:
    """A moment after all that was done and before all that will be: settings know seconds only."""
    now = datetime.now(UTC)
    time.sleep(1 - now.microsecond / 1e6)
    told = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    time.sleep(1)
    return told
