"""The stand-in provider through the Pulumi engine, against a real API server and its controllers. No pod runs."""

from __future__ import annotations

import base64
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pulumi
import pulumi_kubernetes as k8s
import pytest
from pulumi import automation as auto
from pulumi_kubernetes.apiextensions import CustomResource

from tests.e2e.control_plane import (
    CACHE,
    PASSWORD,
    ROOT,
    ControlPlane,
    Program,
    control_plane,
    free_ports,
    kubeconfig,
    namespace,
    workload,
)

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    with control_plane(tmp_path_factory.mktemp("plane")) as plane:
        yield plane


@pytest.fixture
def program(plane: ControlPlane, tmp_path: Path) -> Iterator[Program]:
    """An empty stack on the control plane; destroyed at the end."""
    settings = auto.ProjectSettings("provider", "python", backend=auto.ProjectBackend(f"file://{tmp_path}"))
    # All of it set here: the exports of `make env`, which name another backend, are in the environment, too.
    environment = {
        "PULUMI_BACKEND_URL": f"file://{tmp_path}",
        "PATH": f"{ROOT / 'local/plugins'}:{CACHE / 'bin'}:{os.environ['PATH']}",
        "ML_LOOP_PYTHON": sys.executable,
        "PULUMI_CONFIG_PASSPHRASE": "test",
        "PULUMI_HOME": str(tmp_path / "home"),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
    }

    def run() -> None:
        provider = k8s.Provider("cluster", program.cluster)
        program.resources(pulumi.ResourceOptions(provider=provider))

    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        patch.delenv("PULUMI_CONFIG_PASSPHRASE_FILE", raising=False)
        options = auto.LocalWorkspaceOptions(project_settings=settings, env_vars=environment)
        stack = auto.create_or_select_stack("test", "provider", run, opts=options)
        known = k8s.ProviderArgs(kubeconfig=str(plane.kubeconfig), context="provider-test")
        program = Program(stack, tmp_path / ".pulumi/stacks/provider/test.json", lambda _: None, known)
        yield program
        stack.destroy()


def test_a_stack_is_created_kept_updated_replaced_and_destroyed(program: Program, plane: ControlPlane) -> None:
    change: dict[str, Any] = {}

    def resources(opts: pulumi.ResourceOptions) -> None:
        workload("app", namespace("life", opts), opts, **change)

    program.resources = resources
    assert program.up() == {"create": 4}
    assert program.up() == {"same": 4}
    change["replicas"] = 2
    assert program.up() == {"same": 3, "update": 1}
    assert plane.kubectl("get", "deployment", "app", "-n", "life", "-o", "jsonpath={.spec.replicas}") == "2"
    change["label"] = "renamed"
    assert program.up() == {"same": 3, "replace": 1}
    assert plane.kubectl(
        "get", "deployment", "app", "-n", "life", "-o", "jsonpath={.spec.selector.matchLabels.app}"
    ) == ("renamed")
    program.stack.destroy()
    assert plane.kubectl("get", "namespace", "life", "--ignore-not-found") == ""


def test_no_secret_is_in_the_state_in_clear(program: Program, plane: ControlPlane) -> None:
    def resources(opts: pulumi.ResourceOptions) -> None:
        inside = namespace("secrets", opts)
        metadata: Any = {"name": "key", "namespace": inside}
        k8s.core.v1.Secret("key", metadata=metadata, string_data={"password": PASSWORD}, opts=opts)
        workload("app", inside, opts)

    program.resources = resources
    program.up()
    state = program.state.read_text()
    assert '"id":"secrets/key"' in state
    assert PASSWORD not in state
    assert plane.kubectl("get", "secret", "key", "-n", "secrets", "-o", "jsonpath={.data.password}") not in state


def test_a_custom_resource_and_its_definition_come_up_together(program: Program, plane: ControlPlane) -> None:
    schema = {"type": "object", "properties": {"spec": {"type": "object", "properties": {"n": {"type": "integer"}}}}}

    def resources(opts: pulumi.ResourceOptions) -> None:
        definition: Any = {
            "group": "argoproj.io",
            "scope": "Namespaced",
            "names": {"kind": "Widget", "plural": "widgets"},
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}],
        }
        k8s.apiextensions.v1.CustomResourceDefinition(
            "widgets", metadata={"name": "widgets.argoproj.io"}, spec=definition, opts=opts
        )
        metadata: Any = {"name": "one", "namespace": namespace("custom", opts)}
        CustomResource("one", api_version="argoproj.io/v1", kind="Widget", metadata=metadata, spec={"n": 3}, opts=opts)

    program.resources = resources
    program.up()
    assert plane.kubectl("get", "widget", "one", "-n", "custom", "-o", "jsonpath={.spec.n}") == "3"


def test_a_misspelt_field_is_refused_by_name(program: Program) -> None:
    def resources(opts: pulumi.ResourceOptions) -> None:
        metadata: Any = {"name": "quota", "namespace": namespace("strict", opts)}
        spec: Any = {"hrad": {"pods": "1"}}
        CustomResource("quota", api_version="v1", kind="ResourceQuota", metadata=metadata, spec=spec, opts=opts)

    program.resources = resources
    failure = program.failure()
    assert "ResourceQuota strict/quota: " in failure
    assert ".spec.hrad: field not declared in schema" in failure


