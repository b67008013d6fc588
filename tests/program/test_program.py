"""The program itself, run with the stack files of this repository."""

from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pulumi
import pytest

import versions
from policy.rules import RULES
from policy.verdict import judge
from settings import Settings, SettingsError
from tests.components import walk
from tests.program import program
from tests.program.mocks import Recording
from tests.program.program import Run


@pytest.mark.parametrize("stack", ["local", "dev", "prod"])
def test_each_stack_file_runs_and_passes_the_walks(run: Run, stack: str) -> None:
    recording = run(stack)
    complaints = [
        *walk.orphans(recording),
        *walk.misnamed(recording),
        *walk.strayed(recording, {"kubernetes": "cluster", "aws": "aws"}),
        *walk.silent(recording),
        *walk.unpinned(recording, {pin.reference for pin in versions.IMAGES.values()}),
        *walk.nulls(recording),
        *walk.idle_policies(recording),
        *walk.strangers(recording),
        *(complaint for secret in program.SECRETS.values() for complaint in walk.revealed(recording, secret)),
    ]
    assert complaints == []


def test_the_local_stack_s_outputs_say_where_mlflow_is_and_what_is_installed(run: Run) -> None:
    recording = run("local")
    template = recording.inputs("WorkflowTemplate")["metadata"]["name"]
    assert recording.exports == {
        "mlflow": {"url": "http://mlflow.mlflow.svc.cluster.local:5000", "externalUrl": "http://10.173.0.1:30500"},
        "platform": dict.fromkeys(("certManager", "knative", "barmanCloud"), "not used")
        | dict.fromkeys(("argoWorkflows", "argoEvents", "kserve", "cloudNativePg"), "brought by the cluster"),
        "models": {
            "recommender": {
                "predict": "http://192.0.2.1/v1/models/recommender:predict",
                "template": template,
                "submit": (
                    f"argo submit --from workflowtemplate/{template} -n bookstore-platform-ml "
                    "-l ml-loop.dev/model=recommender --wait"
                ),
                "logs": "s3://ml-loop-logs/logs/recommender",
            }
        },
        "page": "http://10.173.0.1:30501/loop/",
    }


def test_production_s_outputs_name_the_public_host_and_the_charts(run: Run) -> None:
    exports = run("prod").exports
    assert exports["mlflow"]["externalUrl"] == "https://mlflow.example.com"
    assert exports["platform"] == {
        "argoWorkflows": "argo-workflows 1.0.18",
        "argoEvents": "argo-events 2.4.22",
        "certManager": "cert-manager v1.21.1",
        "knative": "not used",
        "kserve": "kserve-resources v0.20.0",
        "cloudNativePg": "cloudnative-pg 0.29.0",
        "barmanCloud": "plugin-barman-cloud 0.7.0",
    }


@pytest.mark.parametrize("mode", [{}, {"platform": program.KNATIVE}], ids=["standard", "knative"])
@pytest.mark.parametrize("stack", ["local", "dev", "prod"])
def test_each_stack_file_passes_the_policy_pack_once_its_images_have_digests(
    run: Run, stack: str, mode: Mapping[str, Any]
) -> None:
    judged = walk.as_stack(run(stack, {"images": program.IMAGES, **mode}), stack)
    verdicts = [judge(rule, resource, judged, (), date(2026, 1, 1)) for rule in RULES for resource in judged.resources]
    assert [line for verdict in verdicts for line in verdict.violations + verdict.unknown] == []


@pytest.mark.parametrize("stack", ["local", "dev", "prod"])
def test_each_stack_file_holds_a_whole_loop(run: Run, stack: str) -> None:
    recording = run(stack)
    stations = ["Training", "Serving", "Front", "DriftMonitor", "AliasWatch", "Retraining"]
    assert recording.exports["models"]["recommender"]["predict"].endswith("/v1/models/recommender:predict")
    assert [kind for kind in stations if not recording.of(kind)] == []


def test_only_production_s_data_is_protected(run: Run) -> None:
    protected = {stack: [each.name for each in run(stack).resources if each.protected] for stack in ("local", "prod")}
    assert protected == {"local": [], "prod": ["artifacts-s3-bucket", "mlflow-db-cluster"]}


def test_protection_is_a_setting_whatever_the_stack_is_called(run: Run) -> None:
    def protected(stack: str, protect: bool) -> list[str]:
        return [each.name for each in run(stack, {"protect": protect}).resources if each.protected]

    assert protected("dev", True) == ["mlflow-db-cluster"]
    assert protected("prod", False) == []


def test_nothing_is_made_on_a_cluster_that_lacks_an_operator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def lacking(_: Settings) -> None:
        raise SettingsError(["KServe is missing"])

    def made(*_: object, **__: object) -> None:
        pytest.fail("something was made")

    monkeypatch.setattr(pulumi.CustomResource, "__init__", made)
    with pytest.raises(SettingsError, match=r"^KServe is missing$"):
        program.run("local", tmp_path / "config", check=lacking)


