"""The rules inside Pulumi: what the SDK hands a policy, and what a policy hands back."""

from collections.abc import Mapping
from typing import Any

import pytest
from pulumi.runtime import config
from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyCustomTimeouts,
    PolicyResource,
    PolicyResourceOptions,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.proxy import (
    UNKNOWN_BOOLEAN_VALUE,
    UNKNOWN_OBJECT_VALUE,
    UNKNOWN_STRING_VALUE,
    unknown_checking_proxy,
)

from policy.manifest import Unknown
from policy.pulumi_pack import plain, policies
from policy.rules import RULES
from tests.policy.manifests import changed, denial, deployment, namespace

OPTIONS = PolicyResourceOptions(
    protect=False,
    ignore_changes=[],
    delete_before_replace=None,
    aliases=[],
    custom_timeouts=PolicyCustomTimeouts(0, 0, 0),
    additional_secret_outputs=[],
)
BROKEN = changed(deployment(), "spec.template.spec.hostNetwork", True)
MESSAGE = "Deployment ml/server: spec.template.spec.hostNetwork is true; must be false or unset; remove it"


@pytest.fixture
def pack() -> dict[str, Policy]:
    return {policy.name: policy for policy in policies(RULES, lambda: "dev")}


def judged(policy: Policy, *manifests: Mapping[str, Any], chart: bool = False, **config: Any) -> list[str]:
    """What a policy reports of Kubernetes objects, called as the SDK calls it."""
    said: list[str] = []

    def report(message: str, _urn: str | None = None) -> None:
        said.append(message)

    for group in (
        ([manifest] for manifest in manifests) if isinstance(policy, ResourceValidationPolicy) else [manifests]
    ):
        given = [_given(manifest, chart) for manifest in group]
        if isinstance(policy, ResourceValidationPolicy):
            policy.validate(ResourceValidationArgs(*given[0], OPTIONS, None, config), report)
        elif isinstance(policy, StackValidationPolicy):
            resources = [PolicyResource(*one, OPTIONS, None, None, [], {}) for one in given]
            policy.validate(StackValidationArgs(resources, config), report)
    return said


def _given(manifest: Mapping[str, Any], chart: bool) -> tuple[str, Any, str, str]:
    kind = f"kubernetes:{manifest['apiVersion']}:{manifest['kind']}"
    parent = "kubernetes:helm.sh/v4:Chart$" if chart else ""
    return kind, unknown_checking_proxy(dict(manifest)), f"urn:pulumi:dev::ml-loop::{parent}{kind}::x", "x"


def test_each_rule_is_a_policy_of_its_level(pack: dict[str, Policy]) -> None:
    levels = {rule.name: EnforcementLevel(rule.level.value) for rule in RULES}
    advice = dict.fromkeys(("not-known-yet", "exceptions-in-use"), EnforcementLevel.ADVISORY)
    assert {name: policy.enforcement_level for name, policy in pack.items()} == levels | advice


def test_a_happy_stack_is_reported_by_no_policy(pack: dict[str, Policy]) -> None:
    assert {name: judged(policy, namespace(), denial(), deployment()) for name, policy in pack.items()} == {
        name: [] for name in pack
    }


def test_a_violation_is_reported_in_the_rules_own_words(pack: dict[str, Policy]) -> None:
    assert judged(pack["restricted-pods"], BROKEN) == [MESSAGE]


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        ("spec.template.spec.hostNetwork", UNKNOWN_BOOLEAN_VALUE, "spec.template.spec.hostNetwork"),
        ("spec.template.spec.securityContext", UNKNOWN_OBJECT_VALUE, "spec.template.spec.securityContext"),
        ("spec", UNKNOWN_OBJECT_VALUE, "spec"),
        ("spec.template.spec.containers.0", UNKNOWN_OBJECT_VALUE, "spec.template.spec.containers[0]"),
    ],
)
def test_an_unknown_value_is_advice_and_never_a_pass(
    path: str, value: str, field: str, pack: dict[str, Policy]
) -> None:
    assert judged(pack["restricted-pods"], changed(deployment(), path, value)) == []
    notes = judged(pack["not-known-yet"])
    assert notes
    assert all("not known yet" in note and field in note for note in notes)


def test_an_unknown_value_hides_no_violation_beside_it(pack: dict[str, Policy]) -> None:
    mixed = changed(BROKEN, "spec.template.spec.hostPID", UNKNOWN_BOOLEAN_VALUE)
    assert judged(pack["restricted-pods"], mixed) == [MESSAGE]
    assert judged(pack["not-known-yet"]) == [
        "Deployment ml/server: spec.template.spec.hostPID is not known yet; must be false or unset"
    ]


def test_an_exception_is_advice_with_its_reason(pack: dict[str, Policy]) -> None:
    entry = {"object": "Deployment/ml/server", "reason": "measured", "expires": "9999-01-01"}
    assert judged(pack["restricted-pods"], BROKEN, exceptions=[entry]) == []
    assert judged(pack["exceptions-in-use"]) == [
        f"{MESSAGE} [exception: restricted-pods for Deployment/ml/server until 9999-01-01: measured]"
    ]


def test_an_exception_without_an_end_is_reported_instead_of_used(pack: dict[str, Policy]) -> None:
    (message,) = judged(pack["restricted-pods"], BROKEN, exceptions=[{"reason": "measured"}])
    assert message.endswith("expires: is missing; expected a date such as 2027-01-31. Write year, month and day.")


def test_the_options_of_a_rule_reach_it(pack: dict[str, Policy]) -> None:
    template = {
        **namespace(),
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "WorkflowTemplate",
        "spec": {"templates": [{"name": "a", "data": {}}]},
    }
    config = {"executor": {"securityContext": {"privileged": True}}}
    assert "executor of workflow-controller-configmap.securityContext.privileged is true" in " ".join(
        judged(pack["restricted-operated-pods"], template, argoWorkflowsController=config)
    )


@pytest.mark.parametrize(
    ("name", "protect", "told"),
    [
        ("dev", "", False),
        ("dev", "false", False),
        ("eu-prod", "true", True),
        ("prod", "", True),
        ("prod", "false", False),
    ],
)
def test_production_is_what_the_stack_s_settings_say_and_else_its_name(name: str, protect: str, told: bool) -> None:
    config.set_all_config({"ml-loop:protect": protect})
    pack = {policy.name: policy for policy in policies(RULES, lambda: name)}
    tagged = changed(deployment(), "spec.template.spec.containers.0.image", "registry.example.com/server:1.2.3")
    assert bool(judged(pack["exact-images"], tagged)) is told


def test_what_a_chart_renders_is_known_by_its_parent(pack: dict[str, Policy]) -> None:
    writable = changed(deployment(), "spec.template.spec.containers.0.securityContext.readOnlyRootFilesystem", None)
    assert judged(pack["read-only-filesystem"], writable, chart=True) == []
    assert len(judged(pack["read-only-filesystem"], writable)) == 1


def test_numbers_come_as_floats_and_leave_as_written() -> None:
    given = unknown_checking_proxy({"a": [1.0, 1.5, UNKNOWN_STRING_VALUE], "b": {"c": UNKNOWN_STRING_VALUE, "d": True}})
    assert plain(given) == {"a": [1, 1.5, Unknown("a[2]")], "b": {"c": Unknown("b.c"), "d": True}}
