"""The operator that runs PostgreSQL: installed by a pinned chart, or already part of the cluster."""

from typing import ClassVar, Final

from pulumi import ResourceOptions

import versions
from components.kit.chart import chart
from components.kit.namespace import RestrictedNamespace, RestrictedNamespaceArgs
from components.kit.network import ANYWHERE, API_SERVER, Allowance, Peer, allow
from components.platform.operator import Operator, OperatorArgs

INSTANCE_PORTS = (5432, 8000)
"""PostgreSQL, and the status: where an instance answers its operator and the other instances."""
OPERATOR = {"app.kubernetes.io/name": versions.CLOUDNATIVE_PG.name}
"""Labels of the operator's pods, as the chart and upstream's manifests set them."""
WEBHOOK_PORT = 9443


class CloudNativePg(Operator[OperatorArgs]):
    """Creates a restricted namespace and the chart's objects in it, CRDs included; nothing where `install` is false.

    External: the chart's repository. A `Postgres` depends on this: a Cluster means nothing before its CRD and webhook.
    Removing the chart leaves the CRDs, and so every database (`helm.sh/resource-policy: keep`).
    """

    namespace: Final = "cnpg-system"
    """Where the operator runs. Its pods may reach the instances."""
    INSTALLED: ClassVar = str(versions.CLOUDNATIVE_PG)

    def install(self, name: str, args: OperatorArgs, child: ResourceOptions) -> None:
        home = RestrictedNamespace(f"{name}-namespace", RestrictedNamespaceArgs(namespace=self.namespace), child)
        allow(
            f"{name}-operator",
            namespace=home.name,
            selector=OPERATOR,
            # The API server calls the webhook from an address that no selector can name.
            ingress=[Allowance(ports=(WEBHOOK_PORT,), peers=ANYWHERE)],
            egress=[API_SERVER, Allowance(ports=INSTANCE_PORTS, peers=(_every_instance(),))],
            opts=child,
        )
        chart(
            f"{name}-chart",
            versions.CLOUDNATIVE_PG,
            namespace=home.name,
            values={
                "replicaCount": 2,
                "crds": {"create": True},
                "resources": {
                    "requests": {"cpu": "100m", "memory": "128Mi"},
                    "limits": {"memory": "256Mi"},
                },
            },
            mirror=args.chart_mirror,
            opts=child,
        )


def _every_instance() -> Peer:
    """The traffic to databases in any namespace."""
    return {
        "namespace_selector": {},
        "pod_selector": {"match_expressions": [{"key": "cnpg.io/cluster", "operator": "Exists"}]},
    }