def test_a_cluster_that_enforces_no_policies_gets_a_warning(run: Run) -> None:
    (warning,) = run("local").warnings
    assert warning == (
        "cluster.enforcesNetworkPolicies is false: every pod of the cluster can reach MLflow, Kafka and the models"
    )


def test_a_cluster_that_enforces_policies_gets_no_warning(run: Run) -> None:
    assert run("prod").warnings == []


def test_the_provider_is_bound_to_the_context_of_the_settings(run: Run) -> None:
    provider = run("dev").inputs("kubernetes", "cluster")
    assert (provider["context"], provider["clusterIdentifier"]) == ("example-dev", program.KUBE_SYSTEM)


def test_a_renamed_context_changes_only_the_provider_s_context(run: Run) -> None:
    renamed = {"cluster": {"context": "renamed", "enforcesNetworkPolicies": False}}
    assert run("dev").changed(run("dev", renamed)) == ["kubernetes context"]


def test_the_settings_may_say_what_the_cluster_is_known_by(run: Run) -> None:
    provider = run("dev", {"cluster": {"context": "renamed", "identifier": "example-dev"}}).inputs(
        "kubernetes", "cluster"
    )
    assert (provider["context"], provider["clusterIdentifier"]) == ("renamed", "example-dev")


def _egress(recording: Recording) -> Iterator[tuple[list[str] | None, list[int]]]:
    """(blocks of addresses, None for anywhere; ports) of each rule that names no pods."""
    for policy in recording.of("NetworkPolicy"):
        for rule in policy.inputs["spec"].get("egress", ()):
            ports = [port["port"] for port in rule.get("ports", ())]
            peers = rule.get("to")
            if peers is None or all("ipBlock" in peer for peer in peers):
                yield peers and [peer["ipBlock"]["cidr"] for peer in peers], ports


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_who_calls_the_api_server_reaches_it_alone_where_its_addresses_are_known(stack: str, run: Run) -> None:
    cluster = {"context": "here", "apiServer": ["10.96.0.1", "10.0.0.0/28"]}
    rules = list(_egress(run(stack, {"cluster": cluster})))
    assert (["10.96.0.1/32", "10.0.0.0/28"], [443, 6443]) in rules
    assert (None, [443, 6443]) not in rules
    assert (None, [443, 6443]) in list(_egress(run(stack)))


def test_names_are_asked_for_where_the_settings_say_in_every_namespace(run: Run) -> None:
    recording = run("prod", {"cluster": {"context": "here", "dns": ["10.96.0.10", "fd00::a"]}})
    policies = [policy for policy in recording.of("NetworkPolicy") if policy.inputs["metadata"]["name"] == "allow-dns"]
    assert len(policies) == len(recording.of("RestrictedNamespace"))
    for policy in policies:
        by_address = [peer["ipBlock"]["cidr"] for peer in policy.inputs["spec"]["egress"][1]["to"]]
        assert by_address == ["169.254.0.0/16", "fe80::/10", "10.96.0.10/32", "fd00::a/128"]


def test_the_stack_s_own_image_replaces_the_pinned_one(run: Run) -> None:
    own = f"ml-loop.local/mlflow@sha256:{64 * '1'}"
    (container,) = run("local", {"images": {"mlflow": own}}).inputs("Deployment", "mlflow-server")["spec"]["template"][
        "spec"
    ]["containers"]
    assert container["image"] == own


def test_at_a_registry_of_one_s_own_every_pinned_image_moves_and_a_named_one_stays(run: Run) -> None:
    own = f"ml-loop.local/mlflow@sha256:{64 * '1'}"
    platform = {"argoWorkflows": {"install": False}, "imageRegistry": "registry.example.com/mirror"}
    recording = run("dev", {"platform": platform, "images": {"mlflow": own}})
    cluster = recording.inputs("Cluster")["spec"]["imageName"]
    assert cluster.startswith("registry.example.com/mirror/cloudnative-pg/postgresql:")
    (container,) = recording.inputs("Deployment", "mlflow-server")["spec"]["template"]["spec"]["containers"]
    assert container["image"] == own


def test_the_database_comes_after_its_operator(run: Run) -> None:
    assert "barman-cloud-chart" in run("prod").only("Postgres").depends_on
    assert "cloudnative-pg-chart" in run("dev").only("Postgres").depends_on


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_a_delivery_by_argo_cd_changes_no_output_and_passes_walks_and_policy_pack(run: Run, stack: str) -> None:
    changes = {"images": program.IMAGES, "tracking": {"delivery": "argocd", "argocd": {"project": "ml"}}}
    recording = run(stack, changes)
    assert recording.exports == run(stack, {"images": program.IMAGES, "tracking": {}}).exports
    assert recording.inputs("Application")["spec"]["project"] == "ml"
    judged = walk.as_stack(recording, stack)
    verdicts = [judge(rule, resource, judged, (), date(2026, 1, 1)) for rule in RULES for resource in judged.resources]
    complaints = [line for verdict in verdicts for line in verdict.violations + verdict.unknown]
    assert [*complaints, *walk.idle_policies(recording), *walk.strangers(recording), *walk.nulls(recording)] == []
