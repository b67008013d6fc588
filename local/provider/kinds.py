"""The kinds this provider knows, their scope, and which of their fields cannot change in place."""

from __future__ import annotations

from local.provider.values import Json

REMEDY = "install Pulumi's own kubernetes plugin (`pulumi plugin install resource kubernetes`) and run again"

NAMESPACED: dict[str, frozenset[str]] = {
    "v1": frozenset(
        {
            "ConfigMap", "LimitRange", "PersistentVolumeClaim", "ResourceQuota", "Secret", "Service", "ServiceAccount",
        }
    ),
    "apps/v1": frozenset({"Deployment", "StatefulSet"}),
    "autoscaling/v2": frozenset({"HorizontalPodAutoscaler"}),
    "batch/v1": frozenset({"CronJob", "Job"}),
    "coordination.k8s.io/v1": frozenset({"Lease"}),
    "networking.k8s.io/v1": frozenset({"NetworkPolicy"}),
    "policy/v1": frozenset({"PodDisruptionBudget"}),
    "rbac.authorization.k8s.io/v1": frozenset({"Role", "RoleBinding"}),
}  # fmt: skip

CLUSTER_SCOPED: dict[str, frozenset[str]] = {
    "v1": frozenset({"Namespace"}),
    "admissionregistration.k8s.io/v1": frozenset({"ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"}),
    "apiextensions.k8s.io/v1": frozenset({"CustomResourceDefinition"}),
    "rbac.authorization.k8s.io/v1": frozenset({"ClusterRole", "ClusterRoleBinding"}),
}

CUSTOM_GROUPS = frozenset(
    {
        "argoproj.io",
        "barmancloud.cnpg.io",
        "cert-manager.io",
        "gateway.networking.k8s.io",
        "monitoring.coreos.com",
        "networking.internal.knative.dev",
        "operator.knative.dev",
        "postgresql.cnpg.io",
        "serving.knative.dev",
        "serving.kserve.io",
    }
)
CLUSTER_SCOPED_CUSTOM = frozenset(
    {
        "ClusterImageCatalog",
        "ClusterIssuer",
        "ClusterServingRuntime",
        "ClusterStorageContainer",
        "ClusterWorkflowTemplate",
        "GatewayClass",
        "LocalModelNodeGroup",
    }
)

IMMUTABLE: dict[tuple[str, str], tuple[str, ...]] = {
    ("apps/v1", "Deployment"): ("spec.selector",),
    ("apps/v1", "StatefulSet"): (
        "spec.podManagementPolicy",
        "spec.revisionHistoryLimit",
        "spec.selector",
        "spec.serviceName",
        "spec.volumeClaimTemplates",
    ),
    ("batch/v1", "Job"): ("spec.completions", "spec.parallelism", "spec.selector", "spec.template"),
    ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"): ("roleRef",),
    ("rbac.authorization.k8s.io/v1", "RoleBinding"): ("roleRef",),
    ("v1", "ConfigMap"): ("binaryData", "data"),
    ("v1", "PersistentVolumeClaim"): (
        "spec.accessModes",
        "spec.dataSource",
        "spec.selector",
        "spec.storageClassName",
        "spec.volumeMode",
        "spec.volumeName",
    ),
    ("v1", "ResourceQuota"): ("spec.scopes",),
    ("v1", "Secret"): ("data", "stringData", "type"),
    ("v1", "Service"): ("spec.clusterIP",),
}
"""Fields whose change replaces the object, as in Pulumi's plugin (its `diff.go`): ConfigMaps and Secrets too, so that
their readers roll, unless the provider is configured with `enableConfigMapMutable` or `enableSecretMutable`."""


class UnsupportedError(ValueError):
    """Something only the official plugin does; the message says what and names the remedy."""


def is_namespaced(api_version: str, kind: str) -> bool:
    """Whether objects of the kind live in a namespace. Raises UnsupportedError for a kind that is not in the tables."""
    if kind in NAMESPACED.get(api_version, ()):
        return True
    if kind in CLUSTER_SCOPED.get(api_version, ()):
        return False
    if api_version.partition("/")[0] in CUSTOM_GROUPS:
        return kind not in CLUSTER_SCOPED_CUSTOM
    raise UnsupportedError(f"{api_version} {kind} is not known to ml-loop's stand-in kubernetes provider: {REMEDY}")


def check_type(token: str, kind: str) -> None:
    """Refuses type tokens that are more than one plain object: releases, and `…Patch` resources."""
    if token.rsplit(":", 1)[-1] != kind:
        raise not_served(token)


def not_served(token: str) -> UnsupportedError:
    """The refusal of a resource type, component or function."""
    return UnsupportedError(f"{token} is not served by ml-loop's stand-in kubernetes provider: {REMEDY}")


def of_type(token: str) -> tuple[str, str]:
    """apiVersion and kind of a type token such as `kubernetes:apps/v1:Deployment`, for reads that bring no inputs."""
    _, api_version, kind = token.split(":")
    return api_version.removeprefix("core/"), kind


def immutable_fields(manifest: Json, mutable: frozenset[str]) -> tuple[str, ...]:
    """Field paths that only a new object can change; `mutable` names the kinds configured to change in place."""
    kind = manifest["kind"]
    fields = IMMUTABLE.get((manifest["apiVersion"], kind), ())
    if kind in mutable and not manifest.get("immutable"):
        fields = tuple(field for field in fields if field == "type")
    return ("apiVersion", "kind", "metadata.name", "metadata.namespace", *fields)
