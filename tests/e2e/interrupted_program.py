"""A program that is killed in the middle of its `up`: run as a process of its own, with what to make as an argument.

`python -m tests.e2e.interrupted_program FOLDER KUBECONFIG STATE`: STATE is `nothing`, `made` or `changed`.
"""

import os
import sys
from pathlib import Path
from typing import Any, Final

import pulumi
import pulumi_kubernetes as k8s
from pulumi import automation as auto

from local import stack as driver
from local.paths import Paths
from tests.e2e.control_plane import namespace, workload
from tests.e2e.empty_stack import Apart

NAMESPACE: Final = "cut"
STACK: Final = "test"


def resources(state: str, opts: pulumi.ResourceOptions) -> None:
    """Ten objects; between `made` and `changed` some are updated, replaced, deleted and made."""
    if state == "nothing":
        return
    changed = state == "changed"
    inside = namespace(NAMESPACE, opts)
    for number in range(3, 8) if changed else range(5):
        metadata: Any = {"name": f"settings-{number}", "namespace": inside}
        k8s.core.v1.ConfigMap(f"settings-{number}", metadata=metadata, data={"state": state}, opts=opts)
    workload("scaled", inside, opts, replicas=2 if changed else 1)
    workload("replaced", inside, opts, label="new" if changed else "old")
    metadata = {"name": "key", "namespace": inside}
    k8s.core.v1.Secret("key", metadata=metadata, string_data={"password": f"of-{state}"}, opts=opts)
    k8s.core.v1.ServiceAccount("account", metadata={"namespace": inside}, opts=opts)


def select(apart: Apart, kubeconfig: Path, state: str) -> auto.Stack:
    """The stack, whose program makes what `state` says."""

    def program() -> None:
        provider = k8s.Provider("cluster", kubeconfig=str(kubeconfig), cluster_identifier="the-one")
        resources(state, pulumi.ResourceOptions(provider=provider))

    settings = auto.ProjectSettings("interrupted", "python", backend=auto.ProjectBackend(apart.backend))
    options = auto.LocalWorkspaceOptions(
        work_dir=str(apart.stack), project_settings=settings, env_vars=dict(os.environ)
    )
    return auto.create_or_select_stack(STACK, "interrupted", program, opts=options)


def main() -> None:
    folder, kubeconfig, state = sys.argv[1:]
    apart = Apart(Paths.default().cache, Path(folder))
    selected = select(apart, Path(kubeconfig), state)
    driver.heal(selected, apart)
    selected.up(on_output=print)
    driver.killed(apart).unlink(missing_ok=True)


if __name__ == "__main__":
    main()
