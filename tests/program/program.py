"""The program with the stack files of this repository, under the recording engine."""

import json
import runpy
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from pulumi.runtime import config

import checks
import versions
from checks import identity, trainings
from settings import Settings
from tests.program.mocks import Recording, record

ROOT: Final = Path(versions.__file__).parent.parent
SECRETS: Final = {
    "ml-loop:storeSecretKey": "store-key-of-the-test",
    "ml-loop:logsSecretKey": "logs-key-of-the-test",
    "ml-loop:trackingSecretKey": "session-key-of-the-test",
}
KUBE_SYSTEM: Final = "0b2f9c1e-8d0f-4c53-9a55-3f7d0a3f7c11"
"""The uid of the cluster's namespace kube-system."""
KNATIVE: Final = {
    **{key: {"install": True} for key in ("argoWorkflows", "argoEvents", "certManager", "knative", "cloudNativePg")},
    "kserve": {"install": True, "mode": "knative"},
}
"""The setting `platform` of a stack that serves on Knative."""
IMAGES: Final = {name: f"{pin.repository}:{pin.tag}@sha256:{64 * '0'}" for name, pin in versions.IMAGES.items()}
"""Every image by a digest, as a stack's `images` setting has them."""
GATE: Final = {"training": {"image": "recommender", "gate": {"metric": "auc", "minimum": 0.7}}}
Run = Callable[..., Recording]
"""`run("local", {"tracking": {...}})`: the program with a stack file and changes to its keys."""


def nothing_runs(_: Settings) -> Mapping[str, trainings.Specs]:
    """Stands for the trainings of the cluster."""
    return {}


def known_by(stack: Settings) -> str:
    """Stands for what the cluster says of itself."""
    return stack.cluster.identifier or KUBE_SYSTEM


def run(
    stack: str,
    kubeconfig: Path,
    changes: Mapping[str, Any] | None = None,
    check: Callable[[Settings], None] = lambda _: None,
) -> Recording:
    """Runs the program with a stack file and changes to its keys; `kubeconfig` is written, with the stack's context.

    `check` stands for what is asked of the cluster.
    """
    values: dict[str, Any] = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text(encoding="utf-8"))["config"]
    values |= {f"ml-loop:{key}": value for key, value in (changes or {}).items()} | SECRETS
    contexts = [{"name": values["ml-loop:cluster"]["context"]}]
    kubeconfig.write_text(json.dumps({"contexts": contexts}), encoding="utf-8")
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in values.items()}
    config.set_all_config(texts, list(SECRETS))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KUBECONFIG", str(kubeconfig))
        patch.setattr(checks, "run", check)
        patch.setattr(trainings, "templates_in_use", nothing_runs)
        patch.setattr(identity, "identity", known_by)
        return record(lambda: runpy.run_path(str(ROOT / "__main__.py"), run_name="__main__"), stack)