def test_drift_is_restored_after_a_refresh_and_refused_before_it(program: Program, plane: ControlPlane) -> None:
    change: dict[str, Any] = {}
    program.resources = lambda opts: workload("app", namespace("drift", opts), opts, **change)
    program.up()
    plane.kubectl("scale", "deployment", "app", "-n", "drift", "--replicas=5")
    change["replicas"] = 2
    assert 'another manager changed (.spec.replicas: conflict with "kubectl"' in program.failure()
    program.stack.refresh()
    assert program.up() == {"same": 3, "update": 1}
    assert plane.kubectl("get", "deployment", "app", "-n", "drift", "-o", "jsonpath={.spec.replicas}") == "2"


def test_an_object_deleted_by_hand_is_made_again_after_a_refresh(program: Program, plane: ControlPlane) -> None:
    program.resources = lambda opts: workload("app", namespace("gone", opts), opts)
    program.up()
    plane.kubectl("delete", "deployment", "app", "-n", "gone")
    program.stack.refresh()
    assert program.up() == {"same": 3, "create": 1}


def test_an_object_that_is_not_ours_is_not_taken_over(program: Program, plane: ControlPlane) -> None:
    plane.kubectl("create", "namespace", "foreign")
    program.resources = lambda opts: (namespace("foreign", opts), None)[1]
    assert "Namespace foreign already exists and is not in this stack" in program.failure()
    assert plane.kubectl("get", "namespace", "foreign", "-o", "jsonpath={.status.phase}") == "Active"


def test_a_deployment_that_pod_security_refuses_fails_with_the_reason_and_stays_in_state(program: Program) -> None:
    restricted = {"pod-security.kubernetes.io/enforce": "restricted"}

    def resources(opts: pulumi.ResourceOptions) -> None:
        metadata: Any = {"name": "psa", "labels": restricted}
        inside = k8s.core.v1.Namespace("psa", metadata=metadata, opts=opts).metadata["name"]
        workload("app", inside, opts, annotations={"pulumi.com/timeoutSeconds": "60"})

    program.resources = resources
    failure = program.failure()
    assert "Deployment psa/app is not ready: pods are refused:" in failure
    assert 'violates PodSecurity "restricted:latest"' in failure
    assert '"id":"psa/app"' in program.state.read_text()


def test_a_wait_ends_at_its_timeout_with_what_was_waited_for(program: Program) -> None:
    def resources(opts: pulumi.ResourceOptions) -> None:
        metadata: Any = {"name": "slow", "annotations": {"pulumi.com/waitFor": "condition=Ready"}}
        limits = pulumi.ResourceOptions(custom_timeouts=pulumi.CustomTimeouts(create="2s"))
        k8s.core.v1.Namespace("slow", metadata=metadata, opts=pulumi.ResourceOptions.merge(opts, limits))

    program.resources = resources
    assert "Namespace slow is not ready: waiting for condition=Ready (after 2 s)" in program.failure()


def test_a_kind_or_a_chart_that_only_the_real_plugin_knows_is_refused_with_the_remedy(program: Program) -> None:
    remedy = "install Pulumi's own kubernetes plugin (`pulumi plugin install resource kubernetes`) and run again"

    def pod(opts: pulumi.ResourceOptions) -> None:
        k8s.core.v1.Pod("pod", spec={"containers": [{"name": "app", "image": "app:1"}]}, opts=opts)

    program.resources = pod
    assert f"v1 Pod is not known to ml-loop's stand-in kubernetes provider: {remedy}" in program.failure()
    program.resources = lambda opts: (k8s.helm.v4.Chart("chart", chart="./chart", opts=opts), None)[1]
    assert f"kubernetes:helm.sh/v4:Chart is not served by ml-loop's stand-in kubernetes provider: {remedy}" in (
        program.failure()
    )


def test_creations_are_previewed_without_a_cluster_and_an_update_says_what_does_not_answer(
    program: Program, plane: ControlPlane, tmp_path: Path
) -> None:
    (port,) = free_ports(1)
    elsewhere = tmp_path / "elsewhere"
    authority = Path(json.loads(plane.kubeconfig.read_text())["clusters"][0]["cluster"]["certificate-authority"])
    elsewhere.write_text(kubeconfig(f"https://127.0.0.1:{port}", "none", authority))

    def resources(opts: pulumi.ResourceOptions) -> None:
        nowhere = k8s.Provider("nowhere", kubeconfig=str(elsewhere), context="provider-test")
        namespace("nowhere", pulumi.ResourceOptions(provider=nowhere))

    program.resources = resources
    changes = program.stack.preview().change_summary
    assert changes == {auto.OpType.CREATE: 4}
    assert f"the cluster of context 'provider-test' at https://127.0.0.1:{port} does not answer" in program.failure()


def test_a_renamed_context_and_a_rotated_certificate_replace_nothing_of_a_cluster_that_has_an_identity(
    program: Program, plane: ControlPlane, tmp_path: Path
) -> None:
    program.resources = lambda opts: workload("app", namespace("identity", opts), opts)
    program.cluster.cluster_identifier = plane.uid
    assert program.up() == {"create": 4}
    known = json.loads(plane.kubeconfig.read_text())
    known["contexts"][0]["name"] = known["current-context"] = "renamed"
    authority = Path(known["clusters"][0]["cluster"].pop("certificate-authority")).read_bytes()
    known["clusters"][0]["cluster"]["certificate-authority-data"] = base64.b64encode(authority).decode()
    renamed = tmp_path / "renamed"
    renamed.write_text(json.dumps(known))
    program.cluster.kubeconfig, program.cluster.context = str(renamed), "renamed"
    assert program.up() == {"same": 3, "update": 1}
    assert program.stack.preview().change_summary == {auto.OpType.SAME: 4}
    program.cluster.cluster_identifier = "another"
    assert program.stack.preview().change_summary.get(auto.OpType.REPLACE) == 3
