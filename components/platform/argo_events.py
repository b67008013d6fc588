"""The operator that starts a training when drift is published: installed by a pinned chart, or the cluster's own."""

from dataclasses import dataclass
from typing import Any, ClassVar, Final

from pulumi import ResourceOptions

import versions
from components.kit.chart import chart
from components.kit.pod import resources
from components.kit.restricted import container_security_context, pod_security_context
from components.platform.operator import Operator, OperatorArgs, operator_namespace

WEBHOOK_PORT: Final = 8443
"""Not 443, the chart's default: a pod without NET_BIND_SERVICE cannot bind it on containerd before 2."""
UID: Final = 9731
"""The user of the image."""
NAMESPACE: Final = "argo-events"


@dataclass(frozen=True, kw_only=True)
class ArgoEventsArgs(OperatorArgs):
    """How Argo Events comes into the cluster."""

    nats_image: str
    """The servers of an event bus of version `versions.NATS.tag`, the only version that can be asked for."""


class ArgoEvents(Operator[ArgoEventsArgs]):
    """Creates a restricted namespace and the chart's objects in it, CRDs included; nothing where `install` is false.

    External: the chart's repository. Removing the chart leaves the CRDs, and so every sensor
    (`helm.sh/resource-policy: keep`). The webhook registers itself once it answers, so nothing has to wait for it.
    """

    INSTALLED: ClassVar = str(versions.ARGO_EVENTS)

    def install(self, name: str, args: ArgoEventsArgs, child: ResourceOptions) -> None:
        chart(
            f"{name}-chart",
            versions.ARGO_EVENTS,
            namespace=operator_namespace(name, NAMESPACE, webhooks=(WEBHOOK_PORT,), opts=child),
            values=_values(args.nats_image),
            mirror=args.chart_mirror,
            opts=child,
        )


def _values(nats_image: str) -> dict[str, Any]:
    deployment: dict[str, Any] = {
        "replicas": 2,
        "pdb": {"enabled": True, "minAvailable": 1},
        "containerSecurityContext": container_security_context(),
        "resources": resources(cpu="50m", memory="64Mi", memory_limit="512Mi"),
    }
    bus = {
        "version": versions.NATS.tag,
        "natsImage": nats_image,
        "metricsExporterImage": versions.NATS_EXPORTER.reference,
        "configReloaderImage": versions.NATS_RELOADER.reference,
        "startCommand": "/nats-server",
    }
    # NATS Streaming is no longer maintained and not offered, but without an entry the controller does not start.
    nobody = {"version": "none", "natsStreamingImage": "none", "metricsExporterImage": "none"}
    return {
        "crds": {"install": True, "keep": True},
        "global": {"securityContext": pod_security_context(UID)},
        # For event sources and sensors, whose image is pinned: by default each start asks its registry.
        "controller": {**deployment, "env": [{"name": "IMAGE_PULL_POLICY", "value": "IfNotPresent"}]},
        "webhook": {**deployment, "enabled": True, "port": WEBHOOK_PORT},
        # The chart's own lists offer `latest`.
        "configs": {"nats": {"versions": [nobody]}, "jetstream": {"versions": [bus]}},
    }
