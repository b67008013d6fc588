"""The operator that issues certificates for webhooks: installed by a pinned chart, or already part of the cluster."""

from typing import Any, ClassVar, Final

from pulumi import ResourceOptions

import versions
from components.kit.chart import chart
from components.kit.pod import resources
from components.platform.operator import HAS_AUTHORITY, Operator, OperatorArgs, operator_namespace

WEBHOOK_PORT: Final = 10250
NAMESPACE: Final = "cert-manager"


class CertManager(Operator[OperatorArgs]):
    """Creates a restricted namespace and the chart's objects in it, CRDs included; nothing where `install` is false.

    External: the chart's repository. Removing the chart leaves the CRDs, and so every certificate
    (`helm.sh/resource-policy: keep`). What depends on this may create an Issuer at once.
    """

    INSTALLED: ClassVar = str(versions.CERT_MANAGER)

    def install(self, name: str, args: OperatorArgs, child: ResourceOptions) -> None:
        chart(
            f"{name}-chart",
            versions.CERT_MANAGER,
            namespace=operator_namespace(name, NAMESPACE, webhooks=(WEBHOOK_PORT,), opts=child),
            values=_values(NAMESPACE),
            mirror=args.chart_mirror,
            opts=child,
        )


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
            # Without it no pod of the cluster gets a certificate: one replica more than the others.
            "replicaCount": 3,
            "podDisruptionBudget": available,
            "resources": small,
            # Takes the place of the startup check below.
            "validatingWebhookConfigurationAnnotations": HAS_AUTHORITY,
            "mutatingWebhookConfigurationAnnotations": HAS_AUTHORITY,
        },
        # It is a hook, and hooks do not run.
        "startupapicheck": {"enabled": False},
    }
