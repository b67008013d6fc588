"""All operators of the platform, in the order they need each other, as `ml-loop:platform` says."""

from dataclasses import dataclass
from typing import Final

from pulumi import Input, Resource, ResourceOptions

from components.kit.images import image
from components.platform.argo_events import ArgoEvents, ArgoEventsArgs
from components.platform.argo_workflows import ArgoWorkflows, ArgoWorkflowsArgs
from components.platform.barman_cloud import BarmanCloud, BarmanCloudArgs
from components.platform.cert_manager import CertManager, CertManagerArgs
from components.platform.cloudnativepg import CloudNativePg, CloudNativePgArgs
from components.platform.knative import Knative, KnativeArgs
from components.platform.kserve import KServe, KServeArgs
from components.platform.operator import BROUGHT
from settings import ImageName, Settings

UNUSED: Final = "not used"
"""The version of an operator that the settings leave out."""


@dataclass(frozen=True, kw_only=True)
class Operators:
    """What the rest of the stack comes `after`."""

    argo_workflows: ArgoWorkflows
    argo_events: ArgoEvents
    cert_manager: CertManager
    knative: Knative | None
    kserve: KServe
    cloud_native_pg: CloudNativePg
    barman_cloud: BarmanCloud | None

    @property
    def versions(self) -> dict[str, str]:
        """Each operator's version, by its key in `ml-loop:platform`."""
        return {
            "argoWorkflows": self.argo_workflows.version,
            "argoEvents": self.argo_events.version,
            "certManager": UNUSED if self._nothing_needs_cert_manager else self.cert_manager.version,
            "knative": self.knative.version if self.knative else UNUSED,
            "kserve": self.kserve.version,
            "cloudNativePg": self.cloud_native_pg.version,
            "barmanCloud": self.barman_cloud.version if self.barman_cloud else UNUSED,
        }

    @property
    def _nothing_needs_cert_manager(self) -> bool:
        """Only our own KServe asks it for a certificate; a cluster that brings KServe need not have it."""
        return self.cert_manager.version == self.kserve.version == BROUGHT


def operators(stack: Settings, workflow_namespace: Input[str], opts: ResourceOptions) -> Operators:
    """Installs what the settings say, and stands for what the cluster brings.

    With backups, our own CloudNativePG gets the plugin that archives databases; the cluster's has one already.
    """
    platform, mirror = stack.platform, stack.platform.chart_mirror
    cert_manager = CertManager(
        "cert-manager", CertManagerArgs(install=platform.cert_manager.install, chart_mirror=mirror), opts
    )
    knative = platform.knative and Knative(
        "knative", KnativeArgs(install=platform.knative.install, chart_mirror=mirror), opts
    )
    # cert-manager issues the certificate of KServe's webhooks, Knative has the kinds that its controller watches.
    needed = [cert_manager, *([knative] if knative else [])]
    cloud_native_pg = CloudNativePg(
        "cloudnative-pg", CloudNativePgArgs(install=platform.cloud_native_pg.install, chart_mirror=mirror), opts
    )
    plugin = stack.tracking.postgres.backup is not None and platform.cloud_native_pg.install
    return Operators(
        cert_manager=cert_manager,
        knative=knative,
        kserve=KServe(
            "kserve",
            KServeArgs(install=platform.kserve.install, mode=platform.kserve.mode, chart_mirror=mirror),
            ResourceOptions.merge(opts, ResourceOptions(depends_on=needed)),
        ),
        argo_workflows=ArgoWorkflows(
            "argo-workflows",
            ArgoWorkflowsArgs(
                install=platform.argo_workflows.install, workflow_namespace=workflow_namespace, chart_mirror=mirror
            ),
            opts,
        ),
        argo_events=ArgoEvents(
            "argo-events",
            ArgoEventsArgs(
                install=platform.argo_events.install, nats_image=image(stack, ImageName.NATS), chart_mirror=mirror
            ),
            opts,
        ),
        cloud_native_pg=cloud_native_pg,
        barman_cloud=BarmanCloud(
            "barman-cloud",
            BarmanCloudArgs(namespace=cloud_native_pg.namespace, chart_mirror=mirror),
            ResourceOptions.merge(opts, ResourceOptions(depends_on=[cert_manager, cloud_native_pg])),
        )
        if plugin
        else None,
    )


def after(operator: Resource, opts: ResourceOptions) -> ResourceOptions:
    """The options of what is of an operator's kinds: no data flows from one, but before it its kinds are not there."""
    return ResourceOptions.merge(opts, ResourceOptions(depends_on=[operator]))
