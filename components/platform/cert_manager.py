"""The operator that issues certificates for webhooks: installed by a pinned chart, or already part of the cluster."""

from dataclasses import dataclass
from typing import Any, Final

import pulumi
from pulumi import ResourceOptions

import versions
from components.kit.chart import chart
from components.kit.pod import resources
from components.platform.operator import BROUGHT, HAS_AUTHORITY, operator_namespace

WEBHOOK_PORT: Final = 10250


@dataclass(frozen=True, kw_only=True)
class CertManagerArgs:
    """How cert-manager comes into the cluster."""

    install: bool
    """False: the cluster has one already, and its webhook answers."""
    namespace: str = "cert-manager"
    chart_mirror: str | None = None
    """Where charts come from instead of their own repositories."""


class CertManager(pulumi.ComponentResource):
    """Creates a restricted namespace and the chart's objects in it, CRDs included; nothing where `install` is false.

    External: the chart's repository. Removing the chart leaves the CRDs, and so every certificate
    (`helm.sh/resource-policy: keep`). What depends on this may create an Issuer at once.
    """

    version: str
    """The installed chart and its version, or that the cluster brings its own."""

    def __init__(self, name: str, args: CertManagerArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("ml-loop:platform:CertManager", name, None, opts)
        child = ResourceOptions(parent=self)
        self.version = str(versions.CERT_MANAGER) if args.install else BROUGHT
        if args.install:
            chart(
                f"{name}-chart",
                versions.CERT_MANAGER,
                namespace=operator_namespace(name, args.namespace, webhooks=(WEBHOOK_PORT,), opts=child),
                values=_values(args.namespace),
                mirror=args.chart_mirror,
                opts=child,
            )
        self.register_outputs({"version": self.version})


def _values(namespace: str) -> dict[str, Any]:
    available = {"enabled": True, "minAvailable": 1}
    small = resources(cpu="20m", memory="64Mi", memory_limit="512Mi")
    return {
        "crds": {"enabled": True, "keep": True},
        # Upstream elects in kube-system, where nothing of this stack belongs.
        "global": {"leaderElection": {"namespace": namespace}},
        "replicaCount": 2,
        "podDisruptionBudget": available,
        "resources": small,
        "cainjector": {"replicaCount": 2, "podDisruptionBudget": available, "resources": small},
        "webhook": {
            # Its absence stops every certificate of the cluster: one more than the others.
            "replicaCount": 3,
            "podDisruptionBudget": available,
            "resources": small,
            # Takes the place of the startup check below.
            "validatingWebhookConfigurationAnnotations": HAS_AUTHORITY,
            "mutatingWebhookConfigurationAnnotations": HAS_AUTHORITY,
        },
        # A hook, and no hook runs.
        "startupapicheck": {"enabled": False},
    }
