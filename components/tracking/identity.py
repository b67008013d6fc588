"""How MLflow's servers know who asks, and what they may: the other side of `identity/`, the plugin in their image."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_kubernetes as k8s
from pulumi import Output, ResourceOptions

from components.kit.custom import object_name
from components.kit.identities import RoleRule
from components.kit.labels import labels
from components.kit.pod import Env, Mount, Volume, config_map, plain_env
from contract import names

METRICS_PORT: Final = 5001
FILE: Final = "policy.json"
POLICY: Final[Mount] = {"name": "identity-policy", "mount_path": "/etc/ml-loop-identity", "read_only": True}
COUNTS: Final[Mount] = {"name": "identity-counts", "mount_path": "/var/lib/ml-loop-identity"}
"""Where each worker writes what it counted; any reads all."""
MOUNTS: Final = (POLICY, COUNTS)
REVIEW: Final[RoleRule] = {
    "api_groups": ["authentication.k8s.io"],
    "resources": ["tokenreviews"],
    "verbs": ["create"],
}
"""Less than the usual `system:auth-delegator`, which may also create SubjectAccessReviews."""
LOOK: Final[RoleRule] = {"api_groups": [""], "resources": ["pods"], "verbs": ["list"]}
"""In the callers' namespace: to see whether the pod that a token was made for still runs."""
TRAINING: Final = ("train",)
"""Account of the steps that run a user's code, which write a model's runs, by its suffix."""
GATE: Final = ("gate", "rollout")
"""Accounts of the loop's own steps, which judge: they register versions, tag them, and move `staging`."""
HEALING: Final = ("aliases",)
"""Account of the alias watch, which may only put `production` back after it was moved by hand."""
PROMOTION: Final = ("promote",)
Guards = Mapping[str, Mapping[str, Sequence[str]]]
"""Model → right → accounts, as Kubernetes names them. The policy file's content."""


def guards(models: Sequence[str], namespace: str, healing: Sequence[str] = ()) -> Guards:
    """All models of a stack are guarded, each by its own accounts. `healing`: those whose `production` is put back."""

    def accounts(model: str, suffixes: Sequence[str]) -> list[str]:
        return [f"system:serviceaccount:{namespace}:{model}-{suffix}" for suffix in suffixes]

    rights = {"training": TRAINING, "gate": GATE, "promotion": PROMOTION}
    return {
        model: {
            right: accounts(model, suffixes)
            for right, suffixes in (rights | ({"healing": HEALING} if model in healing else {})).items()
        }
        for model in sorted(models)
    }


def volumes(name: str, namespace: pulumi.Input[str], app: str, content: Guards, opts: ResourceOptions) -> list[Volume]:
    """The volumes of `MOUNTS`. Another policy is another volume, and so another pod: the plugin reads it at start."""
    metadata: k8s.meta.v1.ObjectMetaArgsDict = {"namespace": namespace, "labels": labels(app, name)}
    files = {FILE: json.dumps({"models": content}, sort_keys=True)}
    made = config_map(f"{name}-identity", f"{name}-identity", metadata, files, opts)
    return [{"name": POLICY["name"], "config_map": {"name": made}}, {"name": COUNTS["name"], "empty_dir": {}}]


@dataclass(frozen=True, kw_only=True)
class Reviewer:
    """MLflow's servers, as reviewers of callers' tokens."""

    namespace: pulumi.Input[str]
    account: Output[str]
    callers: pulumi.Input[str]
    """Namespace whose pods call with a token."""

    @property
    def subjects(self) -> list[k8s.rbac.v1.SubjectArgsDict]:
        return [{"kind": "ServiceAccount", "name": self.account, "namespace": self.namespace}]


def may_review(name: str, reviewer: Reviewer, app: str, opts: ResourceOptions) -> Output[str]:
    """Lets an account have tokens reviewed, and read their pods. Returns its name, known once it has these rights."""
    # Unique names: two stacks on one cluster differ in the namespace.
    metadata: k8s.meta.v1.ObjectMetaArgsDict = {
        "name": Output.concat(reviewer.namespace, "-", name, "-token-review"),
        "labels": labels(app, name),
    }
    role = k8s.rbac.v1.ClusterRole(f"{name}-token-review", metadata=metadata, rules=[REVIEW], opts=opts)
    binding = k8s.rbac.v1.ClusterRoleBinding(
        f"{name}-token-review-binding",
        metadata=metadata,
        role_ref={"api_group": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": object_name(role)},
        subjects=reviewer.subjects,
        opts=opts,
    )
    looks = _may_look(name, reviewer, metadata, opts)
    return Output.all(reviewer.account, object_name(binding), looks).apply(lambda known: str(known[0]))


def _may_look(
    name: str, reviewer: Reviewer, metadata: k8s.meta.v1.ObjectMetaArgsDict, opts: ResourceOptions
) -> Output[str]:
    there: k8s.meta.v1.ObjectMetaArgsDict = {**metadata, "namespace": reviewer.callers}
    role = k8s.rbac.v1.Role(f"{name}-callers", metadata=there, rules=[LOOK], opts=opts)
    binding = k8s.rbac.v1.RoleBinding(
        f"{name}-callers-binding",
        metadata=there,
        role_ref={"api_group": "rbac.authorization.k8s.io", "kind": "Role", "name": object_name(role)},
        subjects=reviewer.subjects,
        opts=opts,
    )
    return object_name(binding)


def plugin_env() -> list[Env]:
    """What the plugin is told."""
    return plain_env(
        {
            names.Env.IDENTITY_POLICY: f"{POLICY['mount_path']}/{FILE}",
            names.Env.IDENTITY_METRICS_PORT: str(METRICS_PORT),
            "PROMETHEUS_MULTIPROC_DIR": COUNTS["mount_path"],
        }
    )
