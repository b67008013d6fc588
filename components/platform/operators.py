"""All operators of the platform, in the order they need each other, as `ml-loop:platform` says."""

from dataclasses import dataclass
from typing import Final

from pulumi import Input, ResourceOptions

from components.kit.images import image
from components.kit.options import depending_on
from components.platform.argo_events import ArgoEvents, ArgoEventsArgs
from components.platform.argo_workflows import ArgoWorkflows, ArgoWorkflowsArgs
from components.platform.barman_cloud import BarmanCloud, BarmanCloudArgs
from components.platform.cert_manager import CertManager
from components.platform.cloudnativepg import CloudNativePg
from components.platform.knative import Knative
from components.platform.kserve import KServe, KServeArgs
from components.platform.operator import OperatorArgs
from settings import ImageName, Operator, Settings

UNUSED: Final = "not used"
"""The version of an operator that nothing in the stack uses."""


@dataclass(frozen=True, kw_only=True)
class Operators:
    """The operators, for the rest of the stack to come after."""

    argo_workflows: ArgoWorkflows
    argo_events: ArgoEvents
    cert_manager: CertManager
    knative: Knative | None
    kserve: KServe
    cloud_native_pg: CloudNativePg
    barman_cloud: BarmanCloud | None
    versions: dict[str, str]
    """Each operator's version, by its key in `ml-loop:platform`."""


def operators(stack: Settings, workflow_namespace: Input[str], opts: ResourceOptions) -> Operators:
    """Installs what the settings say, and stands for what the cluster brings.

    With backups, our own CloudNativePG gets the plugin that archives databases; the cluster's has one already.
    """
    platform, mirror = stack.platform, stack.platform.chart_mirror

    def plain(operator: Operator) -> OperatorArgs:
        return OperatorArgs(install=operator.install, chart_mirror=mirror)

    cert_manager = CertManager("cert-manager", plain(platform.cert_manager), opts)
    knative = platform.knative and Knative("knative", plain(platform.knative), opts)
    # cert-manager issues the certificate of KServe's webhooks, Knative has the kinds that its controller watches.
    served = depending_on(opts, cert_manager, *([knative] if knative else []))
    kserve_args = KServeArgs(install=platform.kserve.install, mode=platform.kserve.mode, chart_mirror=mirror)
    kserve = KServe("kserve", kserve_args, served)
    workflows_args = ArgoWorkflowsArgs(
        install=platform.argo_workflows.install, workflow_namespace=workflow_namespace, chart_mirror=mirror
    )
    argo_workflows = ArgoWorkflows("argo-workflows", workflows_args, opts)
    events_args = ArgoEventsArgs(
        install=platform.argo_events.install, nats_image=image(stack, ImageName.NATS), chart_mirror=mirror
    )
    argo_events = ArgoEvents("argo-events", events_args, opts)
    cloud_native_pg = CloudNativePg("cloudnative-pg", plain(platform.cloud_native_pg), opts)
    barman_cloud = None
    if stack.tracking.postgres.backup is not None and platform.cloud_native_pg.install:
        barman_args = BarmanCloudArgs(namespace=cloud_native_pg.namespace, chart_mirror=mirror)
        barman_cloud = BarmanCloud("barman-cloud", barman_args, depending_on(opts, cert_manager, cloud_native_pg))
    asked = platform.cert_manager.install or stack.asks_cert_manager
    return Operators(
        argo_workflows=argo_workflows,
        argo_events=argo_events,
        cert_manager=cert_manager,
        knative=knative,
        kserve=kserve,
        cloud_native_pg=cloud_native_pg,
        barman_cloud=barman_cloud,
        versions={
            "argoWorkflows": argo_workflows.version,
            "argoEvents": argo_events.version,
            "certManager": cert_manager.version if asked else UNUSED,
            "knative": knative.version if knative else UNUSED,
            "kserve": kserve.version,
            "cloudNativePg": cloud_native_pg.version,
            "barmanCloud": barman_cloud.version if barman_cloud else UNUSED,
        },
    )
