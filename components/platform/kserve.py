"""The operator that serves models: installed by two pinned charts, or already part of the cluster."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from pulumi import ResourceOptions

import versions
from components.kit.chart import chart
from components.kit.restricted import container_security_context
from components.platform.operator import Operator, OperatorArgs, await_authority, keep_definitions, operator_namespace
from settings import KServeMode

WEBHOOK_PORT: Final = 9443
GATEWAYS: Final[Mapping[KServeMode, Mapping[str, bool]]] = {
    # The stack makes its own routes, which split traffic.
    KServeMode.STANDARD: {"disableIngressCreation": True, "disableIstioVirtualHost": True},
    # Knative makes the routes; without Istio, a virtual service would be refused.
    KServeMode.KNATIVE: {"disableIstioVirtualHost": True},
}
RESTRICTED: Final = {"runAsNonRoot": True, "privileged": False, "seccompProfile": {"type": "RuntimeDefault"}}
NAMESPACE: Final = "kserve"


@dataclass(frozen=True, kw_only=True)
class KServeArgs(OperatorArgs):
    """How KServe comes into the cluster, and how it runs model servers."""

    mode: KServeMode


class KServe(Operator[KServeArgs]):
    """Creates a restricted namespace and the objects of two charts in it; nothing where `install` is false.

    External: the charts' repository; cert-manager, which issues the webhooks' certificate and must be there first;
    Knative Serving in its mode. Removing the charts leaves the CRDs, and so every InferenceService.
    What depends on this may create an InferenceService at once.
    """

    INSTALLED: ClassVar = str(versions.KSERVE_RESOURCES)

    def install(self, name: str, args: KServeArgs, child: ResourceOptions) -> None:
        namespace = operator_namespace(name, NAMESPACE, webhooks=(WEBHOOK_PORT,), opts=child)
        definitions = chart(
            f"{name}-definitions",
            versions.KSERVE_CRD,
            namespace=namespace,
            values={},
            mirror=args.chart_mirror,
            opts=ResourceOptions.merge(child, ResourceOptions(transforms=[keep_definitions])),
        )
        chart(
            f"{name}-chart",
            versions.KSERVE_RESOURCES,
            namespace=namespace,
            values=_values(args.mode),
            mirror=args.chart_mirror,
            opts=ResourceOptions.merge(
                child,
                # The controller ends where its kinds are missing.
                ResourceOptions(transforms=[await_authority], depends_on=[definitions]),
            ),
        )


def _values(mode: KServeMode) -> dict[str, Any]:
    """One replica: the chart has no value for more. Serving continues without it; only changes wait."""
    return {
        "kserve": {
            "controller": {
                "deploymentMode": mode.capitalize(),
                "imagePullPolicy": "IfNotPresent",
                # It looks for Knative's kinds only when it starts: another mode is another pod.
                "podAnnotations": {"ml-loop.dev/mode": mode.value},
                # Upstream's limit of 100m makes the start take minutes.
                "resources": {
                    "requests": {"cpu": "100m", "memory": "300Mi"},
                    "limits": {"cpu": "1", "memory": "512Mi"},
                },
                "gateway": GATEWAYS[mode],
            },
            # Model servers do not talk to the API server.
            "security": {"autoMountServiceAccountToken": False},
            # For the default storage container; the loop's models have one of their own.
            "storage": {
                # Its Python client unpacks archives beside the model's volume.
                "containerSecurityContext": container_security_context()
                | RESTRICTED
                | {"readOnlyRootFilesystem": False},
            },
        }
    }
