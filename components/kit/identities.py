"""Service accounts with rights: one for each set of them."""

from collections.abc import Mapping, Sequence

import pulumi
import pulumi_kubernetes as k8s
from pulumi import Output, ResourceOptions

from components.kit.custom import object_name
from components.kit.labels import labels
from components.kit.options import depending_on

RoleRule = k8s.rbac.v1.PolicyRuleArgsDict

RESULTS: RoleRule = {"api_groups": ["argoproj.io"], "resources": ["workflowtaskresults"], "verbs": ["create", "patch"]}
"""What the executor beside every step needs, as it hands the step's output parameters to the controller."""


def changes(service: str) -> RoleRule:
    """The right to read and change one InferenceService."""
    return {
        "api_groups": ["serving.kserve.io"],
        "resources": ["inferenceservices"],
        "resource_names": [service],
        "verbs": ["get", "patch"],
    }


def rolls(service: str) -> list[RoleRule]:
    """The right to change one InferenceService, and to watch its pods come up."""
    return [
        changes(service),
        {"api_groups": ["apps"], "resources": ["deployments"], "verbs": ["list"]},
        {"api_groups": [""], "resources": ["pods"], "verbs": ["list"]},
    ]


def step_identity(
    name: str,
    account: str,
    *,
    namespace: pulumi.Input[str],
    rules: Sequence[RoleRule] = (),
    annotations: pulumi.Input[Mapping[str, str]] | None = None,
    opts: ResourceOptions,
) -> Output[str]:
    """A service account that may do `rules` in its namespace, and what every step of a workflow needs.

    `annotations` bring its pods a role outside the cluster. Returns the account's name, known once it has its rights.
    """
    return account_with(
        name,
        account,
        [RESULTS, *rules],
        namespace=namespace,
        labels=labels("workflow-step", account),
        annotations=annotations,
        opts=opts,
    )


def account_with(
    name: str,
    account: str,
    rules: Sequence[RoleRule],
    *,
    namespace: pulumi.Input[str],
    labels: Mapping[str, str],
    every_container: bool = False,
    annotations: pulumi.Input[Mapping[str, str]] | None = None,
    opts: ResourceOptions,
) -> Output[str]:
    """A service account that may do `rules` in its namespace. Returns its name, known once it has its rights.

    With `every_container`, all containers of its pods get its token; otherwise the pods hand it to those that need it.
    Without rules there is no role: its pods can be told apart from others, and may do nothing.
    """
    metadata: k8s.meta.v1.ObjectMetaArgsDict = {"name": account, "namespace": namespace, "labels": labels}
    made = k8s.core.v1.ServiceAccount(
        f"{name}-account",
        metadata={**metadata, "annotations": annotations} if annotations is not None else metadata,
        automount_service_account_token=every_container,
        opts=opts,
    )
    if not rules:
        return object_name(made)
    role = k8s.rbac.v1.Role(f"{name}-role", metadata=metadata, rules=rules, opts=opts)
    binding = k8s.rbac.v1.RoleBinding(
        f"{name}-binding",
        metadata=metadata,
        role_ref={"api_group": "rbac.authorization.k8s.io", "kind": "Role", "name": object_name(role)},
        # The name as text: a preview that does not know an annotation knows none of the account's metadata.
        subjects=[{"kind": "ServiceAccount", "name": account, "namespace": namespace}],
        opts=depending_on(opts, made),
    )
    return object_name(binding)
