"""The policy pack in the engine: a preview of the whole `local` stack, as it is, weakened, and not known yet."""

import asyncio
from pathlib import Path
from typing import Any

import pulumi
import pytest

from components.kit import pod
from local.paths import Paths
from tests.e2e.empty_stack import Preview, preview
from tests.e2e.station import Timed

pytestmark = pytest.mark.e2e

KEY = "allowPrivilegeEscalation"


def previewed(folder: Path) -> Preview:
    return preview("local", folder, Paths.default().kubeconfig, pack=True)


def test_the_whole_stack_is_previewed_without_a_violation(tmp_path: Path, timed: Timed) -> None:
    with timed("a preview of the whole stack, policy pack included"):
        outcome = previewed(tmp_path)
    assert outcome.error == ""
    assert outcome.found == []
    assert outcome.resources > 80


def test_a_setting_that_a_component_drops_fails_the_preview_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weak = {key: value for key, value in pod.container_security_context().items() if key != KEY}
    monkeypatch.setattr(pod, "container_security_context", lambda: weak)
    outcome = previewed(tmp_path)
    message = f"spec.template.spec.containers[0].securityContext.{KEY} is not set; must be false; set it to false"
    assert outcome.error != ""
    assert any(f'container "mlflow": {message}' in found for _, found in outcome.found)


def test_what_a_preview_cannot_know_is_not_known_yet_and_never_passed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = pod.container_security_context()
    monkeypatch.setattr(pod, "container_security_context", lambda: {**known, KEY: unknown()})
    outcome = previewed(tmp_path)
    assert outcome.error == ""
    assert {policy for policy, _ in outcome.found} == {"not-known-yet"}
    field = f"spec.template.spec.containers[0].securityContext.{KEY}"
    message = f'container "mlflow": {field} is not known yet; must be false'
    assert any(message in found for _, found in outcome.found)


def test_an_operator_that_the_cluster_should_have_brought_and_has_not_fails_the_preview_by_name(tmp_path: Path) -> None:
    brought = {key: {"install": False} for key in ("argoWorkflows", "argoEvents", "certManager", "cloudNativePg")}
    platform = brought | {"kserve": {"install": False, "mode": "standard"}, "knative": {"install": False}}
    kubeconfig = Paths.default().kubeconfig
    outcome = preview("local", tmp_path, kubeconfig, pack=False, changes={"platform": platform})
    message = (
        "ml-loop:platform.knative.install: false is not allowed; expected serving.knative.dev/v1 Service "
        "on ml-loop-local. Set it to true, or install Knative Serving with Kourier in the cluster."
    )
    assert message in outcome.error


def unknown() -> pulumi.Output[Any]:
    """What an attribute that only the update will know is in a preview."""

    def settled(value: Any) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        future.set_result(value)
        return future

    return pulumi.Output(set(), settled(None), settled(False), settled(False))
