"""The operator that starts a training when drift is published: installed by a pinned chart, or the cluster's own."""

from dataclasses import dataclass
from typing import Any, Final

import pulumi
from pulumi import ResourceOptions

import versions
from components.kit.chart import chart
from components.kit.pod import resources
from components.kit.restricted import container_security_context, pod_security_context
from components.platform.operator import BROUGHT, operator_namespace

WEBHOOK_PORT: Final = 8443
"""Not 443, the chart's default: a pod without NET_BIND_SERVICE cannot bind it on containerd before 2."""
UID: Final = 9731
"""The user of the image."""


@dataclass(frozen=True, kw_only=True)
class ArgoEventsArgs:
    """How Argo Events comes into the cluster."""

    install: bool
    """False: the cluster has 1.9.6 or later already."""
    nats_image: str
    """The servers of an event bus of version `versions.NATS.tag`, the only version that can be asked for."""
    namespace: str = "argo-events"
    chart_mirror: str | None = None
    """Where charts come from instead of their own repositories."""


class ArgoEvents(pulumi.ComponentResource):
    """Creates a restricted namespace and the chart's objects in it, CRDs included; nothing where `install` is false.

    External: the chart's repository. Removing the chart leaves the CRDs, and so every sensor
    (`helm.sh/resource-policy: keep`). The webhook registers itself once it answers, so nothing has to wait for it.
    """

    version: str
    """The installed chart and its version, or that the cluster brings its own."""

    def __init__(self, name: str, args: ArgoEventsArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("ml-loop:platform:ArgoEvents", name, None, opts)
        child = ResourceOptions(parent=self)
        self.version = str(versions.ARGO_EVENTS) if args.install else BROUGHT
        if args.install:
            chart(
                f"{name}-chart",
                versions.ARGO_EVENTS,
                namespace=operator_namespace(name, args.namespace, webhooks=(WEBHOOK_PORT,), opts=child),
                values=_values(args.nats_image),
                mirror=args.chart_mirror,
                opts=child,
            )
        self.register_outputs({"version": self.version})


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
    # NATS Streaming has come to its end and is not offered, but without an entry the controller does not start.
    nobody = {"version": "none", "natsStreamingImage": "none", "metricsExporterImage": "none"}
    return {
        "crds": {"install": True, "keep": True},
        "global": {"securityContext": pod_security_context(UID)},
        # Of event sources and sensors, whose image is pinned: by default each start asks its registry.
        "controller": {**deployment, "env": [{"name": "IMAGE_PULL_POLICY", "value": "IfNotPresent"}]},
        "webhook": {**deployment, "enabled": True, "port": WEBHOOK_PORT},
        # The chart's own lists offer `latest`.
        "configs": {"nats": {"versions": [nobody]}, "jetstream": {"versions": [bus]}},
    }
